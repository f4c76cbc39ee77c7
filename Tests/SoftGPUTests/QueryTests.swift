import DXGProtocol
import Testing

@testable import SoftGPU

/// What a guest asks of its adapter (docs/protocol/semantics.md 3, 7, 12, 16 to 20).
@Suite struct QueryTests {
    let host: TestHost
    let guest: VirtualGuest
    let process: VirtualProcess
    let device: VirtualDevice

    init() {
        var profile = TestHost.profile
        profile.registry = [
            RegistryValue(key: .service, name: "Answer", content: .dword(42)),
            RegistryValue(key: .adapter, name: "Answer", content: .qword(1 << 40)),
            RegistryValue(key: .adapter, name: "Path", content: .string("C:\\softgpu")),
            RegistryValue(key: .adapter, name: "Blob", content: .binary([1, 2, 3])),
        ]
        host = TestHost(profiles: [profile])
        guest = host.start()
        process = guest.createProcess()
        device = process.createDevice()
    }

    // MARK: QUERYADAPTERINFO

    private func query(
        _ type: UInt32, _ data: [UInt8], guest: VirtualGuest? = nil
    ) -> (status: NTStatus, data: [UInt8])? {
        let guest = guest ?? self.guest
        var request = MessageBuilder<QueryAdapterInfo.Request>()
        request.queryType = type
        request.appendPrivateData(data)
        request.setHeader(process: process.handle)
        guard let reply = guest.send(request.encoded(), on: .vgpu(0)) else { return nil }
        guard guest.version == .v40 else { return reply.isEmpty ? nil : (.success, reply) }
        #expect(reply.count == data.count + 4)
        return (NTStatus(rawValue: reply.number(at: 0)), Array(reply.dropFirst(4)))
    }

    private func query(_ type: UInt32, count: Int) -> (status: NTStatus, data: [UInt8])? {
        query(type, Array(repeating: 0, count: count))
    }

    /// Every type that is answered, with the size of its structure.
    static let sizes: [(type: UInt32, size: Int)] = [
        (0, 56), (3, 24), (4, 16), (6, 12), (8, 2080), (11, 4), (12, 4), (13, 4), (15, 4), (17, 12), (18, 8), (22, 4),
        (24, 4), (25, 78), (30, 4), (31, 28), (32, 4), (34, 12), (42, 56), (44, 1), (49, 8), (50, 8), (51, 8), (52, 16),
        (53, 12), (54, 2080), (55, 4), (56, 4), (57, 4), (58, 12), (59, 4), (60, 80), (61, 56), (62, 64), (63, 40),
        (64, 132), (65, 8192), (66, 8192), (68, 1), (70, 4), (72, 12), (74, 8), (75, 4), (76, 4), (77, 4),
    ]

    @Test func everyTypeHasItsSize() {
        for (type, size) in Self.sizes {
            #expect(query(type, count: size)?.status == .success, "type \(type)")
            #expect(query(type, count: size - 1)?.status == .invalidParameter, "type \(type)")
            // A longer buffer keeps what is behind the structure.
            let long = query(type, Array(repeating: 0, count: size) + [7, 8, 9])
            #expect(long?.status == .success && long?.data.suffix(3) == [7, 8, 9], "type \(type)")
        }
    }

    @Test func typesWithoutAnAnswer() {
        let answered = Set(Self.sizes.map(\.type) + [1, 2, 48])
        for type in (0...90 as ClosedRange<UInt32>) where !answered.contains(type) {
            let status = query(type, count: 8192)?.status
            #expect(status == (type == 7 || type == 41 ? .notSupported : .invalidParameter), "type \(type)")
        }
        #expect(query(1, count: 524)?.status == .objectNameNotFound)
        #expect(query(1, count: 523)?.status == .invalidParameter)
        #expect(query(2, count: 528)?.status == .objectNameNotFound)
        #expect(query(0xffff_ffff, count: 8)?.status == .invalidParameter)
    }

