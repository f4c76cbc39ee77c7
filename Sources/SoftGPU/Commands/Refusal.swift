import DXGProtocol

/// Why a command has no effect: the status of the answer, and a reason for the log.
struct Refusal: Error {
    let status: NTStatus
    let reason: String
    /// The device whose work it was, if it was a device's. Where the command has no reply, the device is put into error
    /// for it (docs/protocol/semantics.md 1.6).
    let device: D3DKMTHandle

    init(_ status: NTStatus, _ reason: String, device: D3DKMTHandle = .none) {
        self.status = status
        self.reason = reason
        self.device = device
    }

    static func invalid(_ reason: String) -> Refusal { Refusal(.invalidParameter, reason) }
    static func notSupported(_ reason: String) -> Refusal { Refusal(.notSupported, reason) }
    static func lost(_ device: Device) -> Refusal {
        Refusal(.deviceRemoved, "the device is in state \(device.state)")
    }
}
