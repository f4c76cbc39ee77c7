import DXGProtocol
import Testing

@testable import SoftGPU

/// GPU virtual addresses (docs/protocol/semantics.md 11).
@Suite struct AddressSpaceTests {
    let host = TestHost()
    let guest: VirtualGuest
    let process: VirtualProcess
    let device: VirtualDevice
    let queue: VirtualPagingQueue

    init() {
        guest = host.start()
        process = guest.createProcess()
        device = process.createDevice()
        queue = device.createPagingQueue()
    }

    static let granule: UInt64 = 65536

    private func residentAllocation(_ size: UInt64) -> D3DKMTHandle {
        let allocation = device.allocate(size)
        device.makeResident([allocation], on: queue)
        return allocation
    }

    private func mapping(at address: UInt64) -> MemorySpan?? { host.checker.mapping(process.space()!, at: address) }

    // MARK: Reserve

    @Test func reservationsObeyTheirLimits() {
        let base = process.reserve(size: Self.granule)!
        #expect(base >= 1 << 32 && base % Self.granule == 0)
        #expect(process.reserve(size: Self.granule, base: base) == nil)
        #expect(process.reserve(size: Self.granule, base: base + Self.granule) == base + Self.granule)
        let low: UInt64 = 0x20_0000_0000
        #expect(process.reserve(size: Self.granule, minimum: low, maximum: low + Self.granule) == low)
        #expect(process.reserve(size: Self.granule, minimum: low, maximum: low + Self.granule) == nil)
        #expect(process.reserve(size: 2 * Self.granule, minimum: low, maximum: low + 2 * Self.granule) == nil)
        #expect(process.reserve(size: Self.granule, by: queue.handle) != nil)
    }

    struct Bad: Sendable {
        var size: UInt64 = 65536
        var base: UInt64 = 0
        var minimum: UInt64 = 0
        var type: UInt32 = 0
    }

    @Test(arguments: [
        Bad(size: 0), Bad(size: 4096), Bad(base: 0x1_0000_1000), Bad(minimum: 4096), Bad(type: 3),
        Bad(base: 65536), Bad(size: 1 << 63), Bad(size: 1 << 47), Bad(size: .max - 65535, base: 0x1_0000_0000),
        Bad(base: 0x7fff_ffff_0000), Bad(base: 0x3f00_0000_0000), Bad(base: 0xffff_ffff_ffff_0000),
        Bad(base: 0x3eff_ffff_0000 + 65536),
    ])
    func reservationsThatAreRefused(_ bad: Bad) {
        #expect(process.reserve(size: bad.size, base: bad.base, minimum: bad.minimum, type: bad.type) == nil)
    }

    @Test func zeroReservationsReadAsZero() {
        let base = process.reserve(size: 2 * Self.granule, type: 1)!
        #expect(mapping(at: base) == .some(nil))
        let allocation = residentAllocation(4096)
        #expect(device.map(allocation, on: queue, pages: 1, base: base).status == .success)
        #expect(mapping(at: base) != .some(nil))
        #expect(mapping(at: base + 4096) == .some(nil))
        device.destroyAllocations([allocation])
        #expect(mapping(at: base) == .some(nil))
        #expect(process.free(base, 2 * Self.granule) == .success)
        #expect(mapping(at: base) == nil)
    }

    // MARK: Map

