import Carriers
import DXGProtocol
import Linux
import Testing
import VMBus

@testable import Guest

struct MemoryTests {
    /// A host that gives allocations with the sizes asked for.
    static let allocating: [String: StubHost.Handler] = [
        "CreateAllocation": { host, command in
            guard let request = try? MessageView<CreateAllocation.Request>(command.bytes.wireBytes) else { return nil }
            var reply = MessageBuilder<CreateAllocation.Reply>()
            for _ in 0..<request.allocCount {
                var info = MessageBuilder<AllocationInfoReturn>()
                info.allocation = host.makeHandle()
                info.allocationSize = 8192
                info.privDrvDataSize = 48
                reply.append(info)
            }
            var chunks = request.privateDriverData
            while let chunk = chunks.next() { reply.append(bytes: chunk) }
            return reply.bytes
        }
    ]

    private func start(
        _ change: (inout StubHost.Behaviour) -> Void = { _ in }, _ handlers: [String: StubHost.Handler] = [:],
        _ options: GuestMachineOptions = GuestMachineOptions()
    ) throws -> (host: StubHost, process: GuestProcess) {
        var behaviour = StubHost.Behaviour()
        change(&behaviour)
        let (host, connection) = try StubHost.start(
            behaviour, handlers: Self.allocating.merging(handlers) { $1 })
        return (host, try GuestProcess(GuestMachine.connect(over: connection, options: options), id: 1))
    }

