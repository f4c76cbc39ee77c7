import CSoftGPU
import DXGProtocol

/// The GPU address space of one guest process on one adapter (docs/protocol/semantics.md 11.1).
///
/// Two layers: regions say who owns a range (reserved, mapped, or the host's), mappings inside them say what is seen
/// there. Only what is both mapped and resident reaches the worker.
final class AddressSpace {
    /// The worker's; a worker that takes the place of a failed one has another.
    private(set) var id: AddressSpaceID
    unowned let process: GuestProcess
    let adapter: VirtualAdapter
    private(set) var regions = RangeMap<Region>()
    private(set) var mappings = RangeMap<Mapping>()
    /// Mappings of the worker's kernel, at the most.
    private(set) var pieces = 0
    /// Whether there is a worker.
    private(set) var isOpen = false
    private(set) var isClosed = false
    /// Workers that were told to end, until they are gone: so long they may touch memory.
    var departing: [AddressSpaceID] = []
    /// Its places in line, one for each node of the adapter.
    let lines: [ReadyLine]
    private var cursor = AddressSpace.userStart
    private var hostCursor = AddressSpace.hostStart
    private var lastRegion: UInt64 = 0
    private let effects: EffectLog

    static let userStart = SOFTGPU_VA_START
    static let userEnd = SOFTGPU_VA_END
    private static let hostStart = SOFTGPU_VA_HOST_START
    private static let hostEnd = SOFTGPU_VA_HOST_END

    /// Who owns a range.
    struct Region {
        let kind: Kind
        /// Tells it from others that had the same addresses before.
        let id: UInt64

        enum Kind: Equatable {
            /// From RESERVEGPUVIRTUALADDRESS: keeps its identity while parts of it are mapped.
            case reserved(unmapped: EmptyRange)
            /// From MAPGPUVIRTUALADDRESS alone: free again when its mapping goes.
            case mapOwned
        }
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

        func pieces(length: UInt64) -> Int {
            guard case .allocation(let allocation, let offset, _) = target else { return 1 }
            return allocation.memory.pieces(offset: offset, length: length)
        }
    }

    init(id: AddressSpaceID, process: GuestProcess, adapter: VirtualAdapter, effects: EffectLog) {
        self.id = id
        self.process = process
        self.adapter = adapter
        self.effects = effects
        lines = adapter.physical.nodes.map { _ in ReadyLine() }
        // The host's window belongs to nobody else.
        regions.insert(
            Self.hostStart, Self.hostEnd, Region(kind: .reserved(unmapped: .noAccess), id: 0))
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
            let found = gap(length: length, alignment: alignment, lower: max(lower, cursor), upper: upper)
        {
            cursor = found + length
            return found
        }
        return gap(length: length, alignment: alignment, lower: lower, upper: upper)
    }

    /// A range that nobody owns and that shows nothing to work that is queued.
    private func gap(length: UInt64, alignment: UInt64, lower: UInt64, upper: UInt64) -> UInt64? {
        var lower = lower
        while let found = regions.firstGap(length: length, alignment: alignment, lower: lower, upper: upper) {
            guard let lingering = mappings.overlapping(found, found + length).last else { return found }
            lower = lingering.end
        }
        return nil
    }

    /// Whether user mode may own `start..<end` and nobody does.
    func isFree(_ start: UInt64, _ end: UInt64) -> Bool {
        start >= Self.userStart && end <= Self.userEnd && start < end && regions.isFree(start, end)
    }

    func reserve(_ start: UInt64, _ end: UInt64, _ unmapped: EmptyRange) {
        regions.insert(start, end, newRegion(.reserved(unmapped: unmapped)))
        if unmapped == .zero {
            put(start, end, Mapping(target: .zero, driverProtection: 0))
        } else {
            clear(start, end)
        }
    }

    func own(_ start: UInt64, _ end: UInt64) { regions.insert(start, end, newRegion(.mapOwned)) }

    private func newRegion(_ kind: Region.Kind) -> Region {
        lastRegion += 1
        return Region(kind: kind, id: lastRegion)
    }

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

    /// The regions that have a part of `start..<end`, by their ids.
    func regionIDs(_ start: UInt64, _ end: UInt64) -> [UInt64] { regions.overlapping(start, end).map(\.value.id) }