    @Test func version27HasNoStatus() {
        let old = host.start(version: .v27)
        #expect(query(13, [0, 0, 0, 0, 5], guest: old)?.data == [0xb8, 0x0b, 0, 0, 5])
        #expect(query(13, [0], guest: old) == nil)
    }

    @Test func nodesAreFoundUntilTheyEnd() {
        for node in 0..<3 as Range<UInt8> {
            let answer = query(25, [node, 0, 0, 0] + Array(repeating: 0xff, count: 74))
            #expect((answer?.status == .success) == (node < 2))
            guard node < 2, let data = answer?.data else { continue }
            #expect(data[4] == (node == 0 ? 1 : 6))
            // ContextSchedulingSupported and SupportBuildTestCommandBuffer.
            #expect(Array(data[72..<76]) == [0x11, 0, 0, 0])
            #expect(data.suffix(2) == [1, 0])
        }
        #expect(query(25, [0, 0, 1, 0] + Array(repeating: 0, count: 74))?.status == .invalidParameter)
    }

    @Test func guidsAreText() {
        let data = query(60, count: 80)!.data
        let text = String(decoding: stride(from: 0, to: 76, by: 2).map { data[$0] }, as: UTF8.self)
        #expect(text == "{04030201-0605-0807-090a-0b0c0d0e0f10}")
    }

    // MARK: Registry

    private func registry(_ type: UInt32, _ name: String, room: Int = 8, index: UInt32 = 0) -> (NTStatus, [UInt8])? {
        var data = [UInt8](repeating: 0, count: 544 + room)
        data[0] = UInt8(type)
        for (place, unit) in name.utf16.enumerated() {
            data[8 + 2 * place] = UInt8(unit & 0xff)
            data[9 + 2 * place] = UInt8(unit >> 8)
        }
        data[532] = UInt8(index)
        return query(48, data).map { ($0.status, $0.data) }
    }

    @Test func registryValues() {
        let dword = registry(0, "answer")!
        #expect(dword.0 == .success)
        #expect(Array(dword.1[536..<548]) == [4, 0, 0, 0, 0, 0, 0, 0, 42, 0, 0, 0])
        let qword = registry(1, "Answer")!
        #expect(Array(qword.1[544..<552]) == [0, 0, 0, 0, 0, 1, 0, 0])
        let blob = registry(1, "Blob")!
        #expect(blob.1[536] == 3 && Array(blob.1[544..<547]) == [1, 2, 3])
        // What is not there is told twice: by the status, and in the structure with the name as it was asked.
        let missing = registry(1, "Nothing")!
        #expect(missing.0 == .objectNameNotFound && missing.1[540] == 2)
        #expect(missing.1[8] == UInt8(ascii: "N") && missing.1[0] == 1)
        #expect(registry(0, "Path")?.0 == .objectNameNotFound)
        #expect(registry(4, "Path")?.0 == .invalidParameter)
        #expect(registry(1, "Path", index: 1)?.0 == .invalidParameter)
        #expect(query(48, count: 551)?.status == .invalidParameter)
    }

    /// Callers ask with little room first (docs/protocol/semantics.md 17, QUERYREGISTRY).
    @Test func registryGrowsAndRetries() {
        let small = registry(2, "")!
        #expect(small.0 == .success)
        let needed: UInt32 = small.1.number(at: 536)
        #expect(small.1[540] == 1 && needed > 8)
        let full = registry(2, "", room: Int(needed))!
        #expect(full.0 == .success && full.1[540] == 0)
        let text = stride(from: 544, to: 544 + Int(needed) - 2, by: 2).map { full.1[$0] }
        #expect(String(decoding: text, as: UTF8.self).hasSuffix("FileRepository\\understudy"))
        #expect(registry(3, "", room: 200)?.0 == .success)
    }

    // MARK: Clocks, features, reservations

