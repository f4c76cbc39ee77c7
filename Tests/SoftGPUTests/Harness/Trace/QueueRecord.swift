import DXGProtocol

@testable import SoftGPU

/// A queue of packets as its commands made it. What is in front has not been done for sure.
final class QueueRecord {
    let device: DeviceRecord
    let node: Int
    /// The position of the packet in front, counted from the first one ever.
    private(set) var first = 0
    private(set) var packets: [Packet] = []
    /// Some command buffer of it may be another's that looks the same: its order is not looked at any more.
    var isUncertain = false
    let isNullRendering: Bool
    private var passed: [Packet] = []

    enum Packet {
        case submit(SubmitRecord)
        case wait(QueueWaitRecord)
        case signal(SignalRecord)
        case update
    }

    init(device: DeviceRecord, node: Int, isNullRendering: Bool) {
        self.device = device
        self.node = node
        self.isNullRendering = isNullRendering
    }

    var isDead: Bool { device.isDead }
    var end: Int { first + packets.count }

    func append(_ packet: Packet) { packets.append(packet) }

    /// Whether the packet in front is done for sure.
    var isFirstDone: Bool {
        switch packets.first {
        case .submit(let submit): return submit.isDone
        case .wait(let wait):
            wait.comeToFront()
            return wait.isOver
        case .signal, .update: return true
        case nil: return false
        }
    }

    /// Packets before a position are done, or will never be.
    func pass(to position: Int) {
        let count = position - first
        guard count > 0 else { return }
        passed += packets.prefix(count)
        packets.removeFirst(count)
        first = position
    }

    /// The packets that have been passed since the last time.
    func takePassed() -> [Packet] {
        defer { passed.removeAll() }
        return passed
    }

    /// Whether all packets before a position may have been passed; with `overtaking` the last command buffer need not
    /// have ended, only begun.
    func mayHaveReached(_ position: Int, overtaking: Bool = false) -> Bool {
        guard !isUncertain else { return true }
        let before = packets.prefix(max(position - first, 0))
        let last = overtaking ? before.lastIndex { if case .submit = $0 { true } else { false } } : nil
        for (index, packet) in before.enumerated() {
            switch packet {
            case .submit(let submit): guard submit.isDone || (index == last && submit.job != nil) else { return false }
            case .wait(let wait): guard wait.mayBeOver else { return false }
            case .signal, .update: break
            }
        }
        return true
    }

    /// The first command buffer that has not begun, with its position, if everything before it may be done.
    var nextSubmit: (submit: SubmitRecord, position: Int)? {
        for (index, packet) in packets.enumerated() {
            switch packet {
            case .submit(let submit) where submit.isDone: continue
            case .submit(let submit): return submit.job == nil ? (submit, first + index) : nil
            case .wait(let wait): if !wait.mayBeOver && !isUncertain { return nil }
            case .signal, .update: continue
            }
        }
        return nil
    }
}

/// A command buffer that was submitted.
final class SubmitRecord {
    let address: UInt64
    /// Bytes.
    let length: UInt64
    var job: JobID?
    /// It has run to its end, or need not run.
    var isDone: Bool

    init(address: UInt64, length: UInt64, isNull: Bool) {
        self.address = address
        self.length = length
        isDone = isNull
    }
}

/// A wait in a queue.
final class QueueWaitRecord {
    let fences: [FenceRecord]
    let targets: [UInt64]
    weak var queue: QueueRecord?
    /// Which of them have had their values since the wait was queued, and since it was in front for sure.
    private var seen: [Bool]
    private var latched: [Bool]
    private(set) var isInFront = false

    init(_ fences: [FenceRecord], _ targets: [UInt64]) {
        self.fences = fences
        self.targets = targets
        seen = Array(repeating: false, count: fences.count)
        latched = seen
        look()
    }

    /// Notes the values that there are.
    func look() {
        for (index, fence) in fences.enumerated() where fence.value >= targets[index] && fence.isKnown {
            seen[index] = true
            if isInFront { latched[index] = true }
        }
    }

    func comeToFront() {
        guard !isInFront else { return }
        isInFront = true
        look()
    }

    /// Objects without pages are not seen; those that nobody has open any more hold nobody.
    var mayBeOver: Bool { fences.indices.allSatisfy { seen[$0] || !fences[$0].isKnown } }
    var isOver: Bool { !latched.contains(false) }
}

/// A signal that was queued on one or more queues.
final class SignalRecord {
    let objects: [(fence: FenceRecord, value: UInt64)]
    /// The guest event to signal instead of objects, or 0.
    let event: UInt64
    let process: ProcessRecord
    let allowsRewind: Bool
    let isAtSubmission: Bool
    var places: [(queue: QueueRecord, position: Int)] = []
    /// Queues that have passed it for sure.
    var arrivals = 0
    /// Its event has come, or each of its notifications.
    var isTaken = false

    init(
        _ objects: [(fence: FenceRecord, value: UInt64)], event: UInt64 = 0, process: ProcessRecord,
        allowsRewind: Bool = false, isAtSubmission: Bool = false
    ) {
        self.objects = objects
        self.event = event
        self.process = process
        self.allowsRewind = allowsRewind
        self.isAtSubmission = isAtSubmission
    }

    func names(_ fence: FenceRecord, _ value: UInt64) -> Bool {
        objects.contains { $0.fence === fence && $0.value == value }
    }

    /// Whether all that comes before it on its queues may be done.
    var mayTakeEffect: Bool {
        places.allSatisfy { $0.queue.mayHaveReached($0.position, overtaking: isAtSubmission) }
    }

    /// Whether its queues will never come to it.
    var isDropped: Bool { places.contains { $0.queue.device.isDead || $0.queue.device.isDying } }
}
