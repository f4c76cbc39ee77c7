import DXGProtocol

/// Scheduling priorities (docs/protocol/semantics.md 7).
extension SoftGPU {
    func setContextSchedulingPriority(
        _ request: MessageView<SetContextSchedulingPriority.Request>, _ call: Call
    ) throws(Refusal) {
        let context = try call.context(request.context)
        let priority = request.priority
        if request.inProcess {
            guard Self.priorities.contains(priority) else { throw .invalid("in-process priority \(priority)") }
            context.inProcessPriority = priority
        } else if priority & Self.absolute != 0, priority >= 0 {
            // Absolute values are the host's to give: they are kept, and count as the highest relative one.
            guard (0...31).contains(priority & ~Self.absolute) else { throw .invalid("absolute priority \(priority)") }
            context.priority = priority
        } else {
            guard Self.priorities.contains(priority) else { throw .invalid("priority \(priority)") }
            context.priority = priority
        }
        for queue in [context.queue, context.updates] + context.hwQueues.inOrder.map(\.queue) {
            apply(priorityOf: context, to: queue)
        }
    }

    /// Gives a queue its context's priorities; one that stands in line changes its place.
    func apply(priorityOf context: Context, to queue: Queue) {
        var isReady = false
        if case .ready = queue.state { isReady = true }
        if isReady { queue.line.remove(queue) }
        queue.priority =
            context.priority & Self.absolute != 0 && context.priority >= 0
            ? Self.priorities.upperBound : context.priority
        queue.inProcessPriority = context.inProcessPriority
        if isReady { queue.line.insert(queue) }
    }

    private static let priorities: ClosedRange<Int32> = -7...7
    /// Marks a priority that is not relative to the process's class.
    private static let absolute: Int32 = 0x4000_0000

    func getContextSchedulingPriority(
        _ request: MessageView<GetContextSchedulingPriority.Request>, _ call: Call
    ) throws(Refusal) -> [UInt8]? {
        let context = try call.context(request.context)
        var reply = MessageBuilder<GetContextSchedulingPriority.Reply>()
        reply.priority = request.inProcess ? context.inProcessPriority : context.priority
        return reply.bytes
    }
}