    @Test(arguments: [true, false])
    func theIOSpaceIsReadAndWritten(isShared: Bool) throws {
        let (host, process) = try start { if !isShared { $0.grants = [] } }
        let space = process.machine.ioSpace
        #expect(space.isShared == isShared)
        try space.write([1, 2, 3, 4, 5], at: space.base + 4094)
        #expect(try host.ioSpace.read(at: 4094, count: 5) == [1, 2, 3, 4, 5])
        try space.storeUInt64(0x1122_3344_5566_7788, at: space.base + 8)
        #expect(try space.loadUInt64(at: space.base + 8) == 0x1122_3344_5566_7788)
        let big = (0..<600_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try space.write(big, at: space.base + 8192)
        #expect(try space.read(at: space.base + 8192, count: big.count) == big)
        #expect(throws: GuestError.self) { _ = try space.read(at: space.base + space.bytes - 4, count: 5) }
        #expect(throws: GuestError.self) { _ = try space.loadUInt64(at: space.base - 8) }
        #expect(throws: GuestError.self) { _ = try space.loadUInt64(at: space.base + 4) }
        #expect(throws: GuestError.self) { _ = try space.read(at: .max, count: 2) }
    }

    @Test func watchedFencesArePushed() throws {
        let (host, process) = try start { $0.grants = [] }
        let space = process.machine.ioSpace
        try space.watch(space.base + 4096, count: 4096)
        host.send(.ioChanged(offset: 4096, [9, 0, 0, 0, 0, 0, 0, 0, 1, 1]))
        let marker = process.machine.makeEvent()
        host.signal(event: marker.id)
        try marker.wait()
        // Pushed, not read: the host's memory still has zeros.
        #expect(try space.loadUInt64(at: space.base + 4096) == 9)
        #expect(try space.loadUInt64(at: space.base + 4104) == 0)
        #expect(host.watched == [ByteRange(start: 4096, length: 4096)])
        try space.unwatch(space.base + 4096, count: 4096)
        #expect(try space.loadUInt64(at: space.base + 4096) == 0)
        #expect(host.watched.isEmpty)
    }

    @Test func theHostReadsAndWritesGuestMemory() throws {
        let (host, process) = try start { $0.grants = [] }
        let memory = process.machine.memory
        let page = try memory.allocate(pages: 2)
        try memory.write([5, 6, 7], at: page)
        host.send(.memoryRead(ByteRange(start: page, length: 4), tag: 11))
        host.send(.memoryWrite(address: page + 4096, [8, 9], tag: 12))
        host.send(.memoryRead(ByteRange(start: memory.bytes - 1, length: 2), tag: 13))
        host.send(.ping([1, 2], tag: 14))
        // Answers come in order, so that the last one is the end.
        while host.answers.count < 4 { try process.flushHeapTransitions() }
        #expect(host.answers.map(\.header.tag) == [11, 12, 13, 14])
        #expect(host.answers[0].payload == [0, 0, 0, 0, 0, 0, 0, 0, 5, 6, 7, 0])
        #expect(try memory.read(at: page + 4096, count: 2) == [8, 9])
        #expect(host.answers[2].payload.prefix(4) == [0xF2, 0xFF, 0xFF, 0xFF])
        #expect(host.answers[3].payload == [1, 2])
    }

    @Test func pagesAreHandedOutOnce() throws {
        let memory = try GuestMemory(bytes: 16 * 4096)
        let first = try memory.allocate(pages: 5)
        let second = try memory.allocate(pages: 10)
        #expect(first == 4096 && second == first + 5 * 4096)
        #expect(throws: GuestError.self) { _ = try memory.allocate(pages: 1) }
        memory.release(first, pages: 5)
        memory.release(second, pages: 10)
        #expect(try memory.allocate(pages: 15) == 4096)
    }

    @Test func allocationsComeWithTheirData() throws {
        let (host, process) = try start()
        let made = try process.createAllocation2(
            device: .none, [.memory(bytes: 8192), .memory(bytes: 100, isCPUVisible: false)], flags: .createResource)
        #expect(made.allocations.count == 2 && made.allocations[0].size == 8192)
        #expect(made.allocations[1].privateDriverData.count == 48)
        #expect(made.allocations[1].privateDriverData.prefix(4) == [0x53, 0x47, 0x50, 0x55])
        let request = try MessageView<CreateAllocation.Request>(
            host.waitForCommand("CreateAllocation").bytes.wireBytes)
        let flags = request.flagsValue
        #expect(flags == 1)
    }

    @Test func existingPagesAreSentInBatches() throws {
        let (host, process) = try start()
        let pages = (0..<20_000).map { UInt64($0) + 1 }
        let made = try process.createAllocation2(device: .none, [.existingMemory(pages: pages)])
        let sent = host.commands.filter { $0.name == "SetExistingSysMemPages" }
        #expect(sent.map(\.bytes.count) == [126_976, 126_976])
        var received: [UInt64] = []
        for command in sent {
            let view = try MessageView<SetExistingSysMemPages.Request>(command.bytes.wireBytes)
            let (offset, allocation) = (view.allocOffsetInPages, view.allocation)
            #expect(Int(offset) == received.count && allocation == made.allocations[0].handle)
            received += view.pageFrameNumbers.array()
        }
        #expect(received == pages)
        let create = try MessageView<CreateAllocation.Request>(
            host.waitForCommand("CreateAllocation").bytes.wireBytes)
        let existing = create.flagsExistingSysmem
        #expect(existing)
    }

    @Test func gpadlsEndAfterTheirAllocations() throws {
        let (host, process) = try start { $0.hostCapabilities = [] }
        let pages = (10..<110).map { UInt64($0) }
        let made = try process.createAllocation2(device: .none, [.existingMemory(pages: pages)])
        let store = try MessageView<SetExistingSysMemStore.Request>(
            host.waitForCommand("SetExistingSysMemStore").bytes.wireBytes)
        let gpadl = store.gpadl
        #expect(host.gpadls[gpadl]?.first?.pages == pages)
        try process.destroyAllocation2(device: .none, allocations: made.allocations.map(\.handle))
        #expect(host.gpadls.isEmpty && host.violations.isEmpty)
    }

    @Test func failedPageListsDestroyTheAllocation() throws {
        let (host, process) = try start(
            { _ in },
            ["SetExistingSysMemPages": { _, _ in MessageBuilder<StatusReply>(NTStatus.invalidParameter).bytes }])
        #expect(throws: GuestError.status(.invalidParameter, command: "SetExistingSysMemPages")) {
            _ = try process.createAllocation2(device: .none, [.existingMemory(pages: [1, 2])])
        }
        let destroy = try MessageView<DestroyAllocation.Request>(
            host.waitForCommand("DestroyAllocation").bytes.wireBytes)
        let (count, unused) = (destroy.allocations.count, destroy.flagsAssumeNotInUse)
        #expect(count == 1 && unused)
    }

    @Test func lockedMemoryIsChecked() throws {
        let (host, process) = try start(
            { _ in },
            [
                "Lock2": { host, command in
                    var reply = MessageBuilder<Lock2.Reply>()
                    let request = try? MessageView<Lock2.Request>(command.bytes.wireBytes)
                    var isGood = false
                    if let request { isGood = request.allocation.index == 1 }
                    reply.cpuVisibleBufferOffset = isGood ? (1 << 40) + 0x10000 : 0x10000
                    return reply.bytes
                }
            ])
        let memory = try process.lock2(device: .none, allocation: D3DKMTHandle(index: 1, unique: 1), count: 4096)
        try memory.write([1, 2, 3], at: 10)
        #expect(try host.ioSpace.read(at: 0x1000A, count: 3) == [1, 2, 3])
        #expect(throws: GuestError.self) { try memory.write([1, 2], at: 4095) }
        #expect(throws: GuestError.self) { _ = try memory.read(at: .max, count: 1) }
        #expect(throws: GuestError.self) {
            _ = try process.lock2(device: .none, allocation: D3DKMTHandle(index: 2, unique: 1), count: 4096)
        }
    }
}
