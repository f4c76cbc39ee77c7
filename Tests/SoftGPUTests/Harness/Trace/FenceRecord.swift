import DXGProtocol

@testable import SoftGPU

/// A synchronization object, as far as a trace shows it.
final class FenceRecord {
    let isMonitored: Bool
    let flags: SyncObjectFlags
    let event: UInt64
    /// What its pages show.
    private(set) var value: UInt64
    private(set) var opens: [ObjectIdentifier: FenceOpen] = [:]
    /// How many of them do not go with the step at hand.
    private var living = 0
    /// Signals that are queued and may raise it.
    var signals: [SignalRecord] = []
    /// Of a paging queue: values that replies have promised and that have not come.
    var promised: Set<UInt64> = []
    /// What comes in behind its values.
    var arriving: [MemoryRecord] = []
    /// VM-wide name of a shared one, and how many NT-shared handles it has.
    var global: D3DKMTHandle?
    var ntNames = 0
    /// CPU waits that it has not been seen at the value of, the highest value first.
    private var waits: [(target: UInt64, wait: WaitRecord, index: Int)] = []
    /// Queued waits that name it.
    var queueWaits: [QueueWaitRecord] = []
    /// It had no page for a while, in which signals could not be seen.
    var wasHidden = false
    var hasGoneBack = false

    init(isMonitored: Bool, flags: SyncObjectFlags, value: UInt64, event: UInt64 = 0) {
        self.isMonitored = isMonitored
        self.flags = flags
        self.value = value
        self.event = event
    }

    /// Whether its value is to be seen.
    var isKnown: Bool { isMonitored && !wasHidden && living > 0 }
    var isNamed: Bool { ntNames > 0 }

    func add(_ open: FenceOpen) {
        opens[ObjectIdentifier(open)] = open
        living += 1
    }

    func beginClosing(_ open: FenceOpen) {
        if !open.isClosing { living -= 1 }
        open.isClosing = true
    }

    func remove(_ open: FenceOpen) { opens[ObjectIdentifier(open)] = nil }

    /// A CPU wait names it.
    func add(_ wait: WaitRecord, _ index: Int) {
        let target = wait.targets[index]
        guard value < target else { return wait.latch(index) }
        var low = 0
        var high = waits.count
        while low < high {
            let middle = (low + high) / 2
            if waits[middle].target > target { low = middle + 1 } else { high = middle }
        }
        waits.insert((target, wait, index), at: low)
    }

    /// Its pages have another value: those who wait see it. Gives the CPU waits that have seen theirs.
    func take(_ value: UInt64) -> [WaitRecord] {
        if value < self.value { hasGoneBack = true }
        self.value = value
        wasHidden = false
        for wait in queueWaits { wait.look() }
        var seen: [WaitRecord] = []
        while let last = waits.last, last.target <= value {
            waits.removeLast()
            last.wait.latch(last.index)
            seen.append(last.wait)
        }
        return seen
    }
}

/// A process's handle to a synchronization object.
final class FenceOpen {
    let handle: D3DKMTHandle
    let fence: FenceRecord
    let process: ProcessRecord
    let device: DeviceRecord
    /// Offset of its page in the guest's IO space.
    let page: UInt64?
    /// It goes with the step at hand.
    var isClosing = false
    /// Of a queue: dies with it, and is not the guest's to signal.
    let isQueues: Bool

    init(
        handle: D3DKMTHandle, fence: FenceRecord, device: DeviceRecord, page: UInt64?, isQueues: Bool = false
    ) {
        self.handle = handle
        self.fence = fence
        process = device.process
        self.device = device
        self.page = page
        self.isQueues = isQueues
    }
}

/// A CPU wait as the guest asked for it.
final class WaitRecord {
    let event: UInt64
    let device: DeviceRecord
    let opens: [FenceOpen]
    let targets: [UInt64]
    let isAny: Bool
    /// Which of its fences have been seen at their values.
    private var latched: [Bool]
    /// A handle it was made through goes, or its device or process: it ends without its values.
    var isReleased = false
    var hasFired = false

    init(event: UInt64, device: DeviceRecord, opens: [FenceOpen], targets: [UInt64], isAny: Bool) {
        self.event = event
        self.device = device
        self.opens = opens
        self.targets = targets
        self.isAny = isAny
        latched = Array(repeating: false, count: opens.count)
        for (index, open) in opens.enumerated() { open.fence.add(self, index) }
    }

    func latch(_ index: Int) { latched[index] = true }

    var isOver: Bool { isReleased || (isAny ? latched.contains(true) : !latched.contains(false)) }
}
