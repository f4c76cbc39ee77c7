import SoftGPU

/// A guest's existing system memory where no memory is shared: what the host last knew of it.
///
/// A job sees the guest's bytes as they were when it started, and what it changed goes back when it ends, in lines of
/// 64 bytes. Two jobs at a time on the same memory share one snapshot, so neither undoes the other's changes or the
/// guest's (docs/softgpu.md, coherence).
final class CoherentPages {
    final class Snapshot {
        /// Page by page what the guest last held; nothing where it was not fetched yet.
        var pages: [[UInt8]?]
        fileprivate var users = 0
        fileprivate(set) var isReleased = false

        fileprivate init(pageCount: Int) { pages = Array(repeating: nil, count: pageCount) }
    }

    private var snapshots: [GuestPagesID: Snapshot] = [:]

    /// How many memories jobs work on at the moment.
    var count: Int { snapshots.count }

    /// The guest takes these pages back: nothing more is read from them or written to them.
    func release(_ id: GuestPagesID) { snapshots.removeValue(forKey: id)?.isReleased = true }

    func take(_ memory: CoherentMemory) -> Snapshot {
        let snapshot = snapshots[memory.id] ?? Snapshot(pageCount: memory.pages.count)
        snapshots[memory.id] = snapshot
        snapshot.users += 1
        return snapshot
    }

    func giveBack(_ id: GuestPagesID, _ snapshot: Snapshot) {
        snapshot.users -= 1
        if snapshot.users == 0, snapshots[id] === snapshot { snapshots[id] = nil }
    }
}
