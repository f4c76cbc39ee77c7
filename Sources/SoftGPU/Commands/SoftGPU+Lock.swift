import DXGProtocol

/// CPU access to allocations (docs/protocol/semantics.md 14).
extension SoftGPU {
    /// A CPU-visible allocation lies in the IO space from birth, so a lock is an address and never a copy.
    func lock2(_ request: MessageView<Lock2.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        let device = try call.device(request.device)
        let allocation = try call.allocation(request.allocation, on: device)
        let memory = allocation.memory
        guard request.flagsValue == 0 else { throw .invalid("lock flags \(request.flagsValue)") }
        guard memory.isCPUVisible, case .span(let span) = memory.backing, let window = call.machine.ioWindow else {
            if memory.isExistingSystemMemory {
                throw .notSupported("existing system memory of another process cannot be locked")
            }
            throw .invalid("allocation \(request.allocation) is not CPU-visible")
        }
        guard allocation.offer == nil, memory.offer == nil else {
            throw .invalid("allocation \(request.allocation) is offered")
        }
        // The guest computes the size in 32 bits.
        guard memory.size < 1 << 32 else { throw .invalid("an allocation of \(memory.size) bytes cannot be locked") }
        // A second lock is legal: the guest sends no unlock when its own part fails (docs/protocol/findings.md D13).
        allocation.isLocked = true
        var reply = MessageBuilder<Lock2.Reply>()
        reply.cpuVisibleBufferOffset = window.base + span.offset
        return reply.bytes
    }

    /// Succeeds also without a lock: existing system memory is unlocked but never locked.
    func unlock2(_ request: MessageView<Unlock2.Request>, _ call: Call) throws(Refusal) {
        let device = try call.device(request.device)
        try call.allocation(request.allocation, on: device).isLocked = false
    }

    /// The software GPU is coherent: there is nothing to do but to check the range.
    func invalidateCache(_ request: MessageView<InvalidateCache.Request>, _ call: Call) throws(Refusal) {
        let device = try call.device(request.device)
        let allocation = try call.allocation(request.allocation, on: device)
        let (end, overflow) = request.offset.addingReportingOverflow(request.length)
        guard !overflow, end <= allocation.memory.size else {
            throw .invalid("\(request.length) bytes from \(request.offset) are not in the allocation")
        }
    }
}
