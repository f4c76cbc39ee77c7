import DXGProtocol

/// Timeout detection and recovery (docs/protocol/semantics.md 5.1, TDR).
///
/// A packet that runs longer than TdrDelay is told to stop, which resets its node and costs its device. One that does
/// not leave the node within TdrDdiDelay costs the guest its whole virtual GPU, for once; too many timeouts within
/// TdrLimitTime take the virtual GPU away for good. Other guests notice nothing of either.
extension SoftGPU {
    /// Stops jobs that have run too long, and gives up on those that do not stop.
    func expireJobs() {
        for adapter in adapters {
            for job in adapter.nodes.flatMap(\.running) where runningJobs[job.id] != nil {
                if let deadline = job.stopDeadline {
                    if deadline <= now { giveUp(on: job) }
                } else if let deadline = job.deadline, deadline <= now {
                    stop(job, as: .timedOut)
                }
            }
        }
    }

    /// Stops a job whose end nobody waits for.
    func discard(_ job: RunningJob) {
        if job.ending == .own { stop(job, as: .discarded) } else { job.ending = .discarded }
    }

    private func stop(_ job: RunningJob, as ending: RunningJob.Ending) {
        job.ending = ending
        job.stopDeadline = now.advanced(by: options.timeouts.resetNanoseconds)
        effects.append(.abort(job.id, job.space.id))
    }

    /// A job that was told to stop is still there: only the end of its worker frees the node.
    private func giveUp(on job: RunningJob) {
        let device = job.device
        report(.warning, device.process, "", nil, "the GPU hung: a packet did not stop, its vGPU is reset")
        recover(from: device, nodeIsFree: false)
        if !job.space.isClosed { restart(job.space) }
    }

    /// Puts a device into error whose packet hung, and all others of its virtual GPU where that must be reset.
    func recover(from device: Device, nodeIsFree: Bool) {
        let adapter = device.adapter
        let machine = device.process.machine
        var losses: [(device: Device, state: DeviceExecutionState)] = [(device, .hung)]
        if !nodeIsFree || !options.timeouts.resetsNodesAlone {
            losses += devices(on: adapter, of: machine).filter { $0 !== device }.map { ($0, .reset) }
        }
        lose(losses)
        count(timeoutOf: adapter, machine: machine)
    }

    /// A guest whose work hangs again and again loses its virtual GPU, not the host.
    private func count(timeoutOf adapter: VirtualAdapter, machine: VirtualMachine) {
        adapter.timeoutCount &+= 1
        adapter.timeouts.append(now)
        adapter.timeouts.removeAll { $0.advanced(by: options.timeouts.windowNanoseconds) < now }
        guard adapter.timeouts.count > options.timeouts.limit, adapter.outage != .offline else { return }
        effects.append(
            .report(
                Diagnostic(
                    severity: .warning, guest: machine.id, process: nil, command: "", status: nil,
                    reason: "vGPU \(adapter.index) goes offline after \(adapter.timeouts.count) timeouts")))
        stop(adapter, machine: machine, .offline)
    }
}
