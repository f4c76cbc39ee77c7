import DXGProtocol
import Testing
import VMBus

@testable import SoftGPU

/// Several guests and processes that do, from one seed, all that a driver can do and much that it cannot.
final class RandomGuest {
    let host: TestHost
    private var random: SeededGenerator
    private var guests: [VirtualGuest] = []
    private var processes: [Member] = []
    private(set) var commands = 0
    private var commandBuffers: UInt64 = 0

    /// A process with all the handles that it was ever given.
    private final class Member {
        let process: VirtualProcess
        var devices: [VirtualDevice] = []
        var contexts: [D3DKMTHandle] = []
        var hwQueues: [VirtualHwQueue] = []
        var pagingQueues: [VirtualPagingQueue] = []
        var fences: [VirtualFence] = []
        var others: [D3DKMTHandle] = []
        var allocations: [D3DKMTHandle] = []
        var resources: [D3DKMTHandle] = []
        var ranges: [(base: UInt64, size: UInt64)] = []
        var progress: UInt64 = 0
        /// By device.
        var cookies: [D3DKMTHandle: UInt64] = [:]

        init(_ process: VirtualProcess) { self.process = process }

        /// Whether the guest has heard so.
        func isLost(_ device: VirtualDevice) -> Bool {
            cookies[device.handle].map(process.guest.stateChanges.contains) ?? false
        }
    }

