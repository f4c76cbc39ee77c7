import Carriers
import Linux
import SoftGPU

/// A guest's existing system memory where no memory is shared: what the host last knew of it.
///
/// A job sees the guest's bytes as they were when it started, and what it changed goes back when it ends, in lines of
/// 64 bytes. Two jobs at a time on the same memory share one snapshot, so neither undoes the other's changes or the
/// guest's (docs/softgpu.md, coherence).
final class CoherentPages {
    fileprivate final class Snapshot {
        var bytes: [UInt8]
        var users = 0
        var isReleased = false

        init(count: Int) { bytes = [UInt8](repeating: 0, count: count) }
    }

    private var snapshots: [GuestPagesID: Snapshot] = [:]

    /// The guest takes these pages back: nothing more is read from them or written to them.
    func release(_ id: GuestPagesID) { snapshots.removeValue(forKey: id)?.isReleased = true }

    fileprivate func take(_ memory: CoherentMemory) -> (snapshot: Snapshot, isNew: Bool) {
        let existing = snapshots[memory.id]
        let snapshot = existing ?? Snapshot(count: Int(memory.shadow.length))
        snapshots[memory.id] = snapshot
        snapshot.users += 1
        return (snapshot, existing == nil)
    }

    fileprivate func giveBack(_ id: GuestPagesID, _ snapshot: Snapshot) {
        snapshot.users -= 1
        if snapshot.users == 0, snapshots[id] === snapshot { snapshots[id] = nil }
    }
}

/// The movement of existing system memory around one job.
final class CoherentTransfer {
    private struct Part {
        let memory: CoherentMemory
        let snapshot: CoherentPages.Snapshot
        let isNew: Bool
    }

    private let session: GuestSession
    private let parts: [Part]
    private var isEnded = false
    private var outstanding = 0
    private var hasFailed = false
    private var completion: ((Bool) -> Void)?

    init(memories: [CoherentMemory], session: GuestSession) {
        self.session = session
        parts = memories.map { memory in
            let (snapshot, isNew) = session.coherence.take(memory)
            return Part(memory: memory, snapshot: snapshot, isNew: isNew)
        }
    }

    /// Brings the guest's bytes into the shadows; `done` says whether all came.
    func fetch(_ done: @escaping (Bool) -> Void) {
        begin(done)
        for part in parts {
            var offset = 0
            for run in Self.runs(of: part.memory.pages) {
                let place = offset
                let length = run.count * Self.pageBytes
                offset += length
                outstanding += 1
                session.carrier.readGuestMemory(
                    address: run.first * UInt64(Self.pageBytes), length: length
                ) { [weak self] result in
                    guard let self else { return }
                    switch result {
                    case .success(let bytes): store(bytes, at: place, of: part)
                    case .failure: hasFailed = true
                    }
                    stepDone()
                }
            }
        }
        stepDone()
    }

    /// Takes the jobs' changes to the guest; `done` says whether all arrived.
    func writeBack(_ done: @escaping (Bool) -> Void) {
        begin(done)
        for part in parts where !part.snapshot.isReleased {
            do throws(SystemError) {
                let shadow = part.memory.shadow
                let bytes = try session.local.read(at: shadow.offset, count: Int(shadow.length))
                for change in LineDifference.ranges(from: part.snapshot.bytes, to: bytes) {
                    write(Array(bytes[change]), at: change.lowerBound, of: part)
                }
                part.snapshot.bytes = bytes
            } catch {
                hasFailed = true
            }
        }
        stepDone()
    }

    /// Nothing more is done; `done` is not called any more.
    func end() {
        guard !isEnded else { return }
        isEnded = true
        completion = nil
        for part in parts { session.coherence.giveBack(part.memory.id, part.snapshot) }
    }

    /// Everything is one outstanding step, so that nothing finishes before all steps are begun.
    private func begin(_ done: @escaping (Bool) -> Void) {
        completion = done
        hasFailed = false
        outstanding = 1
    }

    private func stepDone() {
        outstanding -= 1
        guard outstanding == 0, let completion else { return }
        self.completion = nil
        completion(!hasFailed)
    }

    /// Puts fetched bytes into the shadow: all of them the first time, later those that the guest has changed.
    private func store(_ bytes: [UInt8], at place: Int, of part: Part) {
        guard !isEnded, !part.snapshot.isReleased else { return }
        let range = place..<place + bytes.count
        let changes =
            part.isNew ? [0..<bytes.count] : LineDifference.ranges(from: Array(part.snapshot.bytes[range]), to: bytes)
        for change in changes {
            do throws(SystemError) {
                let target = part.memory.shadow.offset + UInt64(place + change.lowerBound)
                try session.local.write(Array(bytes[change]), at: target)
            } catch {
                hasFailed = true
            }
        }
        part.snapshot.bytes.replaceSubrange(range, with: bytes)
    }

    /// Writes a change, which may go over pages that lie apart in the guest.
    private func write(_ bytes: [UInt8], at place: Int, of part: Part) {
        var done = 0
        while done < bytes.count {
            let position = place + done
            let page = position / Self.pageBytes
            let inPage = position % Self.pageBytes
            let count = min(bytes.count - done, Self.pageBytes - inPage)
            outstanding += 1
            session.carrier.writeGuestMemory(
                address: part.memory.pages[page] * UInt64(Self.pageBytes) + UInt64(inPage),
                bytes: Array(bytes[done..<done + count])
            ) { [weak self] result in
                guard let self else { return }
                if case .failure = result { hasFailed = true }
                stepDone()
            }
            done += count
        }
    }

    private static let pageBytes = 4096

    /// Neighbouring pages of the guest together.
    private static func runs(of pages: [UInt64]) -> [(first: UInt64, count: Int)] {
        var runs: [(first: UInt64, count: Int)] = []
        for page in pages {
            if let last = runs.last, last.first + UInt64(last.count) == page {
                runs[runs.count - 1].count += 1
            } else {
                runs.append((page, 1))
            }
        }
        return runs
    }
}
