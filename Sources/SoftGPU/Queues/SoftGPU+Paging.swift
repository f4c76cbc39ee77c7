import DXGProtocol
import DequeModule

/// Paging operations: at once, or one after the other on model time (docs/protocol/semantics.md 9.1).
extension SoftGPU {
    /// Does a paging operation, or queues it where the guest's operations take time.
    ///
    /// Gives the status of the answer and the fence value to wait for.
    func perform(_ operation: PagingOperation, on queue: PagingQueue) -> (status: NTStatus, fenceValue: UInt64) {
        let device = queue.device
        guard device.process.machine.options.pagingNanoseconds > 0 else {
            carryOut(operation, of: device.process)
            return (.success, queue.completed)
        }
        queue.submitted += 1
        queue.operations.append((queue.submitted, operation))
        startPaging(on: device)
        return (.pending, queue.submitted)
    }

    /// Whether a paging queue takes one more operation.
    func checkPaging(on queue: PagingQueue) throws(Refusal) {
        let limit = queue.device.process.machine.options.limits.queuedPacketsPerProcess
        guard queue.operations.count < limit else {
            throw Refusal(.noMemory, "the limit of \(limit) paging operations is reached")
        }
    }

    /// Starts the next operation of a device: of its queue with the highest priority, one at a time.
    private func startPaging(on device: Device) {
        guard device.paging == nil else { return }
        let waiting = device.pagingQueues.inOrder.filter { !$0.operations.isEmpty }
        guard let priority = waiting.map(\.priority).max(),
            let queue = waiting.filter({ $0.priority == priority }).min(by: {
                $0.operations[0].value < $1.operations[0].value
            })
        else { return }
        device.paging = (queue, now.advanced(by: device.process.machine.options.pagingNanoseconds))
        pagingDevices[ObjectIdentifier(device)] = device
    }

    /// Ends the operations whose time has come.
    func expirePaging() {
        let due = pagingDevices.values.filter { $0.paging.map { $0.due <= now } ?? true }
        for device in due.sorted(by: {
            ($0.process.machine.id, $0.process.handle, $0.handle) < (
                $1.process.machine.id, $1.process.handle, $1.handle
            )
        }) {
            guard let paging = device.paging, paging.due <= now else { continue }
            device.paging = nil
            pagingDevices[ObjectIdentifier(device)] = nil
            finishNext(of: paging.queue)
            startPaging(on: device)
        }
    }

    var nextPagingDeadline: Instant? { pagingDevices.values.compactMap(\.paging?.due).min() }

    private func finishNext(of queue: PagingQueue) {
        guard let (value, operation) = queue.operations.popFirst() else { return }
        carryOut(operation, of: queue.device.process)
        queue.completed = value
        signal(queue.fence.object, value, allowsRewind: false)
    }

    /// Does all that a queue still has to do: it is being destroyed, which waits for nothing.
    func finishPaging(of queue: PagingQueue) {
        while !queue.operations.isEmpty { finishNext(of: queue) }
        guard queue.device.paging?.queue === queue else { return }
        queue.device.paging = nil
        pagingDevices[ObjectIdentifier(queue.device)] = nil
        startPaging(on: queue.device)
    }

    /// Drops all paging operations of a device that is lost or going.
    func discardPaging(of device: Device) {
        device.paging = nil
        pagingDevices[ObjectIdentifier(device)] = nil
        for queue in device.pagingQueues.inOrder { queue.operations.removeAll() }
    }

    private func carryOut(_ operation: PagingOperation, of process: GuestProcess) {
        switch operation {
        case .arrive(let memories):
            for memory in memories {
                memory.isArriving = false
                refreshMappings(of: memory)
            }
        case .map(let space, let start, let end, let mapping, let regions):
            if case .allocation(let allocation, _, _) = mapping.target, allocation.isDestroyed { return }
            guard !space.isClosed, hasRoom(for: mapping.pieces(length: end - start), in: space) else { return }
            for part in space.parts(of: start, end, in: regions) {
                space.put(part.start, part.end, mapping.advanced(by: part.start - start))
            }
        case .move(let memory, let group):
            // Others may have taken the room since.
            do throws(Refusal) {
                try checkMove(of: memory, to: group)
                move(memory, to: group)
            } catch {
                report(.info, process, "UpdateAllocationProperty", error.status, error.reason)
            }
        case .nothing:
            break
        }
    }
}

/// What a paging queue does.
enum PagingOperation {
    /// Memory comes in.
    case arrive([AllocationMemory])
    /// A range shows something; `regions` are those that it lies in, by their ids.
    case map(AddressSpace, start: UInt64, end: UInt64, AddressSpace.Mapping, regions: [UInt64])
    /// Memory goes to another segment.
    case move(AllocationMemory, to: SegmentGroup)
    /// Nothing is to be done, but it is done in turn.
    case nothing
}
