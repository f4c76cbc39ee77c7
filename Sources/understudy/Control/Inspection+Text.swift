import SoftGPU

extension FenceName {
    /// For people.
    var text: String { "\(handle ?? "without a handle") of process \(process ?? "none")" }
}

extension QueueName {
    /// For people.
    var text: String { "\(kind) \(handle ?? "without a handle") of process \(process) on node \(node)" }
}

extension QueueInspection {
    /// For people.
    var text: String {
        let what =
            switch state {
            case .idle: "about to go on"
            case .waiting:
                "waits for "
                    + waitsFor.map { "\($0.fence.text) to go from \($0.value) to \($0.target)" }
                    .joined(separator: " and ")
            case .ready: "wants its node, which runs \(nodeIsRunning ?? 0) command buffers"
            case .running:
                "runs" + (runningMilliseconds.map { " for \($0) ms" } ?? "")
                    + (millisecondsToTimeout.map { ", \($0) ms before the timeout" } ?? "")
            }
        return "\(name.text) \(what), \(packets) packets queued"
    }
}
