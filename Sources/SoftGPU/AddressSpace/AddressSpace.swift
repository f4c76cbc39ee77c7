import CSoftGPU
import DXGProtocol

/// The GPU address space of one guest process on one adapter (docs/protocol/semantics.md 11.1).
///
/// Two layers: regions say who owns a range (reserved, mapped, or the host's), mappings inside them say what is seen
/// there. Only what is both mapped and resident reaches the worker.
final class AddressSpace {
    let id: AddressSpaceID
    unowned let process: GuestProcess
    let adapter: VirtualAdapter
    private(set) var regions = RangeMap<Region>()
    private(set) var mappings = RangeMap<Mapping>()
    /// Whether the worker has been asked for.
    private(set) var isOpen = false
    private(set) var isClosed = false
    private var cursor = AddressSpace.userStart
    private let effects: EffectLog

    static let userStart = SOFTGPU_VA_START
    static let userEnd = SOFTGPU_VA_END
    private static let hostStart = SOFTGPU_VA_HOST_START
    private static let hostEnd = SOFTGPU_VA_HOST_END

    enum Region: Equatable {
        /// From RESERVEGPUVIRTUALADDRESS: keeps its identity while parts of it are mapped.
        case reserved(unmapped: EmptyRange)
        /// From MAPGPUVIRTUALADDRESS alone: free again when its mapping goes.
        case mapOwned
    }

    /// What an unmapped part of a reserved range does on access.
    enum EmptyRange: UInt32 {
        case noAccess = 0
        /// Reads give 0, writes are dropped.
        case zero = 1
    }

    struct Mapping {
        let target: Target
        let driverProtection: UInt64

        enum Target {
            /// `offset` bytes into an allocation.
            case allocation(Allocation, offset: UInt64, GPUAccess)
            case zero
            case noAccess
            /// A fence's page in IO space.
            case fence(page: UInt64, GPUAccess)
        }

        /// The mapping that is left `distance` bytes in.
        func advanced(by distance: UInt64) -> Mapping {
            guard case .allocation(let allocation, let offset, let access) = target else { return self }
            return Mapping(
                target: .allocation(allocation, offset: offset + distance, access), driverProtection: driverProtection)
        }
    }

    init(id: AddressSpaceID, process: GuestProcess, adapter: VirtualAdapter, effects: EffectLog) {
        self.id = id
        self.process = process
        self.adapter = adapter
        self.effects = effects
        // The host's window belongs to nobody else.
        regions.insert(Self.hostStart, Self.hostEnd, .reserved(unmapped: .noAccess))
    }

    // MARK: Ranges

    /// Masks an address that was sign-extended from 48 bits (docs/protocol/semantics.md 11.2).
    static func plain(_ address: UInt64) -> UInt64 {
        address >> 47 == 0x1ffff ? address & 0xffff_ffff_ffff : address
    }

    /// A free range for user mode, or nil.
    func findFree(length: UInt64, alignment: UInt64, minimum: UInt64, maximum: UInt64) -> UInt64? {
        let lower = max(minimum, Self.userStart)
        let upper = maximum == 0 ? Self.userEnd : min(maximum, Self.userEnd)
        if minimum <= cursor, maximum == 0,
            let found = regions.firstGap(length: length, alignment: alignment, lower: max(lower, cursor), upper: upper)
        {
            cursor = found + length
            return found
        }
        return regions.firstGap(length: length, alignment: alignment, lower: lower, upper: upper)
    }

    /// Whether user mode may own `start..<end` and nobody does.
    func isFree(_ start: UInt64, _ end: UInt64) -> Bool {
        start >= Self.userStart && end <= Self.userEnd && start < end && regions.isFree(start, end)
    }

    func reserve(_ start: UInt64, _ end: UInt64, _ unmapped: EmptyRange) {
        regions.insert(start, end, .reserved(unmapped: unmapped))
        if unmapped == .zero { put(start, end, Mapping(target: .zero, driverProtection: 0)) }
    }

    func own(_ start: UInt64, _ end: UInt64) { regions.insert(start, end, .mapOwned) }

    /// Whether `start..<end` lies wholly inside regions of user mode.
    func isOwned(_ start: UInt64, _ end: UInt64) -> Bool {
        guard end <= Self.hostStart || start >= Self.hostEnd else { return false }
        var position = start
        for entry in regions.overlapping(start, end) {
            guard entry.start <= position else { return false }
            position = entry.end
        }
        return position >= end
    }

    /// Gives `start..<end` back: whole regions, or a part of map-owned ones. False, and nothing done, where that
    /// would cut a reserved region or nothing is there.
    func free(_ start: UInt64, _ end: UInt64) -> Bool {
        guard end <= Self.hostStart || start >= Self.hostEnd else { return false }
        let touched = regions.overlapping(start, end)
        guard !touched.isEmpty else { return false }
        for entry in touched where entry.start < start || entry.end > end {
            guard entry.value == .mapOwned else { return false }
        }
        clear(start, end)
        _ = regions.carve(start, end) { region, _ in region }
        return true
    }

    // MARK: Mappings