    @Test func mappedMemoryIsSeenWhileResident() {
        let allocation = device.allocate(2 * 4096)
        let reply = device.map(allocation, on: queue, pages: 2)
        #expect(reply.status == .success && reply.virtualAddress % Self.granule == 0)
        #expect(mapping(at: reply.virtualAddress) == nil)
        device.makeResident([allocation], on: queue)
        let first = mapping(at: reply.virtualAddress)
        #expect(first != nil)
        let again = device.map(allocation, on: queue, pages: 1, offset: 1)
        #expect(
            mapping(at: again.virtualAddress)??.offset == (first??.offset).map { $0 + 4096 })
        device.evict([allocation])
        #expect(mapping(at: reply.virtualAddress) == nil)
        #expect(mapping(at: again.virtualAddress) == nil)
    }

    @Test func bigMappingsAreAligned() {
        let allocation = device.allocate(4 << 20)
        #expect(device.map(allocation, on: queue, pages: 1024).virtualAddress % (2 << 20) == 0)
    }

    @Test func mapArguments() {
        let allocation = device.allocate(4 * 4096)
        let base: UInt64 = 0x5_0000_0000
        func status(_ change: (inout MessageBuilder<MapGpuVirtualAddress.Request>) -> Void) -> NTStatus {
            var request = device.mapRequest(allocation, on: queue, pages: 1, base: base)
            change(&request)
            return device.call(request).fields.status
        }
        #expect(status { $0.sizeInPages = 0 } == .invalidParameter)
        #expect(status { $0.sizeInPages = 5 } == .invalidParameter)
        #expect(status { $0.sizeInPages = 1 << 52 } == .invalidParameter)
        #expect(status { $0.sizeInPages = .max } == .invalidParameter)
        #expect(status { $0.offsetInPages = 4 } == .invalidParameter)
        #expect(status { $0.offsetInPages = .max } == .invalidParameter)
        #expect(status { $0.baseAddress = base + 1 } == .invalidParameter)
        #expect(status { $0.baseAddress = 0x1000 } == .invalidParameter)
        #expect(status { $0.baseAddress = 0x3f00_0000_0000 } == .invalidParameter)
        #expect(status { $0.protectionValue = 4 } == .invalidParameter)
        #expect(status { $0.protectionValue = 16 } == .invalidParameter)
        #expect(status { $0.allocation = queue.handle } == .invalidParameter)
        #expect(status { $0.allocation = .none } == .invalidParameter)
        #expect(status { $0.pagingQueue = allocation } == .invalidParameter)
        #expect(status { _ in } == .success)
        // A canonical address names the same place; the host's half does not exist for user mode.
        #expect(status { $0.baseAddress = 0xffff_8000_0000_0000 } == .invalidParameter)
    }

    @Test func otherDevicesAllocationsAreNotMapped() {
        let other = process.createDevice()
        let allocation = other.allocate(4096)
        #expect(device.map(allocation, on: queue, pages: 1).status == .invalidParameter)
    }

    @Test func remappingReplacesWithoutAGap() {
        let base = process.reserve(size: Self.granule)!
        let first = residentAllocation(4096)
        let second = residentAllocation(4096)
        #expect(device.map(first, on: queue, pages: 1, base: base).status == .success)
        let before = mapping(at: base)
        host.clearTrace()
        #expect(device.map(second, on: queue, pages: 1, base: base).status == .success)
        #expect(mapping(at: base) != before)
        // A job that reads there meanwhile sees the old or the new, never nothing.
        #expect(host.trace.allSatisfy { if case .unmap = $0 { false } else { true } })
        #expect(device.map(.none, on: queue, pages: 1, base: base, protection: 8).status == .success)
        #expect(mapping(at: base) == nil)
    }

    @Test func mappedRangesTakeNoEmptyOnes() {
        let allocation = residentAllocation(4096)
        let base = device.map(allocation, on: queue, pages: 1).virtualAddress
        #expect(device.map(.none, on: queue, pages: 1, base: base, protection: 4).status == .invalidParameter)
        #expect(device.map(residentAllocation(4096), on: queue, pages: 1, base: base).status == .success)
        #expect(device.map(allocation, on: queue, pages: 1, base: base + 4096).status == .success)
        // Half owned, half free.
        let wide = residentAllocation(16384)
        #expect(device.map(wide, on: queue, pages: 4, base: base).status == .invalidParameter)
    }

    @Test func uniqueDriverProtectionIsExclusive() {
        let allocation = residentAllocation(8192)
        func map(_ protection: UInt64, offset: UInt64 = 0, base: UInt64 = 0) -> NTStatus {
            var request = device.mapRequest(allocation, on: queue, pages: 1, base: base, offset: offset)
            request.driverProtection = protection
            return device.call(request).fields.status
        }
        #expect(map(1 << 63 | 5) == .success)
        #expect(map(1 << 63 | 5) == .success)
        #expect(map(6) == .invalidParameter)
        #expect(map(1 << 63 | 6) == .invalidParameter)
        #expect(map(6, offset: 1) == .success)
        #expect(map(7, offset: 1) == .success)
    }

    @Test func mappingsAreLimited() {
        let guest = host.start { $0.limits.mappingsPerAddressSpace = 8 }
        let device = guest.createProcess().createDevice()
        let queue = device.createPagingQueue()
        let allocation = device.allocate(4096)
        var mapped = 0
        while device.map(allocation, on: queue, pages: 1).status == .success, mapped < 20 { mapped += 1 }
        #expect(mapped < 9)
        #expect(device.map(allocation, on: queue, pages: 1).status == .noMemory)
        #expect(device.createFence().handle == .none)
        // Reservations have no end either where nothing is mapped.
        let other = guest.createProcess()
        var reserved = 0
        while other.reserve(size: Self.granule) != nil, reserved < 20 { reserved += 1 }
        #expect(reserved < 9)
    }

    // MARK: Free

    @Test func freeingRanges() {
        let base = process.reserve(size: 4 * Self.granule)!
        #expect(process.free(base, Self.granule) == .invalidParameter)
        #expect(process.free(base + Self.granule, 3 * Self.granule) == .invalidParameter)
        #expect(process.free(base, 0) == .invalidParameter)
        #expect(process.free(base, 100) == .invalidParameter)
        #expect(process.free(base, .max - 4095) == .invalidParameter)
        #expect(process.free(base, 4 * Self.granule) == .success)
        #expect(process.free(base, 4 * Self.granule) == .invalidParameter)

        let allocation = residentAllocation(4 * 4096)
        let mapped = device.map(allocation, on: queue, pages: 4).virtualAddress
        #expect(process.free(mapped + 4096, 4096) == .success)
        #expect(mapping(at: mapped) != nil)
        #expect(mapping(at: mapped + 4096) == nil)
        #expect(mapping(at: mapped + 8192)??.offset == (mapping(at: mapped)??.offset).map { $0 + 8192 })
        #expect(process.free(mapped, 4 * 4096) == .success)
        // The host's window is nobody's to free.
        let fence = device.createFence()
        #expect(process.free(fence.gpuAddress, 4096) == .invalidParameter)
        #expect(process.free(0x3f00_0000_0000, 1 << 40) == .invalidParameter)
    }

    // MARK: Update

    private func update(
        _ operations: [MessageBuilder<UpdateGpuVirtualAddressOperation>], context: D3DKMTHandle, fence: D3DKMTHandle,
        value: UInt64, doNotWait: Bool = false
    ) -> NTStatus {
        var request = MessageBuilder<UpdateGpuVirtualAddress.Request>()
        request.device = device.handle
        request.context = context
        request.fenceObject = fence
        request.fenceValue = value
        request.flags = doNotWait ? 1 : 0
        request.appendOperations(operations)
        return device.status(request)
    }

    private func map(
        _ base: UInt64, _ size: UInt64, _ allocation: D3DKMTHandle, offset: UInt64 = 0, repeats: UInt64 = 0
    ) -> MessageBuilder<UpdateGpuVirtualAddressOperation> {
        var operation = MessageBuilder<UpdateGpuVirtualAddressOperation>()
        operation.mapBaseAddress = base
        operation.mapSize = size
        operation.mapAllocation = allocation
        operation.mapAllocationOffset = offset
        operation.mapAllocationSize = repeats
        return operation
    }

    private func unmap(_ base: UInt64, _ size: UInt64, zero: Bool = false) -> MessageBuilder<
        UpdateGpuVirtualAddressOperation
    > {
        var operation = MessageBuilder<UpdateGpuVirtualAddressOperation>()
        operation.operation = 1
        operation.unmapBaseAddress = base
        operation.unmapSize = size
        operation.unmapProtectionZero = zero
        operation.unmapProtectionNoAccess = !zero
        return operation
    }

    private func copy(_ source: UInt64, _ size: UInt64, to destination: UInt64) -> MessageBuilder<
        UpdateGpuVirtualAddressOperation
    > {
        var operation = MessageBuilder<UpdateGpuVirtualAddressOperation>()
        operation.operation = 2
        operation.copySourceAddress = source
        operation.copySize = size
        operation.copyDestAddress = destination
        return operation
    }

    @Test func updatesWaitAndSignal() {
        let context = device.createContext()
        let fence = device.createFence(4)
        let base = process.reserve(size: Self.granule)!
        let allocation = residentAllocation(4096)
        #expect(update([map(base, 4096, allocation)], context: context, fence: fence.handle, value: 5) == .success)
        #expect(mapping(at: base) == nil)
        device.signal((fence.handle, 5))
        #expect(mapping(at: base) != nil)
        #expect(device.value(of: fence) == 6)
        #expect(
            update([unmap(base, 4096)], context: context, fence: fence.handle, value: 90, doNotWait: true) == .success)
        #expect(mapping(at: base) == nil)
        #expect(device.value(of: fence) == 91)
    }

    @Test func updatesRepeatAnAllocation() {
        let context = device.createContext()
        let fence = device.createFence()
        let base = process.reserve(size: Self.granule)!
        let allocation = residentAllocation(4 * 4096)
        let operation = map(base, 6 * 4096, allocation, offset: 4096, repeats: 2 * 4096)
        #expect(update([operation], context: context, fence: fence.handle, value: 0) == .success)
        let start = mapping(at: base)!!.offset
        let offsets = (0..<6).map { mapping(at: base + $0 * 4096)!!.offset - start }
        #expect(offsets == [0, 4096, 0, 4096, 0, 4096])
    }

    /// A copy acts as if its source had been read before.
    @Test func overlappingCopy() {
        let context = device.createContext()
        let fence = device.createFence()
        let base = process.reserve(size: Self.granule)!
        let allocation = residentAllocation(3 * 4096)
        let operations = [map(base, 3 * 4096, allocation), copy(base, 3 * 4096, to: base + 4096)]
        #expect(update(operations, context: context, fence: fence.handle, value: 0) == .success)
        let start = mapping(at: base)!!.offset
        #expect((0..<4).map { mapping(at: base + $0 * 4096)!!.offset - start } == [0, 0, 4096, 8192])
    }

    @Test func updatesAreChecked() {
        let context = device.createContext()
        let fence = device.createFence()
        let base = process.reserve(size: Self.granule)!
        let other = process.reserve(size: Self.granule)!
        let allocation = residentAllocation(4 * 4096)
        let mapped = device.map(allocation, on: queue, pages: 1).virtualAddress
        let bad = [
            [map(base, 4096, .none)], [map(base, 5 * 4096, allocation)],
            [map(base, 4096, allocation, offset: 4 * 4096)],
            [map(base + 1, 4096, allocation)], [map(base, 100, allocation)], [map(base, 0, allocation)],
            [map(base + Self.granule - 4096, 8192, allocation)], [map(mapped, 4096, allocation)],
            [map(base, 3 * 4096, allocation, repeats: 2 * 4096)], [map(base, 4096, allocation, offset: .max - 4095)],
            [map(base, 4096, allocation), map(other, 4096, allocation)], [unmap(0x3f00_0000_0000, 4096)],
            [copy(mapped, 4096, to: base)], [],
        ]
        for operations in bad {
            #expect(update(operations, context: context, fence: fence.handle, value: 0) == .invalidParameter)
        }
        #expect(mapping(at: base) == nil)
        #expect(device.value(of: fence) == 0)
        let fine = [copy(other, 4096, to: base), unmap(base, 8192, zero: true)]
        #expect(update(fine, context: context, fence: fence.handle, value: 0) == .success)
        #expect(mapping(at: base + 4096) == .some(nil))
        #expect(update(fine, context: context, fence: queue.fence, value: 0) == .invalidParameter)
        let silent = device.createFence(flags: .noSignal)
        #expect(update(fine, context: context, fence: silent.handle, value: 0) == .accessDenied)
    }

    /// A unique driver protection holds against updates too, which have none.
    @Test func updatesRespectUniqueProtection() {
        let context = device.createContext()
        let fence = device.createFence()
        let base = process.reserve(size: Self.granule)!
        let allocation = residentAllocation(8192)
        var unique = device.mapRequest(allocation, on: queue, pages: 1)
        unique.driverProtection = 1 << 63 | 5
        #expect(device.call(unique).fields.status == .success)
        let operations = [map(base, 4096, allocation), map(base + 4096, 4096, allocation, offset: 4096)]
        #expect(update(operations, context: context, fence: fence.handle, value: 0) == .success)
        #expect(mapping(at: base) == nil && mapping(at: base + 4096) != nil)
        #expect(device.value(of: fence) == 1)
    }

    /// A huge range of tiny repeats is refused before it is looked at page by page.
    @Test func repeatsAreLimited() {
        let context = device.createContext()
        let fence = device.createFence()
        let base = process.reserve(size: 1 << 45)!
        let allocation = residentAllocation(4096)
        let operation = map(base, 1 << 45, allocation, repeats: 4096)
        #expect(update([operation], context: context, fence: fence.handle, value: 0) == .noMemory)
    }

    /// What an update names may have gone when its turn comes.
    @Test func lateUpdatesTouchOnlyWhatIsThere() {
        let context = device.createContext()
        let fence = device.createFence()
        let base = process.reserve(size: Self.granule)!
        let allocation = residentAllocation(4096)
        let gone = residentAllocation(4096)
        let operations = [map(base, 4096, gone), map(base + 4096, 4096, allocation)]
        #expect(update(operations, context: context, fence: fence.handle, value: 1) == .success)
        device.destroyAllocations([gone], flags: 1)
        device.signal((fence.handle, 1))
        #expect(mapping(at: base) == nil)
        #expect(mapping(at: base + 4096) != nil)

        #expect(update([map(base, 4096, allocation)], context: context, fence: fence.handle, value: 3) == .success)
        #expect(process.free(base, Self.granule) == .success)
        #expect(process.reserve(size: Self.granule, base: base) == base)
        device.signal((fence.handle, 3))
        #expect(mapping(at: base) == nil)
        #expect(device.value(of: fence) == 4)
    }

    // MARK: Deferred destruction

    @Test func queuedWorkKeepsWhatWasDestroyed() {
        host.completesJobs = false
        let context = device.createContext()
        let allocation = residentAllocation(Self.granule)
        let base = device.map(allocation, on: queue, pages: 16).virtualAddress
        device.submit(to: context)
        #expect(device.destroyAllocations([allocation]) == .success)
        #expect(mapping(at: base) != nil)
        #expect(guest.machine?.committedBytes == Self.granule)
        // The address is nobody's, but is not chosen while work could see the old memory there.
        let next = residentAllocation(Self.granule)
        #expect(device.map(next, on: queue, pages: 16).virtualAddress != base)
        host.endJob()
        #expect(mapping(at: base) == nil)
        #expect(guest.machine?.committedBytes == Self.granule)
        #expect(guest.machine?.localPages.used == Self.granule)
    }

    @Test func assumeNotInUseTakesItAtOnce() {
        host.completesJobs = false
        let allocation = residentAllocation(4096)
        let base = device.map(allocation, on: queue, pages: 1).virtualAddress
        device.submit(to: device.createContext())
        #expect(device.destroyAllocations([allocation], flags: 1) == .success)
        #expect(mapping(at: base) == nil)
        host.endJob()
    }

    @Test func queuedWorkSeesWhatIsEvictedAfterIt() {
        host.completesJobs = false
        let context = device.createContext()
        let allocation = residentAllocation(4096)
        let base = device.map(allocation, on: queue, pages: 1).virtualAddress
        device.submit(to: context)
        device.evict([allocation])
        #expect(process.videoMemory(0)?.currentUsage == 0)
        #expect(mapping(at: base) != nil)
        host.endJob()
        #expect(mapping(at: base) == nil)
        device.makeResident([allocation], on: queue)
        device.submit(to: context)
        device.evict([allocation])
        device.makeResident([allocation], on: queue)
        host.endJob()
        #expect(mapping(at: base) != nil)
    }

    @Test func loopsOfEvictionsStayBounded() {
        host.completesJobs = false
        let guest = host.start { $0.limits.queuedPacketsPerProcess = 100 }
        let process = guest.createProcess()
        let device = process.createDevice()
        let queue = device.createPagingQueue()
        let allocation = device.allocate(4096)
        #expect(device.map(allocation, on: queue, pages: 1).status == .success)
        device.submit(to: device.createContext())
        for _ in 0..<500 {
            device.makeResident([allocation], on: queue)
            device.evict([allocation])
        }
        #expect((process.model?.queuedPackets ?? 0) <= 100)
        host.endJob()
        #expect(process.model?.queuedPackets == 0)
    }
}