    /// What of `start..<end` is still in these regions; the rest has been freed since, and may be another's by now.
    func parts(of start: UInt64, _ end: UInt64, in ids: [UInt64]) -> [(start: UInt64, end: UInt64)] {
        var parts: [(start: UInt64, end: UInt64)] = []
        for region in regions.overlapping(start, end) where ids.contains(region.value.id) {
            let (lower, upper) = (max(region.start, start), min(region.end, end))
            if let last = parts.last, last.end == lower {
                parts[parts.count - 1].end = upper
            } else {
                parts.append((lower, upper))
            }
        }
        return parts
    }

    /// The reserved region of user mode that covers `start..<end`, by its id.
    func reservedRegion(_ start: UInt64, _ end: UInt64) -> UInt64? {
        guard end <= Self.hostStart || start >= Self.hostEnd, let entry = regions.entry(covering: start, end),
            case .reserved = entry.value.kind
        else { return nil }
        return entry.value.id
    }

    /// Gives `start..<end` back: whole regions, or a part of map-owned ones. False, and nothing done, where that
    /// would cut a reserved region or nothing is there.
    func free(_ start: UInt64, _ end: UInt64) -> Bool {
        guard end <= Self.hostStart || start >= Self.hostEnd else { return false }
        let touched = regions.overlapping(start, end)
        guard !touched.isEmpty else { return false }
        for entry in touched where entry.start < start || entry.end > end {
            guard entry.value.kind == .mapOwned else { return false }
        }
        clear(start, end)
        _ = regions.carve(start, end) { region, _ in region }
        return true
    }

    // MARK: Mappings

    /// Whether a driver protection goes against another in `offset..<end` of an allocation: what is mapped with a
    /// unique one (bit 63) can be mapped with no other (docs/protocol/semantics.md 11, CMD 17).
    func isForbidden(_ protection: UInt64, of allocation: Allocation, _ offset: UInt64, _ end: UInt64) -> Bool {
        allocation.mappedStarts.contains { start in
            guard let entry = mappings.entry(containing: start), case .allocation(_, let other, _) = entry.value.target
            else { return false }
            return other < end && other + entry.length > offset
                && (entry.value.driverProtection | protection) >> 63 == 1 && entry.value.driverProtection != protection
        }
    }

    /// Shows `mapping` at `start..<end`, over whatever was there.
    func put(_ start: UInt64, _ end: UInt64, _ mapping: Mapping) {
        let removed = take(start, end)
        mappings.insert(start, end, mapping)
        pieces += mapping.pieces(length: end - start)
        if case .allocation(let allocation, _, _) = mapping.target {
            allocation.mappedStarts.insert(start)
            allocation.memory.note(self)
        }
        if isShown(mapping) {
            show(start, end, mapping)
        } else {
            hide(removed, in: start, end)
        }
    }

    /// Shows nothing at `start..<end`.
    func clear(_ start: UInt64, _ end: UInt64) { hide(take(start, end), in: start, end) }

    /// Removes the mappings of `start..<end` from the books, and gives them whole.
    private func take(_ start: UInt64, _ end: UInt64) -> [RangeMap<Mapping>.Entry] {
        let removed = mappings.carve(start, end) { $0.advanced(by: $1) }
        for entry in removed {
            pieces -= entry.value.pieces(length: entry.length)
            if entry.start < start { pieces += entry.value.pieces(length: start - entry.start) }
            if entry.end > end {
                pieces += entry.value.advanced(by: end - entry.start).pieces(length: entry.end - end)
            }
            guard case .allocation(let allocation, _, _) = entry.value.target else { continue }
            allocation.mappedStarts.remove(entry.start)
            if entry.start < start { allocation.mappedStarts.insert(entry.start) }
            if entry.end > end { allocation.mappedStarts.insert(end) }
        }
        return removed
    }

    private func hide(_ removed: [RangeMap<Mapping>.Entry], in start: UInt64, _ end: UInt64) {
        for entry in removed where isShown(entry.value) { hide(max(entry.start, start), min(entry.end, end)) }
    }

    /// Lets the ranges go that an allocation owned; what is mapped there stays until something else is.
    func giveUpRanges(of allocation: Allocation) {
        for start in allocation.mappedStarts.sorted() {
            guard let entry = mappings.entry(containing: start) else { continue }
            for region in Array(regions.overlapping(entry.start, entry.end)) where region.value.kind == .mapOwned {
                _ = regions.carve(max(region.start, entry.start), min(region.end, entry.end)) { value, _ in value }
            }
        }
    }