    @Test func clocksRunWithTheModel() {
        var request = MessageBuilder<QueryClockCalibration.Request>()
        request.adapter = guest.adapterHandles[0]
        host.advance(by: 123_456_700)
        let reply = device.call(request).fields
        #expect(reply.status == .success && reply.clockDataGpuFrequency == 1_000_000_000)
        #expect(reply.clockDataGpuClockCounter == host.now)
        #expect(reply.clockDataCpuClockCounter == host.now / 100)
        request.nodeOrdinal = 2
        #expect(device.call(request).fields.status == .invalidParameter)
        request.nodeOrdinal = 0
        request.physicalAdapterIndex = 1
        #expect(device.call(request).fields.status == .invalidParameter)
    }

    @Test func features() {
        func feature(_ id: UInt32) -> MessageBuilder<IsFeatureEnabled.Reply> {
            var request = MessageBuilder<IsFeatureEnabled.Request>()
            request.featureId = id
            return guest.call(request).fields
        }
        for id in [0, 3, 33] as [UInt32] {
            let reply = feature(id)
            #expect(reply.status == .success && reply.resultEnabled && reply.resultKnownFeature)
        }
        for id in [1, 2, 4, 5, 32, 34, 35, 36, 37] as [UInt32] {
            let reply = feature(id)
            #expect(reply.status == .success && !reply.resultEnabled && reply.resultKnownFeature)
        }
        #expect(feature(6).status == .invalidParameter)
        var request = MessageBuilder<IsFeatureEnabledGlobal.Request>()
        request.featureId = 36
        #expect(guest.call(request).fields.resultKnownFeature)
        request.featureId = 99
        #expect(guest.call(request).fields.status == .invalidParameter)
    }

    @Test func reservations() {
        func reserve(_ bytes: UInt64, group: UInt32 = 0, index: UInt32 = 0) -> NTStatus {
            var request = MessageBuilder<ChangeVideoMemoryReservation.Request>()
            request.memorySegmentGroup = group
            request.reservation = bytes
            request.physicalAdapterIndex = index
            return process.status(request)
        }
        let available = process.videoMemory(0)!.availableForReservation
        #expect(reserve(available) == .success)
        #expect(process.videoMemory(0)!.currentReservation == available)
        #expect(reserve(available + 4096) == .invalidParameter)
        #expect(reserve(0, group: 2) == .invalidParameter)
        #expect(reserve(0, index: 1) == .invalidParameter)
        #expect(reserve(4096) == .success)
        #expect(process.videoMemory(0)!.currentReservation == 4096)
    }

    // MARK: Priorities

