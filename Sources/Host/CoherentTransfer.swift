import Carriers
import EventLoop
import Linux
import SoftGPU

/// The movement of existing system memory around one job.
///
/// However large the memory is, few requests to the guest are under way at a time, and one turn of the loop looks at a
/// bounded number of bytes: others have their turn in between.
final class CoherentTransfer {
    private struct Part {
        let memory: CoherentMemory
        let snapshot: CoherentPages.Snapshot
    }

    /// Bytes for one stretch of the guest's memory.
    private struct Write {
        let part: Int
        let address: UInt64
        var bytes: [UInt8]
    }

    private enum Direction {
        case fetching
        case writing
    }

    private let session: GuestSession
    private let parts: [Part]
    private var direction = Direction.fetching
    /// The next page to look at.
    private var position = (part: 0, page: 0)
    /// What was found to be changed, oldest first, from `firstWrite` on.
    private var writes: [Write] = []
    private var firstWrite = 0
    private var outstanding = 0
    private var hasFailed = false
    private var isPumping = false
    private var isEnded = false
    private var completion: ((Bool) -> Void)?

    private static let pageBytes = 4096
    /// Requests to the guest that have no answer yet.
    private static let mostOutstanding = 16
    /// Pages that one request moves, and that are compared at a time.
    private static let pagesPerStep = 64
    /// Steps of comparing in one turn of the loop.
    private static let stepsPerTurn = 4

    init(memories: [CoherentMemory], session: GuestSession) {
        self.session = session
        parts = memories.map { Part(memory: $0, snapshot: session.coherence.take($0)) }
    }

    /// Brings the guest's bytes into the shadows; `done` says whether all came.
    func fetch(_ done: @escaping (Bool) -> Void) { begin(.fetching, done) }

    /// Takes the jobs' changes to the guest; `done` says whether all arrived.
    func writeBack(_ done: @escaping (Bool) -> Void) { begin(.writing, done) }

    /// Nothing more is done; `done` is not called any more.
    func end() {
        guard !isEnded else { return }
        isEnded = true
        completion = nil
        for part in parts { session.coherence.giveBack(part.memory.id, part.snapshot) }
    }

    private func begin(_ direction: Direction, _ done: @escaping (Bool) -> Void) {
        self.direction = direction
        position = (0, 0)
        hasFailed = false
        completion = done
        pump()
    }

    /// Goes on as far as possible now.
    private func pump() {
        guard !isPumping, !isEnded else { return }
        isPumping = true
        let isIdle = direction == .fetching ? pumpFetches() : pumpWrites()
        isPumping = false
        guard isIdle, outstanding == 0, let completion else { return }
        self.completion = nil
        completion(!hasFailed)
    }

    /// One request was answered, perhaps within the call that made it.
    private func answered(_ succeeded: Bool) {
        outstanding -= 1
        if !succeeded { hasFailed = true }
        pump()
    }

    // MARK: Fetching

    /// Says whether there is nothing more to ask for.
    private func pumpFetches() -> Bool {
        while outstanding < Self.mostOutstanding, !hasFailed, !isEnded, let run = nextRun() {
            outstanding += 1
            session.carrier.readGuestMemory(
                address: run.address, length: run.pageCount * Self.pageBytes
            ) { [weak self] result in
                guard let self else { return }
                switch result {
                case .success(let bytes): answered(store(bytes, run.page, parts[run.part]))
                case .failure: answered(false)
                }
            }
        }
        return hasFailed || isAtEnd
    }

    private var isAtEnd: Bool { position.part == parts.count }

    /// The next pages that are neighbours in the guest.
    private func nextRun() -> (part: Int, page: Int, pageCount: Int, address: UInt64)? {
        skipFinishedParts()
        guard !isAtEnd else { return nil }
        let pages = parts[position.part].memory.pages
        let first = position.page
        var end = first + 1
        while end < pages.count, end - first < Self.pagesPerStep, pages[end] == pages[end - 1] &+ 1 { end += 1 }
        position.page = end
        return (position.part, first, end - first, pages[first] &* UInt64(Self.pageBytes))
    }

    private func skipFinishedParts() {
        while !isAtEnd,
            position.page >= parts[position.part].memory.pages.count || parts[position.part].snapshot.isReleased
        {
            position = (position.part + 1, 0)
        }
    }

    /// Puts fetched pages into the shadow: those that are new whole, of the others the lines that the guest has
    /// changed.
    private func store(_ bytes: [UInt8], _ firstPage: Int, _ part: Part) -> Bool {
        guard !isEnded, !part.snapshot.isReleased else { return true }
        do throws(SystemError) {
            for index in 0..<bytes.count / Self.pageBytes {
                let page = firstPage + index
                let new = Array(bytes[index * Self.pageBytes..<(index + 1) * Self.pageBytes])
                let changes =
                    part.snapshot.pages[page].map { LineDifference.ranges(from: $0, to: new) } ?? [0..<new.count]
                for change in changes {
                    let offset = part.memory.shadow.offset + UInt64(page * Self.pageBytes + change.lowerBound)
                    try session.local.write(Array(new[change]), at: offset)
                }
                part.snapshot.pages[page] = new
            }
            return true
        } catch {
            return false
        }
    }

    // MARK: Writing back

    /// Says whether there is nothing more to write.
    private func pumpWrites() -> Bool {
        var steps = 0
        while outstanding < Self.mostOutstanding, !hasFailed, !isEnded {
            if firstWrite < writes.count {
                let write = writes[firstWrite]
                firstWrite += 1
                send(write)
                continue
            }
            writes.removeAll(keepingCapacity: true)
            firstWrite = 0
            skipFinishedParts()
            guard !isAtEnd else { return true }
            guard steps < Self.stepsPerTurn else {
                session.server.loop.afterThisTurn { [weak self] in self?.pump() }
                return false
            }
            steps += 1
            compare()
        }
        return hasFailed
    }

    private func send(_ write: Write) {
        guard !parts[write.part].snapshot.isReleased else { return }
        outstanding += 1
        session.carrier.writeGuestMemory(address: write.address, bytes: write.bytes) { [weak self] result in
            guard let self else { return }
            if case .failure = result { answered(false) } else { answered(true) }
        }
    }

    /// Finds what jobs have changed in the next pages.
    private func compare() {
        let part = parts[position.part]
        let pages = part.memory.pages
        let first = position.page
        let count = min(Self.pagesPerStep, pages.count - first)
        position.page += count
        let bytes: [UInt8]
        do throws(SystemError) {
            let offset = part.memory.shadow.offset + UInt64(first * Self.pageBytes)
            bytes = try session.local.read(at: offset, count: count * Self.pageBytes)
        } catch {
            hasFailed = true
            return
        }
        for index in 0..<count {
            let page = first + index
            let new = Array(bytes[index * Self.pageBytes..<(index + 1) * Self.pageBytes])
            guard let old = part.snapshot.pages[page] else { continue }
            for change in LineDifference.ranges(from: old, to: new) {
                append(
                    Array(new[change]), pages[page] &* UInt64(Self.pageBytes) &+ UInt64(change.lowerBound),
                    of: position.part)
            }
            part.snapshot.pages[page] = new
        }
    }

    /// Adds to the write before where the guest's addresses go on.
    private func append(_ bytes: [UInt8], _ address: UInt64, of part: Int) {
        if let last = writes.last, last.part == part, last.address &+ UInt64(last.bytes.count) == address {
            writes[writes.count - 1].bytes += bytes
        } else {
            writes.append(Write(part: part, address: address, bytes: bytes))
        }
    }
}
