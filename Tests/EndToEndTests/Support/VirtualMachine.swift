import Carriers
import DXGProtocol
import Glibc
import Linux
import Testing
import VMBus

/// A virtual machine with an ivshmem-doorbell device, as QEMU and a driver in it would be, by the letter of
/// docs/protocol/ivshmem.md. It never looks at a ring without having been told to.
final class VirtualMachine {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Where the memory is in the guest.
    static let address: UInt64 = 0x38_0000_0000
    static let vectors = 8

    private let socket: FileDescriptor
    let file: SharedMemory
    let memory: SharedBytes
    private let hostEvents: [EventDescriptor]
    private let guestEvents: [EventDescriptor]
    private(set) var control: RingEnds?
    private var lastGPADL: UInt32 = 0xE1E10
    private var nextRingPage: UInt64

    /// Connects as QEMU does, and takes what it is given.
    init(path: String) throws {
        let socket = try Socket.connect(to: .unix(path: path))
        let number = socket.rawValue
        var descriptors = DescriptorQueue()
        guard try Self.word(number, &descriptors) == 0, try Self.word(number, &descriptors) == 1,
            descriptors.count == 0, try Self.word(number, &descriptors) == -1, let memory = descriptors.takeFirst()
        else { throw Failure(description: "the host does not begin as an ivshmem server") }
        let file = try SharedMemory(adopting: memory)
        let mapping = try file.map()
        hostEvents = try Self.events(of: 0, number, &descriptors)
        guestEvents = try Self.events(of: 1, number, &descriptors)
        self.memory = unsafe SharedBytes(base: mapping.baseAddress, count: mapping.count, owner: mapping)
        nextRingPage = UInt64(self.memory.load(at: 0x48)) / 4096
        self.file = file
        self.socket = socket
    }

    private static func word(_ socket: Int32, _ descriptors: inout DescriptorQueue) throws -> Int64 {
        var bytes: [UInt8] = []
        while bytes.count < 8 {
            let more = try Socket.receive(socket, maximumBytes: 8 - bytes.count, descriptors: &descriptors)
            guard let more, !more.isEmpty else { throw Failure(description: "the host closed the connection") }
            bytes += more
        }
        return bytes.reversed().reduce(0) { $0 << 8 | Int64($1) }
    }

    private static func events(
        of peer: Int64, _ socket: Int32, _ descriptors: inout DescriptorQueue
    ) throws -> [EventDescriptor] {
        var result: [EventDescriptor] = []
        for _ in 0..<vectors {
            guard try word(socket, &descriptors) == peer, let event = descriptors.takeFirst() else {
                throw Failure(description: "no eventfd of peer \(peer)")
            }
            result.append(try EventDescriptor(adopting: event))
        }
        return result
    }

    // MARK: The device

    func header(at offset: Int) -> UInt64 {
        UInt64(memory.load(at: offset)) | UInt64(memory.load(at: offset + 4)) << 32
    }

    func ring(_ vector: Int) throws { try hostEvents[vector].signal() }

    /// Waits for an interrupt.
    func wait(_ vector: Int) throws {
        guard Wait.forReading(guestEvents[vector].descriptor.rawValue) else {
            throw Failure(description: "no interrupt on vector \(vector)")
        }
        _ = try guestEvents[vector].take()
    }

    func wait(_ vector: Int, until condition: () -> Bool) throws { while !condition() { try wait(vector) } }

    /// Ends as QEMU does: the host hears of it by and by.
    func switchOff() { _ = shutdown(socket.rawValue, Int32(SHUT_RDWR)) }

    /// Whether the host has closed the connection by now or soon.
    func isClosedByHost() throws -> Bool {
        var descriptors = DescriptorQueue()
        guard Wait.forReading(socket.rawValue) else { return false }
        return try Socket.receive(socket.rawValue, maximumBytes: 8, descriptors: &descriptors)?.isEmpty ?? false
    }

    // MARK: The driver