    @Test func schedulingPriorities() {
        let context = device.createContext()
        func set(_ priority: Int32, inProcess: Bool = false) -> NTStatus {
            var request = MessageBuilder<SetContextSchedulingPriority.Request>()
            request.context = context
            request.priority = priority
            request.inProcess = inProcess
            return device.status(request)
        }
        func get(inProcess: Bool = false) -> Int32 {
            var request = MessageBuilder<GetContextSchedulingPriority.Request>()
            request.context = context
            request.inProcess = inProcess
            return device.call(request).fields.priority
        }
        #expect(get() == 0 && get(inProcess: true) == 0)
        #expect(set(-7) == .success && set(3, inProcess: true) == .success)
        #expect(get() == -7 && get(inProcess: true) == 3)
        for bad in [8, -8, .max, .min, 0x4000_0020] as [Int32] { #expect(set(bad) == .invalidParameter) }
        #expect(set(0x4000_001f) == .success)
        #expect(get() == 0x4000_001f)
        #expect(set(8, inProcess: true) == .invalidParameter)
    }

    @Test func higherPriorityRunsFirst() {
        host.completesJobs = false
        let contexts = (0..<3).map { _ in device.createContext() }
        for (index, context) in contexts.enumerated() { device.submit(to: context, at: UInt64(index + 1) << 32) }
        var request = MessageBuilder<SetContextSchedulingPriority.Request>()
        request.context = contexts[2]
        request.priority = 5
        #expect(device.status(request) == .success)
        host.endJob()
        #expect(host.jobs.map(\.commandBuffer) == [3 << 32])
        host.endJob()
        #expect(host.jobs.map(\.commandBuffer) == [2 << 32])
        host.endJob()
    }

    // MARK: Statistics

    private func statistics(
        _ type: UInt32, _ element: UInt32 = 0, luid: LUID? = nil, process: D3DKMTHandle? = nil
    ) -> (status: NTStatus, result: [UInt8]) {
        var request = MessageBuilder<QueryStatistics.Request>()
        request.type = type
        request.adapterLuid = luid ?? TestHost.profile.hostLUID
        request.queryElement = element
        let answer = guest.call(request, process: process ?? self.process.handle)
        return (answer.fields.status, Array((answer.bytes ?? []).dropFirst(8)))
    }

    @Test func statisticsAreReal() {
        host.jobNanoseconds = 5_000
        let queue = device.createPagingQueue()
        let local = device.allocate(65536)
        let system = device.allocate(4096, heap: 1)
        device.makeResident([local], on: queue)
        let context = device.createContext()
        let fence = device.createFence()
        for value in 1...3 as ClosedRange<UInt64> {
            device.submit(to: context)
            device.gpuSignal(on: [context], (fence.handle, value))
            device.gpuWait(on: context, for: [(fence.handle, value)])
        }
        let adapter = statistics(0).result
        let heads: [UInt32] = [adapter.number(at: 0), adapter.number(at: 4), adapter.number(at: 16)]
        #expect(heads == [2, 2, 0])
        let created: UInt32 = adapter.number(at: 536)
        #expect(created == 2)
        let segment = statistics(3).result
        let sizes: [UInt64] = [segment.number(at: 0), segment.number(at: 8), segment.number(at: 16)]
        #expect(sizes == [64 << 20, 65536, 65536])
        let counts: [UInt32] = [segment.number(at: 32), segment.number(at: 36), segment.number(at: 40)]
        #expect(counts == [1, 1, 0])
        let aperture = statistics(3, 1).result
        let apertureBytes: [UInt64] = [aperture.number(at: 8), aperture.number(at: 16)]
        #expect(apertureBytes == [4096, 0])
        for type in [5, 6] as [UInt32] {
            let node = statistics(type).result
            let time: UInt64 = node.number(at: 0)
            #expect(time == 150)
            let packets: [UInt32] = [76, 80, 108, 112, 116, 120, 140, 144].map { node.number(at: $0) }
            #expect(packets == [3, 3, 3, 3, 3, 3, 3, 3])
            let switches: UInt32 = node.number(at: 8)
            #expect(switches == 1)
        }
        let group = statistics(9).result
        let usage: [UInt64] = [group.number(at: 8), group.number(at: 16)]
        #expect(usage == [65536, 65536])
        let inProcess: UInt64 = statistics(1).result.number(at: 8)
        #expect(inProcess == 4096)
        let segmentCount: UInt32 = statistics(4).result.number(at: 32)
        #expect(segmentCount == 1)
        device.evict([local])
        let evicted: [UInt64] = [statistics(3).result.number(at: 24), statistics(4).result.number(at: 24)]
        #expect(evicted == [65536, 65536])
        let normal: UInt64 = statistics(3).result.number(at: 48 + 8 * 2)
        #expect(normal == 65536)
        device.submit(to: device.createContext())
        let switches: UInt32 = statistics(5).result.number(at: 8)
        #expect(switches == 2)
        device.destroyAllocations([local, system])
        let destroyed: UInt32 = statistics(0).result.number(at: 552)
        #expect(destroyed == 2)
    }

    @Test func statisticsOfOthers() {
        let other = guest.createProcess(pid: 8)
        #expect(statistics(6, process: other.handle).result.allSatisfy { $0 == 0 })
        #expect(statistics(4, process: D3DKMTHandle.none).result.allSatisfy { $0 == 0 })
        for (type, element) in [(3, 2), (4, 2), (5, 2), (6, 2), (7, 0), (8, 0), (9, 2), (10, 1), (11, 0)]
            as [(UInt32, UInt32)]
        {
            #expect(statistics(type, element).status == .invalidParameter)
        }
        #expect(statistics(0, luid: LUID(low: 1, high: 1)).status == .invalidParameter)
        for type in [1, 2, 10] as [UInt32] { #expect(statistics(type).status == .success) }
    }

    // MARK: Escapes

    private func escape(_ data: [UInt8], type: UInt32 = 0, flags: UInt32 = 1 << 6) -> [UInt8]? {
        var request = MessageBuilder<Escape.Request>()
        request.type = type
        request.flagsValue = flags
        request.appendPrivateDriverData(data)
        return device.call(request).bytes
    }

    private func testBuffer(context: D3DKMTHandle, operation: UInt32, command: [UInt32], room: Int = 64) -> [UInt8] {
        var data: [UInt8] = []
        for word in [3, device.handle.rawValue, context.rawValue, 0] + command { data.append(littleEndian: word) }
        data += Array(repeating: 0, count: 80 - data.count)
        data.append(littleEndian: operation)
        data += Array(repeating: 0, count: 104 - data.count)
        data.append(littleEndian: UInt32(room))
        data.append(littleEndian: UInt32(8))
        return data + Array(repeating: 0xaa, count: room + 8)
    }

    @Test func testCommandBuffersAreBuilt() {
        let context = device.createContext()
        let copy = escape(testBuffer(context: context, operation: 1, command: [0, 6, 0, 5, 4096]))!
        let sizes: [UInt32] = [copy.number(at: 104), copy.number(at: 108)]
        #expect(sizes == [32, 0])
        let head: [UInt16] = [copy.number(at: 112), copy.number(at: 114), copy.number(at: 116)]
        #expect(head == [1, 0, 32])
        // The command has the source first, the packet the destination.
        let words: [UInt64] = [copy.number(at: 120), copy.number(at: 128), copy.number(at: 136)]
        #expect(words == [5 << 32, 6 << 32, 4096])
        #expect(copy[144] == 0xaa)
        let fill = escape(testBuffer(context: context, operation: 2, command: [0, 5, 64, 0x0102_0304]))!
        let opcode: UInt16 = fill.number(at: 112)
        let pattern: UInt32 = fill.number(at: 136)
        #expect(opcode == 2 && pattern == 0x0102_0304)
        let loop = escape(testBuffer(context: context, operation: 3, command: []))!
        let loopHead: [UInt16] = [loop.number(at: 104), loop.number(at: 112), loop.number(at: 116)]
        #expect(loopHead == [8, 0x7f00, 8])

        #expect(escape(testBuffer(context: context, operation: 1, command: [0, 6, 0, 5, 63])) == [])
        #expect(escape(testBuffer(context: context, operation: 2, command: [0, 5, 63, 0])) == [])
        for operation in [0, 4, 5, 6] as [UInt32] {
            #expect(escape(testBuffer(context: context, operation: operation, command: [0, 5, 64, 0])) == [])
        }
        #expect(escape(testBuffer(context: context, operation: 2, command: [0, 5, 64, 0], room: 16)) == [])
        #expect(escape(testBuffer(context: device.handle, operation: 2, command: [0, 5, 64, 0])) == [])
        #expect(escape(Array(testBuffer(context: context, operation: 2, command: [0, 5, 64, 0]).dropLast(9))) == [])
        #expect(escape(Array(testBuffer(context: context, operation: 2, command: []).prefix(111))) == [])
    }

    @Test func eventUsageNamesItsObject() {
        let notification = device.createSyncObject(type: 4, flags: SyncObjectFlags.signalByKmd.rawValue) {
            $0.cpuNotificationEvent = 5
        }
        var data: [UInt8] = []
        for word in [2, notification.rawValue] { data.append(littleEndian: word) }
        data += Array(repeating: 0, count: 40)
        let reply = escape(data)!
        let event: UInt64 = reply.number(at: 8)
        #expect(reply.count == 48 && event != 0)
        #expect(escape(Array(data.dropLast())) == [])
        data[4] = 0
        #expect(escape(data) == [])
    }

    @Test func otherEscapesAreShort() {
        #expect(escape([0, 0, 0, 0, 1]) == [])
        #expect(escape([1, 0, 0, 0]) == [])
        #expect(escape([9, 0, 0, 0]) == [])
        #expect(escape([1, 2, 3]) == [])
        #expect(escape([]) == [])
        #expect(escape([1, 2, 3, 4], flags: 0) == [])
        #expect(escape([1, 2, 3, 4], type: 1) == [])
    }

    // MARK: What Linux never sends

    private func send(_ command: UInt32, _ type: UInt32, process: D3DKMTHandle? = nil, extra: [UInt8] = []) -> [UInt8]?
    {
        var header = MessageBuilder<VGPUCommandHeader>()
        header.process = process ?? self.process.handle
        header.channelType = type
        header.commandType = command
        return guest.send(header.bytes + extra, on: type == 1 ? .global : .vgpu(0))
    }

    @Test func noticesAreTaken() {
        #expect(send(1007, 1) == [0, 0, 0, 0])
        #expect(process.model?.isFrozen == true)
        #expect(send(1008, 1) == [0, 0, 0, 0])
        #expect(process.model?.isFrozen == false)
        #expect(send(1007, 1, process: D3DKMTHandle.none) == [0x0d, 0, 0, 0xc0])
        #expect(send(1009, 1) == Array(repeating: 0, count: 32))
        for command in [31, 43, 65] as [UInt32] { #expect(send(command, 0) == [0, 0, 0, 0]) }
        #expect(send(1011, 1) == [0, 0, 0, 0])
        host.clearTrace()
        _ = send(65, 0, extra: Array("hello\u{1}world".utf8) + [0, 1])
        #expect(
            host.trace.contains { if case .report(let entry) = $0 { entry.reason == "hello.world" } else { false } })
    }

    @Test func whatIsNotProvidedSaysSo() {
        for command in [3, 27, 34, 35, 38, 40, 44, 46, 47, 53, 54, 55, 64] as [UInt32] {
            #expect(send(command, 0) == [0xbb, 0, 0, 0xc0, 0, 0, 0, 0])
        }
        #expect(send(1006, 1) == [0xbb, 0, 0, 0xc0, 0, 0, 0, 0])
        // Numbers that no command has.
        for command in [63, 69, 999, 0xffff_ffff] as [UInt32] {
            #expect(send(command, 0) == [0xbb, 0, 0, 0xc0, 0, 0, 0, 0])
        }
        for command in Array(1012...1020) + [1023, 0] as [UInt32] {
            #expect(send(command, 1) == [0xbb, 0, 0, 0xc0, 0, 0, 0, 0])
        }
        #expect(guest.call(MessageBuilder<ShareObjectWithHost.Request>()).fields.status == .notSupported)
    }

    @Test func stoppedAdapterTakesNoWork() {
        #expect(send(30, 0) == [0, 0, 0, 0])
        #expect(device.executionState == .stopped)
        var request = MessageBuilder<CreateDevice.Request>()
        request.errorCode = 1
        #expect(process.call(request).fields.device == .none)
        // The guest starts it again.
        #expect(guest.openAdapter().fields.status == .success)
        #expect(process.createDevice().executionState == .active)
    }

    /// FLUSHADAPTER is a flush of every device of the process on the adapter, as a command of which Linux knows nothing
    /// but the number.
    @Test func flushedAdapterComesToRest() {
        let other = guest.createProcess(pid: 2)
        host.completesJobs = false
        device.submit(to: device.createContext())
        #expect(send(43, 0, process: other.handle) == [0, 0, 0, 0])
        #expect(send(43, 0) == nil)
        host.endJob()
        #expect(guest.takeLateReply() == [0, 0, 0, 0])
    }
}
