import DXGProtocol
import VMBus

/// Existing system memory: the guest's own pages behind an allocation (docs/protocol/semantics.md 10, CMD 45 and 66).
extension SoftGPU {
    func setExistingSysMemPages(_ request: MessageView<SetExistingSysMemPages.Request>, _ call: Call) throws(Refusal) {
        let device = try call.device(request.device)
        let allocation = try call.allocation(request.allocation, on: device)
        let pages = try guestPages(of: allocation)
        let frames = request.pageFrameNumbers
        let start = UInt64(request.allocOffsetInPages)
        guard start + UInt64(frames.count) <= UInt64(pages.frames.count) else {
            throw .invalid("pages \(start) to \(start + UInt64(frames.count)) of \(pages.frames.count)")
        }
        for index in frames.indices where !pages.isPlausible(frame: frames[index]) {
            throw .invalid("page frame \(frames[index]) is not guest memory")
        }
        for index in frames.indices { pages.set(frame: frames[index], at: Int(start) + index) }
    }

    func setExistingSysMemStore(_ request: MessageView<SetExistingSysMemStore.Request>, _ call: Call) throws(Refusal) {
        let device = try call.device(request.device)
        let allocation = try call.allocation(request.allocation, on: device)
        let pages = try guestPages(of: allocation)
        guard let ranges = call.machine.gpadls[request.gpadl] else { throw .invalid("no GPADL \(request.gpadl)") }
        var frames: [UInt64] = []
        for range in ranges {
            guard range.byteOffset == 0, UInt64(range.byteCount).isMultiple(ofPowerOfTwo: pageSize) else {
                throw .invalid("GPADL \(request.gpadl) is not whole pages")
            }
            frames += range.pages
        }
        guard frames.count == pages.frames.count else {
            throw .invalid("GPADL \(request.gpadl) has \(frames.count) pages, the allocation \(pages.frames.count)")
        }
        for frame in frames where !pages.isPlausible(frame: frame) {
            throw .invalid("page frame \(frame) is not guest memory")
        }
        for (index, frame) in frames.enumerated() { pages.set(frame: frame, at: index) }
    }

    /// The pages of an allocation that still takes some: once all are told they stay, as they may be mapped.
    private func guestPages(of allocation: Allocation) throws(Refusal) -> GuestPages {
        guard allocation.isOwner, case .guestPages(let pages) = allocation.memory.backing else {
            throw .invalid("allocation \(allocation.handle) is not existing system memory of this process")
        }
        guard !pages.isComplete else { throw .invalid("allocation \(allocation.handle) has all its pages") }
        return pages
    }
}