    /// Names that processes of a guest pass to each other.
    private var fenceNames: [GuestID: [VirtualFence]] = [:]
    private var handleNames: [GuestID: [D3DKMTHandle]] = [:]

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        var second = TestHost.profile
        second.hostLUID = LUID(low: 78, high: 1)
        host = TestHost(profiles: [TestHost.profile, second])
        host.completesJobs = false
        host.passesBarriers = false
        host.completesAborts = false
        for _ in 0..<3 { addGuest() }
    }

    private func addGuest() {
        let kind = random.below(4)
        let isAsync = random.chance(50)
        let guest = host.start(version: kind == 0 ? .v27 : .v40, ioSpaceBytes: 2 << 20, localBytes: 8 << 20) {
            $0.asyncMessages = isAsync
            $0.pagingNanoseconds = kind == 1 ? 5_000 : 0
            $0.allowsNonResidentAccess = kind == 2
            $0.limits.memory = 6 << 20
            $0.limits.queuedPacketsPerProcess = 200
            $0.limits.waitersPerProcess = 100
            $0.limits.objectsPerProcess = 150
            $0.limits.mappingsPerAddressSpace = 120
            $0.limits.sharedObjects = 20
        }
        giveMemory(to: guest)
        guests.append(guest)
    }

    /// Some guests share their memory, and all have a list of pages for existing system memory.
    private func giveMemory(to guest: VirtualGuest) {
        if random.chance(50) {
            host.take(.shareMemory(guest.id, [GuestMemoryRegion(base: 0, length: 16 << 20)]))
        }
        host.take(
            .createGPADL(guest.id, id: 1, [GuestPhysicalRange(byteOffset: 0, byteCount: 8192, pages: [3, 9])]))
    }

    // MARK: Choices

    private func pick<Element>(_ list: [Element]) -> Element? { list.isEmpty ? nil : list[random.below(list.count)] }

    /// A handle of a list, mostly: else one of anything, or of nothing.
    private func handle(_ list: [D3DKMTHandle], _ member: Member) -> D3DKMTHandle {
        switch random.below(100) {
        case 0..<92: return pick(list) ?? .none
        case 92..<97:
            let other = pick(processes) ?? member
            return pick(other.fences.map(\.handle) + other.allocations + other.contexts + other.devices.map(\.handle))
                ?? .none
        default: return D3DKMTHandle(rawValue: UInt32(truncatingIfNeeded: random.next()))
        }
    }

    private func fence(_ member: Member) -> D3DKMTHandle {
        if random.chance(10) {
            return handle(member.pagingQueues.map(\.fence) + member.hwQueues.map(\.fence) + member.others, member)
        }
        return handle(member.fences.map(\.handle), member)
    }

    private func queue(_ member: Member) -> D3DKMTHandle {
        handle(random.chance(30) ? member.hwQueues.map(\.handle) : member.contexts, member)
    }

    private func value() -> UInt64 { random.chance(3) ? .max : UInt64(random.below(40)) }

    private func fences(_ member: Member) -> [(D3DKMTHandle, UInt64)] {
        (0...random.below(3)).map { _ in (fence(member), value()) }
    }

    // MARK: Steps

    func run(_ count: Int, auditEvery interval: Int = 500) {
        let target = commands + count
        while commands < target {
            step()
            if commands % interval == 0 { ModelAudit(host: host).run() }
        }
    }

    private func step() {
        commands += 1
        switch random.below(1000) {
        case 0..<170: finishSomething()
        case 170..<200: host.advance(by: UInt64(random.below(40_000)))
        case 200..<202: host.advance(by: 30_000_000_000)
        case 202..<204: discardOffers()
        case 204: replaceGuest()
        case 205: resetGuest()
        case 206: if let guest = pick(guests) { guest.openAdapter(random.below(2)) }
        case 207..<211: destroyProcess()
        case 211..<240: if processes.count < 8 { createProcess() }
        case 240..<242: failSpace()
        case 242..<262: sendGarbage()
        default:
            guard let member = pick(processes) else { return createProcess() }
            guard let device = pick(member.devices), !random.chance(2) else { return createDevice(member) }
            // A lost device is of use for a while, to see what it refuses.
            if member.isLost(device), random.chance(30) { return destroy(device, of: member) }
            act(member, device)
        }
    }

    private func act(_ member: Member, _ device: VirtualDevice) {
        switch random.below(100) {
        case 0..<12: makeObject(member, device)
        case 12..<20: makeMemory(member, device)
        case 20..<32: useMemory(member, device)
        case 32..<50: useAddresses(member, device)
        case 50..<62: submit(member, device)
        case 62..<80: synchronize(member, device)
        case 80..<92: destroySomething(member, device)
        default: share(member, device)
        }
    }

    private func createProcess() {
        guard let guest = pick(guests) else { return }
        let process = guest.createProcess(pid: UInt64(commands))
        if process.handle != .none { processes.append(Member(process)) }
    }

    private func createDevice(_ member: Member) {
        let device = member.process.createDevice(
            adapter: random.below(2), cookie: UInt64(commands), disablesTimeout: random.chance(20))
        guard device.handle != .none else { return }
        member.devices.append(device)
        member.cookies[device.handle] = UInt64(commands)
        // What most of what follows needs.
        for node in 0..<2 { member.contexts.append(device.createContext(node: UInt32(node))) }
        member.pagingQueues.append(device.createPagingQueue())
        for _ in 0..<3 { member.fences.append(device.createFence()) }
        for _ in 0..<2 { makeMemory(member, device) }
    }

    private func destroy(_ device: VirtualDevice, of member: Member) {
        device.destroy()
        member.devices.removeAll { $0.handle == device.handle }
    }

    private func makeObject(_ member: Member, _ device: VirtualDevice) {
        switch random.below(7) {
        case 0:
            member.contexts.append(device.createContext(node: UInt32(random.below(2)), flags: UInt32(random.below(16))))
        case 1: member.hwQueues.append(device.createHwQueue())
        case 2: member.pagingQueues.append(device.createPagingQueue(priority: Int32(random.below(3)) - 1))
        case 3:
            member.others.append(
                device.createSyncObject(type: UInt32(random.below(3)) + 1) { $0.semaphoreMaxCount = 2 })
        case 4:
            let fence = device.createSharedFence(value())
            member.fences.append(fence)
            fenceNames[device.guest.id, default: []].append(fence)
        default:
            let flags = SyncObjectFlags(rawValue: UInt32(random.below(16)) << 4)
            member.fences.append(device.createFence(value(), flags: flags))
        }
    }

    private func makeMemory(_ member: Member, _ device: VirtualDevice) {
        let size = UInt64(random.below(40) + 1) * 4096
        switch random.below(6) {
        case 0:
            let shared = device.allocateShared(size, count: random.below(2) + 1)
            member.allocations += shared.handles
            member.resources.append(shared.resource)
            if shared.resource != .none {
                handleNames[device.guest.id, default: []].append(member.process.share(shared.resource))
            }
        case 1:
            let allocation = device.allocateExisting(8192)
            member.allocations.append(allocation)
            _ = random.chance(50) ? device.setStore(allocation, gpadl: 1) : device.setPages(allocation, [7, 8])
        case 2:
            let made = device.allocate(size, count: 2, resource: handle(member.resources, member))
            member.allocations += made.handles
        default:
            member.allocations.append(
                device.allocate(size, heap: UInt32(random.below(2)), flags: UInt32(random.below(2))))
        }
    }

    private func useMemory(_ member: Member, _ device: VirtualDevice) {
        let list = (0...random.below(3)).map { _ in handle(member.allocations, member) }
        guard let queue = pick(member.pagingQueues) else { return }
        switch random.below(8) {
        case 0..<3: device.makeResident(list, on: queue, flags: UInt32(random.below(2)))
        case 3..<5: device.evict(list)
        case 5:
            _ = device.lock(list[0])
            if random.chance(70) { _ = device.unlock(list[0]) }
        case 6:
            var request = MessageBuilder<OfferAllocations.Request>()
            request.device = device.handle
            request.priority = UInt32(random.below(4)) + 1
            request.flagsValue = UInt32(random.below(4))
            request.appendAllocations(list)
            device.status(request)
        default:
            var request = MessageBuilder<ReclaimAllocations.Request>()
            request.device = device.handle
            request.pagingQueue = queue.handle
            request.writeResults = random.chance(50)
            request.appendAllocations(list)
            device.call(request)
        }
    }

    private func useAddresses(_ member: Member, _ device: VirtualDevice) {
        guard let queue = pick(member.pagingQueues) else { return }
        switch random.below(8) {
        case 0:
            let size = UInt64(random.below(4) + 1) << 16
            if let base = member.process.reserve(size: size, type: UInt32(random.below(2)), adapter: device.adapter) {
                member.ranges.append((base, size))
            }
        case 1..<5:
            let pages = UInt64(random.below(20) + 1)
            var base: UInt64 = 0
            if random.chance(60), let range = pick(member.ranges) {
                base = range.base + UInt64(random.below(16)) * 4096
            }
            let isEmpty = random.chance(15)
            let reply = device.map(
                isEmpty ? .none : handle(member.allocations, member), on: queue, pages: pages, base: base,
                protection: isEmpty ? 4 << UInt64(random.below(2)) : UInt64(random.below(2)))
            if reply.status.isSuccess { member.ranges.append((reply.virtualAddress, pages * 4096)) }
        case 5:
            if let range = pick(member.ranges) {
                _ = member.process.free(
                    range.base, random.chance(80) ? range.size : 4096, adapter: device.adapter)
            }
        default: update(member, device)
        }
    }

    private func update(_ member: Member, _ device: VirtualDevice) {
        guard let range = pick(member.ranges) else { return }
        var request = MessageBuilder<UpdateGpuVirtualAddress.Request>()
        request.device = device.handle
        request.context = handle(member.contexts, member)
        request.fenceObject = fence(member)
        request.fenceValue = UInt64(random.below(30))
        request.flags = UInt32(random.below(2))
        request.appendOperations(
            (0...random.below(3)).map { _ in
                var operation = MessageBuilder<UpdateGpuVirtualAddressOperation>()
                operation.operation = UInt32(random.below(4))
                operation.mapBaseAddress = range.base + UInt64(random.below(8)) * 4096
                operation.mapSize = UInt64(random.below(4) + 1) * 4096
                if operation.operation == 2 {
                    operation.copyDestAddress = range.base + UInt64(random.below(8)) * 4096
                } else {
                    operation.mapAllocation = handle(member.allocations, member)
                    operation.mapAllocationSize = random.chance(50) ? 4096 : 0
                }
                return operation
            })
        device.status(request)
    }

    private func submit(_ member: Member, _ device: VirtualDevice) {
        let request = VirtualDevice.submission(
            to: [handle(member.contexts, member)], at: newCommandBuffer(), isNull: random.chance(20))
        switch random.below(10) {
        case 0..<5: device.status(request)
        case 5 where device.guest.version == .v40: member.process.post(request, adapter: device.adapter)
        default:
            guard let queue = pick(member.hwQueues) else { return }
            member.progress += 1
            device.submit(to: queue, progress: member.progress, at: newCommandBuffer())
        }
    }

    /// An address that tells the command buffer from all others.
    private func newCommandBuffer() -> UInt64 {
        commandBuffers += 1
        return 0x1_0000_0000 + commandBuffers * 8
    }

    private func synchronize(_ member: Member, _ device: VirtualDevice) {
        switch random.below(12) {
        case 0..<3: _ = device.wait(for: fences(member), any: random.chance(40))
        case 3..<5:
            device.status(VirtualDevice.signalRequest(fences(member), device: device.handle))
        case 5..<8:
            device.gpuWait(on: queue(member), for: fences(member), isLegacy: random.chance(20))
        case 8..<10:
            let queues = (0...random.below(2)).map { _ in queue(member) }
            let isEarly = random.chance(20)
            let request = VirtualDevice.signalRequest(fences(member), queues: queues) {
                $0.flagsSignalAtSubmission = isEarly
            }
            if random.chance(20), device.guest.version == .v40 {
                member.process.post(request, adapter: device.adapter)
            } else {
                device.status(request)
            }
        case 10: device.legacySignal(on: queue(member), [handle(member.others, member)], value: value())
        default: _ = device.enqueueEvent(on: [queue(member)])
        }
    }

    private func destroySomething(_ member: Member, _ device: VirtualDevice) {
        switch random.below(50) {
        case 0..<18:
            let list = [handle(member.allocations, member)]
            let resource = random.chance(30) ? handle(member.resources, member) : .none
            device.destroyAllocations(resource == .none ? list : [], resource: resource, flags: UInt32(random.below(4)))
        case 18..<36:
            _ = member.process.destroySyncObject(random.chance(20) ? handle(member.others, member) : fence(member))
        case 36..<40: device.destroyContext(handle(member.contexts, member))
        case 40..<44: if let queue = pick(member.hwQueues) { device.destroyHwQueue(queue) }
        case 44: if let queue = pick(member.pagingQueues) { device.destroyPagingQueue(queue) }
        case 45: device.markAsError()
        case 46..<49: _ = device.flush(reason: random.chance(20) ? 4 : 3)
        default: destroy(device, of: member)
        }
    }

    private func share(_ member: Member, _ device: VirtualDevice) {
        let guest = device.guest.id
        switch random.below(9) {
        case 0..<3:
            guard let name = pick(fenceNames[guest] ?? []) else { return }
            let (status, fence) = device.open(name.global, flags: UInt32(random.below(16)) << 4)
            if status == .success { member.fences.append(fence) }
        case 3..<5:
            guard let name = pick(handleNames[guest] ?? []) else { return }
            let opened = device.openResource(name, count: random.below(2) + 1)
            member.allocations += opened.handles
            member.resources.append(opened.resource)
        case 5: handleNames[guest, default: []].append(member.process.share(fence(member)))
        case 6: if let name = pick(handleNames[guest] ?? []) { _ = member.process.unshare(name) }
        case 7: reserveMemory(member, device)
        default: _ = member.process.videoMemory(UInt32(random.below(3)), adapter: device.adapter)
        }
    }

    private func reserveMemory(_ member: Member, _ device: VirtualDevice) {
        var request = MessageBuilder<ChangeVideoMemoryReservation.Request>()
        request.adapter = device.guest.adapterHandles[device.adapter]
        request.memorySegmentGroup = UInt32(random.below(3))
        request.reservation = UInt64(random.below(64)) << 20
        device.status(request)
    }

    // MARK: The world

    private func finishSomething() {
        switch random.below(10) {
        case 0..<4 where !host.barriers.isEmpty: host.passBarrier()
        default:
            let stopped = host.jobs.first { job in host.aborted.contains(job.id) }
            guard let job = random.chance(50) ? stopped ?? pick(host.jobs) : pick(host.jobs) else { return }
            for offset in job.fenceOffsets where random.chance(5) {
                host.gpuWrites(job.guest, offset, UInt64(random.below(60)))
            }
            host.endJob(job, outcome(of: job), nanoseconds: UInt64(random.below(30_000)))
        }
    }

    private func outcome(of job: Job) -> JobOutcome {
        if host.aborted.contains(job.id), random.chance(80) { return .aborted }
        switch random.below(100) {
        case 0..<93: return .completed
        case 93..<95: return .pageFault(address: random.next(), isWrite: random.chance(50))
        case 95..<97: return .invalidCommand(reason: "random")
        default: return .lost(reason: "random")
        }
    }

    private func discardOffers() {
        guard let guest = pick(guests) else { return }
        host.take(.discardOffers(guest.id))
    }

    private func failSpace() { if let space = pick(host.checker.openSpaces) { host.fail(space) } }

    private func destroyProcess() {
        guard let member = pick(processes) else { return }
        processes.removeAll { $0 === member }
        member.process.destroy()
    }

    private func replaceGuest() {
        guard let guest = pick(guests) else { return }
        guests.removeAll { $0 === guest }
        processes.removeAll { $0.process.guest === guest }
        host.disconnect(guest)
        addGuest()
    }

    /// A driver that begins anew on the same guest.
    private func resetGuest() {
        guard let guest = pick(guests) else { return }
        processes.removeAll { $0.process.guest === guest }
        fenceNames[guest.id] = nil
        handleNames[guest.id] = nil
        host.take(.reset(guest.id))
        host.take(.negotiate(guest.id, guest.version))
        guest.startUp()
        giveMemory(to: guest)
    }

    /// A message of the table with random bytes in its fields.
    private func sendGarbage() {
        guard let guest = pick(guests), let member = pick(processes.filter { $0.process.guest === guest }) else {
            return
        }
        // An adapter that is closed or an IO space that moves would leave nothing else to do.
        let rare: Set = ["CloseAdapter", "SetIoSpaceRegion", "DestroyProcess", "CreateProcess"]
        guard let message = pick(MessageTable.all), !rare.contains(message.name) || random.chance(10) else { return }
        var bytes = [UInt8](repeating: 0, count: message.request.size + random.below(64))
        for index in 24..<bytes.count where random.chance(20) { bytes[index] = UInt8(random.below(256)) }
        let handles = member.allocations + member.contexts + member.fences.map(\.handle) + member.devices.map(\.handle)
        for field in message.request.fields where field.kind == .handle && random.chance(70) {
            let handle = handle(handles, member).rawValue
            for index in 0..<4 { bytes[field.offset + index] = UInt8(truncatingIfNeeded: handle >> UInt32(8 * index)) }
        }
        var header = MessageBuilder<VGPUCommandHeader>()
        header.process = member.process.handle
        header.channelType = message.channel.rawValue
        header.commandType = message.command
        bytes.replaceSubrange(0..<24, with: header.bytes)
        let adapter = random.below(2)
        _ = guest.send(bytes, on: message.channel == .vmToHost ? .global : .vgpu(adapter), adapter: adapter)
    }

    /// Takes everything down, and finds that nothing is left.
    func finish() {
        host.completesJobs = true
        host.completesAborts = true
        host.passesBarriers = true
        host.carryOut([])
        ModelAudit(host: host).run()
        for guest in guests {
            if host.checker.transactionsLeft(guest.id) != 0 { Issue.record("requests without an answer") }
            host.disconnect(guest)
        }
        ModelAudit(host: host).run()
        let model = host.model
        #expect(model.barriers.isEmpty && model.runningJobs.isEmpty && model.pagingDevices.isEmpty)
        for adapter in model.adapters {
            #expect(adapter.residentBytes == [0, 0] && adapter.committedBytes == [0, 0])
            #expect(adapter.committedCount == [0, 0] && adapter.residentCount == [0, 0])
            #expect(adapter.nodes.allSatisfy { $0.lines.isEmpty && $0.running.isEmpty })
        }
        #expect(host.checker.openSpaces.isEmpty)
    }
}
