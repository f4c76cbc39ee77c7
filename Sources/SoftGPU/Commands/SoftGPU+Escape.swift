import CSoftGPU
import DXGProtocol

/// Escapes (docs/protocol/semantics.md 16). The reply is the data, changed in place; there is no status.
extension SoftGPU {
    func escape(_ request: MessageView<Escape.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        guard request.type == EscapeType.driverPrivate.rawValue else { throw .invalid("escape type \(request.type)") }
        guard request.flagsDriverKnownEscape else { throw .invalid("a private escape of another driver") }
        var data = EscapeData(request.privateDriverData)
        guard data.bytes.count >= 4 else { throw .invalid("a known escape of \(data.bytes.count) bytes") }
        switch KnownEscapeType(rawValue: data.word(at: 0)) {
        case .cpuEventUsage: try noteEventUsage(&data, call)
        case .buildTestCommandBuffer: try buildTestCommandBuffer(&data, call)
        // The other two are answered in the guest: handles are the same on both sides.
        case .translateAllocationHandle, .translateResourceHandle, nil:
            throw .invalid("known escape \(data.word(at: 0))")
        }
        return data.bytes
    }

    /// D3DDDI_DRIVERESCAPE_CPUEVENTUSAGE: what a CPU notification is for. The driver's end of the event is named by
    /// the handle of its object.
    private func noteEventUsage(_ data: inout EscapeData, _ call: Call) throws(Refusal) {
        guard data.bytes.count >= 48 else { throw .invalid("CPUEVENTUSAGE of \(data.bytes.count) bytes") }
        let handle = D3DKMTHandle(rawValue: data.word(at: 4))
        let open = try call.syncObject(handle)
        guard open.object.kind == .cpuNotification else { throw .invalid("\(handle) is no CPU notification") }
        data.put(handle.rawValue, at: 8)
        data.put(0, at: 12)
    }

    /// D3DDDI_DRIVERESCAPE_BUILDTESTCOMMANDBUFFER: one test command as this adapter's packet. The guest's driver puts
    /// the command buffer and its private data behind the structure.
    private func buildTestCommandBuffer(_ data: inout EscapeData, _ call: Call) throws(Refusal) {
        guard data.bytes.count >= TestBuffer.size else {
            throw .invalid("BUILDTESTCOMMANDBUFFER of \(data.bytes.count) bytes")
        }
        let device = try call.device(D3DKMTHandle(rawValue: data.word(at: TestBuffer.device)))
        let context = D3DKMTHandle(rawValue: data.word(at: TestBuffer.context))
        let owner =
            data.word(at: TestBuffer.flags) & 1 != 0
            ? try call.hwQueue(context).context.device : try call.context(context).device
        guard owner === device else { throw .invalid("\(context) is on another device") }
        let room = Int(data.word(at: TestBuffer.bufferSize))
        let privateRoom = Int(data.word(at: TestBuffer.privateSize))
        guard room <= data.bytes.count - TestBuffer.size,
            privateRoom <= data.bytes.count - TestBuffer.size - room
        else { throw .invalid("buffers of \(room) and \(privateRoom) bytes in \(data.bytes.count)") }
        let packet = try testPacket(data)
        guard packet.count <= room else { throw .invalid("a buffer of \(room) bytes for \(packet.count)") }
        data.put(packet, at: TestBuffer.size)
        data.put(UInt32(packet.count), at: TestBuffer.bufferSize)
        data.put(0, at: TestBuffer.privateSize)
    }

    private func testPacket(_ data: EscapeData) throws(Refusal) -> [UInt8] {
        let command = TestBuffer.command
        switch data.word(at: TestBuffer.operation) {
        case TestBuffer.copy:
            let bytes = data.word(at: command + 16)
            guard bytes % 4 == 0 else { throw .invalid("a copy of \(bytes) bytes") }
            return PrivateData.bytes(
                softgpu_copy(
                    header: header(SOFTGPU_COPY, size: MemoryLayout<softgpu_copy>.size),
                    destination: data.number(at: command + 8), source: data.number(at: command), bytes: UInt64(bytes)))
        case TestBuffer.fill:
            let destination = data.number(at: command)
            let bytes = data.word(at: command + 8)
            guard bytes % 4 == 0, destination % 4 == 0 else { throw .invalid("a fill of \(bytes) bytes") }
            return PrivateData.bytes(
                softgpu_fill(
                    header: header(SOFTGPU_FILL, size: MemoryLayout<softgpu_fill>.size), destination: destination,
                    bytes: UInt64(bytes), pattern: data.word(at: command + 12), reserved: 0))
        case TestBuffer.infiniteLoop:
            return PrivateData.bytes(header(SOFTGPU_HANG, size: MemoryLayout<softgpu_packet>.size))
        default:
            throw .invalid("test operation \(data.word(at: TestBuffer.operation))")
        }
    }

    private func header(_ opcode: softgpu_opcode, size: Int) -> softgpu_packet {
        softgpu_packet(opcode: UInt16(opcode.rawValue), flags: 0, size: UInt32(size))
    }

    /// Offsets in D3DDDI_DRIVERESCAPE_BUILDTESTCOMMANDBUFFER.
    private enum TestBuffer {
        static let device = 4
        static let context = 8
        static let flags = 12
        /// COPY: source u64, destination u64, bytes u32. FILL: destination u64, bytes u32, pattern u32.
        static let command = 16
        static let operation = 80
        static let bufferSize = 104
        static let privateSize = 108
        static let size = 112

        // D3DDDI_TESTCOMMANDBUFFEROP
        static let copy: UInt32 = 1
        static let fill: UInt32 = 2
        static let infiniteLoop: UInt32 = 3
    }
}

/// The data of an escape, being changed.
private struct EscapeData {
    private(set) var bytes: [UInt8]

    init(_ data: RawSpan) { bytes = [UInt8](wireBytes: data) }

    func word(at offset: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) } }

    func number(at offset: Int) -> UInt64 { UInt64(word(at: offset)) | UInt64(word(at: offset + 4)) << 32 }

    mutating func put(_ value: UInt32, at offset: Int) {
        for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index)) }
    }

    mutating func put(_ source: [UInt8], at offset: Int) {
        bytes.replaceSubrange(offset..<offset + source.count, with: source)
    }
}
