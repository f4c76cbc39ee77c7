import SoftGPU
import Workers

extension ModelOutcome {
    /// The end of a job as the model knows it: what is no page fault is a fault of the command buffer.
    init(_ outcome: Workers.JobOutcome) {
        self =
            switch outcome {
            case .completed: .completed
            case .pageFault(let address, let isWrite, _): .pageFault(address: address, isWrite: isWrite)
            case .invalidCommand(let offset, let reason): .invalidCommand(reason: "packet at \(offset): \(reason)")
            case .faulted(let offset, let fault): .invalidCommand(reason: "packet at \(offset): \(fault)")
            case .aborted: .aborted
            // What did not stop itself is told as aborted.
            case .lost(.unresponsive(let job)): .casualty(reason: "job \(job) did not stop")
            case .lost(let reason): .lost(reason: "\(reason)")
            }
    }
}