    /// Takes a destroyed allocation out: reserved ranges are empty again where it was.
    func remove(_ allocation: Allocation) {
        for start in allocation.mappedStarts.sorted() {
            guard let entry = mappings.entry(containing: start) else { continue }
            empty(entry.start, entry.end)
        }
    }

    /// Shows at `start..<end` what its regions show where nothing is mapped.
    private func empty(_ start: UInt64, _ end: UInt64) {
        clear(start, end)
        for region in Array(regions.overlapping(start, end)) where region.value.kind == .reserved(unmapped: .zero) {
            put(max(region.start, start), min(region.end, end), Mapping(target: .zero, driverProtection: 0))
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
        func gap(from lower: UInt64) -> UInt64? {
            mappings.firstGap(length: pageSize, alignment: pageSize, lower: lower, upper: Self.hostEnd)
        }
        guard let address = gap(from: hostCursor) ?? gap(from: Self.hostStart) else { return nil }
        hostCursor = address + pageSize
        put(address, address + pageSize, Mapping(target: .fence(page: page, access), driverProtection: 0))
        return address
    }

    func unmapFence(at address: UInt64) { clear(address, address + pageSize) }

    // MARK: The worker

    /// Makes sure that there is a worker, and that it sees all that is to be seen.
    func open() {
        guard !isOpen, !isClosed else { return }
        isOpen = true
        effects.append(
            .openAddressSpace(id, process.machine.id, process: process.handle, adapter: adapter.index))
        for entry in mappings.entries where isShown(entry.value) { show(entry.start, entry.end, entry.value) }
    }

    /// Ends the worker and all that could be seen.
    func close() {
        isClosed = true
        stop()
        mappings = RangeMap()
        regions = RangeMap()
    }

    /// Ends the worker; the next one has another id.
    func restart(as next: AddressSpaceID) {
        stop()
        id = next
    }

    private func stop() {
        if isOpen {
            effects.append(.closeAddressSpace(id))
            departing.append(id)
        }
        isOpen = false
    }

    /// Workers that may touch memory.
    var workers: [AddressSpaceID] { isOpen ? departing + [id] : departing }

    private func isShown(_ mapping: Mapping) -> Bool {
        switch mapping.target {
        case .allocation(let allocation, _, _): allocation.memory.isVisible && !allocation.memory.isDetached
        case .fence, .zero: true
        case .noAccess: false
        }
    }

    private func show(_ start: UInt64, _ end: UInt64, _ mapping: Mapping) {
        // A worker that is opened now is told of everything, this mapping included.
        guard isOpen else { return open() }
        switch mapping.target {
        case .allocation(let allocation, let offset, let access):
            var address = start
            for span in allocation.memory.spans(offset: offset, length: end - start) {
                effects.append(.map(id, address: address, span, access))
                address += span.length
            }
        case .fence(let page, let access):
            effects.append(
                .map(id, address: start, MemorySpan(file: .ioSpace, offset: page, length: end - start), access))
        case .zero:
            effects.append(.mapZero(id, address: start, length: end - start))
        case .noAccess:
            break
        }
    }

    private func hide(_ start: UInt64, _ end: UInt64) {
        guard isOpen else { return }
        effects.append(.unmap(id, address: start, length: end - start))
    }
}

/// The list of effects that one input has had so far.
final class EffectLog {
    private var effects: [Effect] = []

    func append(_ effect: Effect) { effects.append(effect) }

    func take() -> [Effect] {
        let taken = effects
        effects = []
        return taken
    }
}

/// One operation of UPDATEGPUVIRTUALADDRESS, checked (docs/protocol/semantics.md 11, CMD 19).
enum AddressOperation {
    /// `repeats` bytes of the allocation from `offset` on, over and over, from `start` to `end`.
    case map(
        start: UInt64, end: UInt64, Allocation, offset: UInt64, repeats: UInt64, GPUAccess, driverProtection: UInt64)
    case unmap(start: UInt64, end: UInt64, AddressSpace.EmptyRange)
    case copy(source: UInt64, length: UInt64, destination: UInt64)
}
