import DXGProtocol

/// The memory of an allocation: shared by all handles that name it.
final class AllocationMemory {
    unowned let machine: VirtualMachine
    let adapter: VirtualAdapter
    /// Unique on this host.
    let id: UInt64
    /// Bytes, a multiple of 4096.
    let size: UInt64
    let group: SegmentGroup
    let isCPUVisible: Bool
    let isCached: Bool
    var backing: Backing
    /// Residency counts of all opens together; the memory is resident while it is above zero.
    var residency = 0
    var opens: [Allocation] = []
    /// The process whose budget its residency counts against, while it is resident.
    var payer: GuestProcess?
    /// OFFERALLOCATIONS has been called and RECLAIMALLOCATIONS not yet.
    var isOffered = false

    var isResident: Bool { residency > 0 }

    enum Backing {
        case span(MemorySpan)
        case guestPages(GuestPages)
        /// The guest took its pages back.
        case detached
    }

    init(
        machine: VirtualMachine, adapter: VirtualAdapter, id: UInt64, size: UInt64, group: SegmentGroup,
        isCPUVisible: Bool, isCached: Bool, backing: Backing
    ) {
        self.machine = machine
        self.adapter = adapter
        self.id = id
        self.size = size
        self.group = group
        self.isCPUVisible = isCPUVisible
        self.isCached = isCached
        self.backing = backing
    }

    var isExistingSystemMemory: Bool {
        if case .guestPages = backing { true } else { false }
    }

    /// The spans of files that `offset..<offset + length` lies in, in order; empty where the memory is not there.
    func spans(offset: UInt64, length: UInt64) -> [MemorySpan] {
        switch backing {
        case .span(let span):
            [MemorySpan(file: span.file, offset: span.offset + offset, length: length)]
        case .guestPages(let pages):
            pages.spans(offset: offset, length: length)
        case .detached:
            []
        }
    }
}

/// The guest's own pages behind an allocation (docs/protocol/semantics.md 10, SETEXISTINGSYSMEMPAGES).
final class GuestPages {
    let id: GuestPagesID
    /// Page frame numbers; nil until the guest has told them.
    private(set) var frames: [UInt64?]
    private var missing: Int
    /// Where the bytes are while they are here: over a carrier without shared memory.
    let shadow: MemorySpan?
    /// Where the guest's memory is mapped from: over a carrier with shared memory.
    private let regions: [GuestMemoryRegion]

    init(id: GuestPagesID, count: Int, shadow: MemorySpan?, regions: [GuestMemoryRegion]) {
        self.id = id
        frames = Array(repeating: nil, count: count)
        missing = count
        self.shadow = shadow
        self.regions = regions
    }

    var isComplete: Bool { missing == 0 }

    /// Whether a page of the guest is one that may be named: any, as far as the host can tell, where no memory is shared.
    func isPlausible(frame: UInt64) -> Bool {
        guard frame < 1 << 52 else { return false }
        return shadow != nil || region(of: frame) != nil
    }

    func set(frame: UInt64, at index: Int) {
        if frames[index] == nil { missing -= 1 }
        frames[index] = frame
    }

    private func region(of frame: UInt64) -> (index: Int, offset: UInt64)? {
        let address = frame * pageSize
        for (index, region) in regions.enumerated()
        where address >= region.base && address - region.base <= region.length &- pageSize && region.length >= pageSize
        {
            return (index, address - region.base)
        }
        return nil
    }

    func spans(offset: UInt64, length: UInt64) -> [MemorySpan] {
        guard isComplete else { return [] }
        if let shadow { return [MemorySpan(file: shadow.file, offset: shadow.offset + offset, length: length)] }
        var result: [MemorySpan] = []
        for frame in frames[Int(offset / pageSize)..<Int((offset + length) / pageSize)] {
            guard let frame, let place = region(of: frame) else { return [] }
            let file = MemoryFile.guestMemory(region: place.index)
            if let last = result.last, last.file == file, last.offset + last.length == place.offset {
                result[result.count - 1] = MemorySpan(file: file, offset: last.offset, length: last.length + pageSize)
            } else {
                result.append(MemorySpan(file: file, offset: place.offset, length: pageSize))
            }
        }
        return result
    }
}

/// A process's handle to an allocation, on one device.
final class Allocation {
    let memory: AllocationMemory
    unowned let device: Device
    var handle = D3DKMTHandle.none
    weak var resource: Resource?
    /// MAKERESIDENT minus EVICT.
    var residencyCount = 0
    var isLocked = false
    var isDestroyed = false
    /// Where it is mapped: starts of mappings in the process's address space of its adapter.
    var mappedStarts: Set<UInt64> = []
    /// Its private driver data, as given back to the guest.
    let privateData: [UInt8]

    init(memory: AllocationMemory, device: Device, privateData: [UInt8]) {
        self.memory = memory
        self.device = device
        self.privateData = privateData
        memory.opens.append(self)
    }
}

/// A process's handle to a group of allocations.
final class Resource {
    let content: ResourceContent
    unowned let device: Device
    var handle = D3DKMTHandle.none
    var allocations: [Allocation] = []

    init(content: ResourceContent, device: Device) {
        self.content = content
        self.device = device
    }
}

/// What all opens of a resource have in common.
final class ResourceContent {
    let adapter: VirtualAdapter
    /// Created with CreateShared and NtSecuritySharing: may be given a name.
    let isShareable: Bool
    /// Has been given a name: no allocation can be added any more.
    var isSealed = false
    var memories: [AllocationMemory] = []
    /// NT-shared handles that keep it alive.
    var nameCount = 0
    var openCount = 0

    init(adapter: VirtualAdapter, isShareable: Bool) {
        self.adapter = adapter
        self.isShareable = isShareable
    }
}
