@testable import Carriers
import EventLoop
import Glibc
import Linux
import Testing

@Suite struct DescriptorTests {
    private func connect(_ features: CarrierFeatures = .sharedMemory) throws -> TestConnection {
        let connection = try TestConnection(TestHost { _ in .admit(TestHost.admission(features)) })
        try connection.admit(features)
        return connection
    }

    private func region(_ base: UInt64, _ bytes: UInt64 = 8192, _ offset: UInt64 = 0) -> MemoryRegion {
        MemoryRegion(base: base, bytes: bytes, fileOffset: offset)
    }

    @Test func theIOSpaceComesByDescriptor() throws {
        let space = try SharedMemory(name: "io", bytes: 65536)
        let connection = try TestConnection(
            TestHost { _ in
                .admit(TestHost.admission(.sharedIOSpace, ioSpaceDescriptor: space.descriptor.rawValue))
            })
        try connection.guest.send(.hello(Hello(wantedFeatures: [.sharedIOSpace, .sharedMemory])))
        try connection.run { connection.guest.inbox.count == 2 }
        #expect(
            connection.guest.takeInbox()
                == ["welcome 1.0 features 2 \(TestHost.guestID) 65536 2", "ioSpace 65536"])
        let received = try SharedMemory(adopting: connection.guest.takeDescriptor()!)
        try space.write([42], at: 7)
        #expect(try received.read(at: 7, count: 1) == [42])
        let isAnother = connection.guest.takeDescriptor() != nil
        #expect(!isAnother)
    }

    @Test func noDescriptorsOverOtherCarriers() throws {
        let space = try SharedMemory(name: "io", bytes: 65536)
        let host = TestHost { _ in
            .admit(TestHost.admission([.sharedIOSpace, .sharedMemory], ioSpaceDescriptor: space.descriptor.rawValue))
        }
        let connection = try TestConnection(host, carriesDescriptors: false)
        #expect(
            try connection.ask(.hello(Hello(wantedFeatures: CarrierFeatures(rawValue: .max))))
                == ["welcome 1.0 features 0 \(TestHost.guestID) 65536 2"])
    }

    @Test func memoryIsSharedByDescriptor() throws {
        let connection = try connect()
        let low = try SharedMemory(name: "low", bytes: 16384)
        let high = try SharedMemory(name: "high", bytes: 4096, seals: [])
        try connection.guest.send(
            .shareMemory([region(0x10000), region(0x12000, 4096)]),
            descriptors: [low.descriptor.rawValue, high.descriptor.rawValue])
        try connection.run { !connection.host.regions.isEmpty }
        #expect(connection.host.log == ["share [65536, 73728]"])

        // The answer comes at once, also across the border between the two.
        var written: Bool?
        connection.carrier.writeGuestMemory(address: 0x11ffe, bytes: [1, 2, 3, 4]) { result in
            written = if case .success = result { true } else { false }
        }
        #expect(written == true)
        #expect(try low.read(at: 0x1ffe, count: 2) == [1, 2])
        #expect(try high.read(at: 0, count: 2) == [3, 4])
        var read: [UInt8]?
        connection.carrier.readGuestMemory(address: 0x11ffd, length: 5) { read = try? $0.get() }
        #expect(read == [0, 1, 2, 3, 4])

        // Outside, and where the guest took its memory away.
        var codes: [Int32] = []
        func record<Success>(_ result: Result<Success, SystemError>) {
            if case .failure(let error) = result { codes.append(error.code) }
        }
        connection.carrier.readGuestMemory(address: 0xffff, length: 2) { record($0) }
        connection.carrier.writeGuestMemory(address: 0x12fff, bytes: [1, 2]) { record($0) }
        connection.carrier.readGuestMemory(address: .max, length: 2) { record($0) }
        #expect(ftruncate(high.descriptor.rawValue, 0) == 0)
        connection.carrier.readGuestMemory(address: 0x12000, length: 1) { record($0) }
        #expect(codes == [EFAULT, EFAULT, EFAULT, ENXIO])
        #expect(connection.guest.takeInbox() == [])
    }

    /// The frame and its descriptors come byte by byte; descriptors are handed over with the byte they were sent with.
    @Test(arguments: [0, 5, 20, 31])
    func descriptorsMayComeWithAnyByte(_ position: Int) throws {
        let connection = try connect()
        let memory = try SharedMemory(name: "memory", bytes: 8192)
        let bytes = Frame.ping([], tag: 1).bytes + Frame.shareMemory([region(0)]).bytes
        for (index, byte) in bytes.enumerated() {
            try connection.guest.send(
                [byte], descriptors: index == 16 + position ? [memory.descriptor.rawValue] : [])
            connection.loop.runTurn()
        }
        try connection.run { connection.host.regions.count == 1 }
        #expect(connection.host.closed.isEmpty)
    }

    @Test func framesAroundMayShareTheSend() throws {
        let connection = try connect()
        let memory = try SharedMemory(name: "memory", bytes: 8192)
        let bytes =
            Frame.ping([], tag: 1).bytes + Frame.shareMemory([region(0)]).bytes + Frame.ping([], tag: 2).bytes
        try connection.guest.send(bytes, descriptors: [memory.descriptor.rawValue])
        try connection.run { connection.guest.inbox.count == 2 }
        #expect(connection.host.regions.count == 1)
    }

    /// Regions and files that are refused, and why.
    static let refused: [(regions: [MemoryRegion], sizes: [UInt64], words: String)] = [
        ([MemoryRegion(base: 1, bytes: 4096, fileOffset: 0)], [4096], "base 1 is not a multiple"),
        ([MemoryRegion(base: 0, bytes: 4097, fileOffset: 0)], [8192], "size 4097 is not a multiple"),
        ([MemoryRegion(base: 0, bytes: 4096, fileOffset: 8)], [8192], "file offset 8 is not a multiple"),
        ([MemoryRegion(base: 0, bytes: 0, fileOffset: 0)], [4096], "region 0: no bytes"),
        ([MemoryRegion(base: 1 << 63, bytes: 1 << 63, fileOffset: 0)], [4096], "end beyond 2^64"),
        ([MemoryRegion(base: 0, bytes: 1 << 62, fileOffset: 3 << 62)], [4096], "file offset 13835058055282163712 end"),
        (
            [MemoryRegion(base: 0, bytes: 8192, fileOffset: 0)], [4096],
            "the file has 4096 bytes; the region ends at 8192"
        ),
        ([MemoryRegion(base: 0, bytes: 4096, fileOffset: 4096)], [4096], "the region ends at 8192"),
        (
            [
                MemoryRegion(base: 0, bytes: 8192, fileOffset: 0),
                MemoryRegion(base: 4096, bytes: 4096, fileOffset: 0),
            ], [8192, 8192], "region 1: it lies over the region at 0 of 8192 bytes"
        ),
        ([MemoryRegion(base: 0, bytes: 4096, fileOffset: 0)], [], "SHARE_MEMORY with 0 descriptors; it needs 1"),
        (
            [MemoryRegion(base: 0, bytes: 4096, fileOffset: 0)], [4096, 4096],
            "SHARE_MEMORY with 2 descriptors; it needs 1"
        ),
        ([], [4096], "SHARE_MEMORY with 1 descriptors; it needs 0"),
    ]

    @Test(arguments: refused.indices)
    func unusableRegionsAreRefused(_ index: Int) throws {
        let (regions, sizes, words) = Self.refused[index]
        let connection = try connect()
        let files = try sizes.map { try SharedMemory(name: "memory", bytes: $0) }
        try connection.guest.send(.shareMemory(regions), descriptors: files.map { $0.descriptor.rawValue })
        let text = try connection.runToRefusal().text
        #expect(text?.hasPrefix("refused 1 ") == true && text?.contains(words) == true, "\(text ?? "nothing")")
        #expect(connection.host.regions.isEmpty)
    }

    @Test func laterRegionsMayNotLieOverEarlierOnes() throws {
        let connection = try connect()
        let memory = try SharedMemory(name: "memory", bytes: 8192)
        for base: UInt64 in [0x4000, 0, 0x2000] {
            try connection.guest.send(.shareMemory([region(base)]), descriptors: [memory.descriptor.rawValue])
        }
        try connection.run { connection.host.regions.count == 3 }
        try connection.guest.send(.shareMemory([region(0x3000)]), descriptors: [memory.descriptor.rawValue])
        #expect(try connection.runToRefusal().text?.contains("lies over the region at 8192") == true)
    }

    @Test func onlyMemoryCanBeShared() throws {
        let directory = TemporaryDirectory()
        let memory = try SharedMemory(name: "memory", bytes: 8192)
        let link = "/proc/self/fd/\(memory.descriptor.rawValue)"
        let readOnly = FileDescriptor(owning: unsafe open(link, O_RDONLY | O_CLOEXEC))
        let event = try EventDescriptor()
        let file = FileDescriptor(owning: unsafe open(directory.file("f"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
        #expect(ftruncate(file.rawValue, 8192) == 0)
        func refusal(_ descriptor: Int32) throws -> String {
            let connection = try connect()
            try connection.guest.send(.shareMemory([region(0)]), descriptors: [descriptor])
            return try connection.runToRefusal().text ?? ""
        }
        #expect(try refusal(event.descriptor.rawValue).contains("not a regular file"))
        #expect(try refusal(readOnly.rawValue).contains("not open for reading and writing"))
        // A file on a disk, or on a file system that the guest's user runs, could make the host wait.
        let isInMemory = (try? SharedMemory(adopting: file.duplicate()).seals()) != nil
        if !isInMemory { #expect(try refusal(file.rawValue).contains("seals")) }
    }

    @Test func surplusDescriptorsAreClosedAndRefused() throws {
        for features: CarrierFeatures in [[], .sharedMemory] {
            let connection = try connect(features)
            let pair = try SocketPair(.stream)
            let watcher = try pair.first.duplicate()
            try connection.guest.send(.ping([], tag: 0), descriptors: [pair.second.rawValue])
            _ = consume pair
            let text = try connection.runToRefusal().text
            #expect(text == "refused 1 1 descriptors with frames that take none")
            var queue = DescriptorQueue()
            #expect(try Socket.receive(watcher.rawValue, maximumBytes: 1, descriptors: &queue) == [])
        }
        let unknown = try TestConnection()
        let event = try EventDescriptor()
        try unknown.guest.send(
            Array(Frame.hello(Hello()).bytes.prefix(20)), descriptors: [event.descriptor.rawValue])
        #expect(try unknown.runToRefusal().text == "refused 1 1 descriptors with frames that take none")
    }

    @Test func regionsAreBounded() throws {
        var limits = CarrierLimits()
        limits.memoryRegions = 2
        let connection = try TestConnection(
            TestHost { _ in .admit(TestHost.admission(.sharedMemory)) }, limits: limits)
        try connection.admit(.sharedMemory)
        let memory = try SharedMemory(name: "memory", bytes: 8192)
        try connection.guest.send(
            .shareMemory([region(0), region(0x2000), region(0x4000)]),
            descriptors: [Int32](repeating: memory.descriptor.rawValue, count: 3))
        #expect(try connection.runToRefusal().text == "refused 6 more than 2 memory regions")
    }
}