    /// Shows `mapping` at `start..<end`, over whatever was there.
    func put(_ start: UInt64, _ end: UInt64, _ mapping: Mapping) {
        clear(start, end)
        mappings.insert(start, end, mapping)
        if case .allocation(let allocation, _, _) = mapping.target { allocation.mappedStarts.insert(start) }
        show(start, end, mapping)
    }

    /// Shows nothing at `start..<end`.
    func clear(_ start: UInt64, _ end: UInt64) {
        let removed = mappings.carve(start, end) { $0.advanced(by: $1) }
        guard !removed.isEmpty else { return }
        for entry in removed {
            if case .allocation(let allocation, _, _) = entry.value.target {
                allocation.mappedStarts.remove(entry.start)
                if entry.start < start { allocation.mappedStarts.insert(entry.start) }
                if entry.end > end { allocation.mappedStarts.insert(end) }
            }
            if isShown(entry.value) { hide(max(entry.start, start), min(entry.end, end)) }
        }
    }

    /// Takes a destroyed allocation out: its ranges are free again, or empty where they were reserved.
    func remove(_ allocation: Allocation) {
        for start in allocation.mappedStarts.sorted() {
            guard let entry = mappings.entry(containing: start) else { continue }
            unmap(entry.start, entry.end)
        }
    }

    /// Ends a mapping: a map-owned range becomes free, a reserved one empty.
    func unmap(_ start: UInt64, _ end: UInt64) {
        clear(start, end)
        let touched = Array(regions.overlapping(start, end))
        for region in touched {
            let from = max(region.start, start)
            let to = min(region.end, end)
            switch region.value {
            case .mapOwned: _ = regions.carve(from, to) { value, _ in value }
            case .reserved(.zero): put(from, to, Mapping(target: .zero, driverProtection: 0))
            case .reserved(.noAccess): break
            }
        }
    }

    /// Brings an allocation's mappings into line with its residency and its backing.
    func refresh(_ allocation: Allocation) {
        for start in allocation.mappedStarts.sorted() {
            guard let entry = mappings.entry(containing: start) else { continue }
            if isShown(entry.value) {
                show(entry.start, entry.end, entry.value)
            } else {
                hide(entry.start, entry.end)
            }
        }
    }

    // MARK: The host's window

    /// Maps a fence's page for the GPU at an address of the host's choice.
    func mapFence(page: UInt64, access: GPUAccess) -> UInt64? {
        guard
            let address = mappings.firstGap(
                length: pageSize, alignment: pageSize, lower: Self.hostStart, upper: Self.hostEnd)
        else { return nil }
        put(address, address + pageSize, Mapping(target: .fence(page: page, access), driverProtection: 0))
        return address
    }

    func unmapFence(at address: UInt64) { clear(address, address + pageSize) }

    // MARK: The worker

    /// Makes sure that there is a worker.
    func open() {
        guard !isOpen else { return }
        isOpen = true
        effects.append(.openAddressSpace(id, process.machine.id))
    }

    func close() {
        isClosed = true
        if isOpen { effects.append(.closeAddressSpace(id)) }
    }

    private func isShown(_ mapping: Mapping) -> Bool {
        switch mapping.target {
        case .allocation(let allocation, _, _): allocation.memory.isResident
        case .fence, .zero: true
        case .noAccess: false
        }
    }

    private func show(_ start: UInt64, _ end: UInt64, _ mapping: Mapping) {
        guard isShown(mapping), !isClosed else { return }
        switch mapping.target {
        case .allocation(let allocation, let offset, let access):
            var address = start
            for span in allocation.memory.spans(offset: offset, length: end - start) {
                open()
                effects.append(.map(id, address: address, span, access))
                address += span.length
            }
        case .fence(let page, let access):
            open()
            effects.append(
                .map(id, address: start, MemorySpan(file: .ioSpace, offset: page, length: end - start), access))
        case .zero:
            open()
            effects.append(.mapZero(id, address: start, length: end - start))
        case .noAccess:
            break
        }
    }

    private func hide(_ start: UInt64, _ end: UInt64) {
        guard isOpen, !isClosed else { return }
        effects.append(.unmap(id, address: start, length: end - start))
    }
}

/// The list of effects that one input has had so far.
final class EffectLog {
    private(set) var effects: [Effect] = []

    func append(_ effect: Effect) { effects.append(effect) }

    func take() -> [Effect] {
        defer { effects.removeAll(keepingCapacity: true) }
        return effects
    }
}

/// One operation of UPDATEGPUVIRTUALADDRESS, checked (docs/protocol/semantics.md 11, CMD 19).
enum AddressOperation {
    /// `repeats` bytes of the allocation from `offset` on, over and over, from `start` to `end`.
    case map(
        start: UInt64, end: UInt64, Allocation, offset: UInt64, repeats: UInt64, GPUAccess, driverProtection: UInt64)
    case unmap(start: UInt64, end: UInt64, AddressSpace.EmptyRange)
    case noAccess(start: UInt64, end: UInt64)
    case copy(source: UInt64, length: UInt64, destination: UInt64)
}