    /// Attaches; gives the status.
    func attach(address: UInt64 = VirtualMachine.address, major: UInt32 = 1) throws -> UInt32 {
        let page = Int(header(at: 0x20))
        var request = memory.load(at: page)
        repeat { request &+= 1 } while request == 0 || request == memory.load(at: 0x100)
        memory.store(major, at: page + 4)
        memory.store(UInt32(truncatingIfNeeded: address), at: page + 8)
        memory.store(UInt32(address >> 32), at: page + 12)
        memory.store(request, at: page)
        try ring(0)
        try wait(0) { memory.load(at: 0x100) == request }
        let status = memory.load(at: 0x104)
        if status == 0 {
            let bytes = Int(header(at: 0x40))
            let send = Int(header(at: 0x30))
            let receive = Int(header(at: 0x38))
            control = try RingEnds(
                toHost: memory.extracting(send..<send + bytes), fromHost: memory.extracting(receive..<receive + bytes),
                vector: 0)
        }
        return status
    }

    func send(_ message: GuestMessage) throws {
        guard let control else { throw Failure(description: "not attached") }
        var packet = [UInt8](repeating: 0, count: PacketHeader.size) + message.encoded()
        try Packet.seal(&packet, type: .inBandData, transactionID: 0)
        try send(packet, on: control)
    }

    func receive() throws -> VMBus.HostMessage {
        guard let control else { throw Failure(description: "not attached") }
        let packet = try receive(on: control)
        return try VMBus.HostMessage(decoding: unsafe packet.span.bytes.extracting(PacketHeader.size...))
    }

    func expect(_ message: VMBus.HostMessage, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let received = try receive()
        #expect(received == message, sourceLocation: sourceLocation)
    }

    /// From the contact to the last offer.
    func begin() throws -> [OfferChannel] {
        try send(.initiateContact(InitiateContact(version: .v5_3)))
        guard case .versionResponse(let response) = try receive(), response.isSupported else {
            throw Failure(description: "no contact")
        }
        try send(.requestOffers)
        var offers: [OfferChannel] = []
        while case .offerChannel(let offer) = try receive() { offers.append(offer) }
        return offers
    }

    /// Writes a function's configuration space and waits until it has happened.
    func writeConfiguration(function: UInt32, offset: UInt32, width: UInt32, _ value: UInt32) throws {
        let page = Int(header(at: 0x20))
        memory.store(function | offset << 16, at: page + 0x44)
        memory.store(width, at: page + 0x48)
        memory.store(value, at: page + 0x4C)
        let request = memory.load(at: page + 0x40) &+ 1
        memory.store(request, at: page + 0x40)
        try ring(0)
        guard Wait.until({ memory.load(at: 0x140) == request }) else {
            throw Failure(description: "no answer to a configuration write")
        }
    }

    func readConfiguration(function: Int, offset: Int) -> UInt32 {
        memory.load(at: Int(header(at: 0x28)) + 256 * function + offset)
    }

    /// Says which generation of functions it has seen.
    func haveSeenFunctions(_ generation: UInt32) throws {
        memory.store(generation, at: Int(header(at: 0x20)) + 0x80)
        try ring(0)
    }

    var functionGeneration: UInt32 { memory.load(at: 0x144) }

    // MARK: Channels

    /// Rings of so many pages each way, in the ring area, that nobody has opened.
    func makeRings(relid: UInt32, pages: UInt64) throws -> (ends: RingEnds, gpadl: UInt32) {
        let start = Int(nextRingPage) * 4096
        let middle = start + Int(pages) * 4096
        let end = middle + Int(pages) * 4096
        nextRingPage += 2 * pages
        memory.clear(at: start, count: 4096)
        memory.clear(at: middle, count: 4096)
        let first = Self.address / 4096 + UInt64(start / 4096)
        let gpadl = try describe(Array(first..<first + 2 * pages), relid: relid)
        let vector = 1 + Int(relid - 1) % (Self.vectors - 1)
        return (
            try RingEnds(
                toHost: memory.extracting(start..<middle), fromHost: memory.extracting(middle..<end), vector: vector),
            gpadl
        )
    }

    /// A GPADL of whole pages.
    func describe(_ pages: [UInt64], relid: UInt32) throws -> UInt32 {
        lastGPADL += 1
        let messages = GuestMessage.describing([GuestPhysicalRange(pages: pages)], gpadl: lastGPADL, relid: relid)
        for message in try #require(messages) { try send(message) }
        try expect(.gpadlCreated(GPADLCreated(relid: relid, gpadl: lastGPADL, status: .success)))
        return lastGPADL
    }

