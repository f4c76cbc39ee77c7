import DXGProtocol

/// Why a demo ended early.
enum DemoError: Error, CustomStringConvertible {
    case wrongResult(String)
    /// With the device's execution state (docs/protocol/semantics.md 5).
    case deviceLost(UInt32)

    var description: String {
        switch self {
        case .wrongResult(let text): "wrong result: \(text)"
        case .deviceLost(let state):
            "the device is lost: \(DeviceExecutionState(rawValue: state).map { "\($0)" } ?? "state \(state)")"
        }
    }
}