    /// Asks for a channel; gives the answer.
    func open(_ relid: UInt32, gpadl: UInt32, downstreamPage: UInt64) throws -> MessageStatus {
        try send(
            .openChannel(
                OpenChannel(
                    relid: relid, openID: relid, ringGPADL: gpadl, downstreamPageOffset: UInt32(downstreamPage))))
        guard case .openChannelResult(let result) = try receive(), result.relid == relid else {
            throw Failure(description: "no OPENCHANNEL_RESULT")
        }
        return result.status
    }

    func openChannel(_ relid: UInt32, pages: UInt64 = 64) throws -> RingEnds {
        let (ends, gpadl) = try makeRings(relid: relid, pages: pages)
        #expect(try open(relid, gpadl: gpadl, downstreamPage: pages) == .success)
        return ends
    }

    /// Sends a packet, waiting for room if there is none.
    func send(_ packet: [UInt8], on ends: RingEnds) throws {
        while try !ends.write(packet) {
            if try !ends.awaitRoom(packet.count) { try wait(ends.vector) }
        }
        if try ends.publish() { try ring(ends.vector) }
    }

    /// The next packet, descriptor included.
    func receive(on ends: RingEnds) throws -> [UInt8] {
        while true {
            if let packet = try ends.next() {
                if try ends.release() { try ring(ends.vector) }
                return packet
            }
            if try !ends.unmask() { try wait(ends.vector) }
        }
    }

    /// Sends a command and waits for its completion: the data with its padding.
    func perform<Request: RequestLayout>(
        _ request: MessageBuilder<Request>, on ends: RingEnds, transaction: UInt64, vgpuLUID: LUID = .zero,
        process: D3DKMTHandle = .none
    ) throws -> [UInt8] {
        var request = request
        request.setHeader(process: process)
        let data = CommandEnvelope.encode(
            command: request.encoded(), vgpuLUID: vgpuLUID, interfaceVersion: .v40)
        try send(Self.packet(data, transaction: transaction), on: ends)
        let reply = try receive(on: ends)
        let packet = try PacketHeader(decoding: unsafe reply.span.bytes, available: reply.count)
        #expect(packet.type == .completion)
        #expect(packet.transactionID == transaction)
        return Array(reply[packet.dataOffset...])
    }

    /// Sends a command, waits for its completion, and reads that.
    func call<Request: RequestLayout, Value>(
        _ request: MessageBuilder<Request>, on ends: RingEnds, transaction: UInt64, vgpuLUID: LUID = .zero,
        process: D3DKMTHandle = .none, _ read: (MessageView<Request.Reply>) throws -> Value
    ) throws -> Value {
        let reply = try perform(
            request, on: ends, transaction: transaction, vgpuLUID: vgpuLUID, process: process)
        return try read(try MessageView<Request.Reply>(reply.wireBytes))
    }

    static func packet(_ data: [UInt8], transaction: UInt64) throws -> [UInt8] {
        try Packet.encode(
            type: .inBandData, payload: unsafe data.span.bytes, transactionID: transaction, requestCompletion: true,
            limit: PacketHeader.maximumPacketSize)
    }
}

/// The guest's ends of two rings.
final class RingEnds {
    let vector: Int
    /// The rings themselves, for those who mean ill.
    let toHost: SharedBytes
    let fromHost: SharedBytes
    private var writer: RingWriter
    private var reader: RingReader
    private var buffer: [UInt8] = []

    init(toHost: SharedBytes, fromHost: SharedBytes, vector: Int) throws {
        self.toHost = toHost
        self.fromHost = fromHost
        self.vector = vector
        writer = try RingWriter(toHost)
        reader = try RingReader(fromHost)
    }

    func write(_ packet: [UInt8]) throws -> Bool { try writer.write(unsafe packet.span.bytes) }

    func publish() throws -> Bool { try writer.publish() }

    func awaitRoom(_ bytes: Int) throws -> Bool { try writer.awaitRoom(forPacketOf: bytes) }

    func next() throws -> [UInt8]? {
        guard let count = try reader.next(into: &buffer) else { return nil }
        return Array(buffer[..<count])
    }

    func release() throws -> Bool { try reader.release() }

    func unmask() throws -> Bool { try reader.unmask() }
}
