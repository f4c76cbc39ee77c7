public import CSoftGPU

/// A packet of a command buffer, checked. `understudy_softgpu.h` describes the fields.
public enum CommandPacket: Sendable {
    case nop
    case copy(destination: UInt64, source: UInt64, bytes: UInt64)
    case fill(destination: UInt64, bytes: UInt64, pattern: UInt32)
    case write32(address: UInt64, value: UInt32)
    case write64(address: UInt64, value: UInt64)
    case timestamp(address: UInt64)
    case dispatch(softgpu_dispatch)
    case hang
    case fault(address: UInt64, write: Bool)

    /// Bytes at the start of a packet that a decoder looks at, at most.
    public static let maximumPrefix = MemoryLayout<softgpu_dispatch>.size
    static let headerSize = MemoryLayout<softgpu_packet>.size

    /// A packet with its size in the command buffer.
    public struct Decoded: Sendable {
        public var packet: CommandPacket
        /// Bytes to the next packet.
        public var size: UInt64
    }

    /// Checks the place of a command buffer.
    public static func check(address: UInt64, length: UInt64) throws(CommandError) {
        guard address % 8 == 0 else { throw CommandError(.misalignedBuffer, value: address) }
        guard length % 8 == 0 else { throw CommandError(.misalignedBuffer, value: length) }
        guard !address.addingReportingOverflow(length).overflow else {
            throw CommandError(.rangeOverflow, value: address)
        }
    }

    /// How many bytes of a packet `decode` needs, given its header.
    public static func prefix(ofHeader header: RawSpan, remaining: UInt64) -> Int {
        guard header.byteCount >= headerSize else { return Int(min(remaining, UInt64(headerSize))) }
        let packet = load(header, as: softgpu_packet.self)
        return Int(min(remaining, UInt64(packet.size), UInt64(maximumPrefix)))
    }

    /// Decodes the packet at the start of `bytes`.
    ///
    /// - Parameters:
    ///   - bytes: at least `min(remaining, maximumPrefix)` private bytes: nobody else may change them meanwhile.
    ///   - remaining: bytes from the packet's start to the end of the command buffer.
    /// - Throws: `CommandError` with the reason and the value at fault.
    public static func decode(_ bytes: RawSpan, remaining: UInt64) throws(CommandError) -> Decoded {
        guard remaining >= UInt64(headerSize), bytes.byteCount >= headerSize else {
            throw CommandError(.truncatedPacket, value: remaining)
        }
        let header = load(bytes, as: softgpu_packet.self)
        let opcode = softgpu_opcode(UInt32(header.opcode))
        let size = UInt64(header.size)
        guard let wanted = packetSize(opcode) else {
            throw CommandError(.unknownOpcode, value: UInt64(header.opcode))
        }
        guard header.flags == 0 else { throw CommandError(.reservedFlags, value: UInt64(header.flags)) }
        let fits = opcode == SOFTGPU_NOP ? size >= 8 && size % 8 == 0 : size == UInt64(wanted)
        guard fits else { throw CommandError(.badSize, value: size) }
        guard size <= remaining, wanted <= bytes.byteCount else {
            throw CommandError(.truncatedPacket, value: remaining)
        }
        return Decoded(packet: try body(opcode, bytes), size: size)
    }

    private static func packetSize(_ opcode: softgpu_opcode) -> Int? {
        switch opcode {
        case SOFTGPU_NOP, SOFTGPU_HANG: headerSize
        case SOFTGPU_COPY: MemoryLayout<softgpu_copy>.size
        case SOFTGPU_FILL: MemoryLayout<softgpu_fill>.size
        case SOFTGPU_WRITE32, SOFTGPU_WRITE64: MemoryLayout<softgpu_write>.size
        case SOFTGPU_TIMESTAMP: MemoryLayout<softgpu_timestamp>.size
        case SOFTGPU_DISPATCH: MemoryLayout<softgpu_dispatch>.size
        case SOFTGPU_FAULT: MemoryLayout<softgpu_fault>.size
        default: nil
        }
    }

    private static func body(_ opcode: softgpu_opcode, _ bytes: RawSpan) throws(CommandError) -> CommandPacket {
        switch opcode {
        case SOFTGPU_COPY:
            let copy = load(bytes, as: softgpu_copy.self)
            try checkRange(copy.destination, copy.bytes)
            try checkRange(copy.source, copy.bytes)
            return .copy(destination: copy.destination, source: copy.source, bytes: copy.bytes)
        case SOFTGPU_FILL:
            let fill = load(bytes, as: softgpu_fill.self)
            try checkReserved(fill.reserved)
            try checkAlignment(fill.destination, 4)
            guard fill.bytes % 4 == 0 else { throw CommandError(.misalignedCount, value: fill.bytes) }
            try checkRange(fill.destination, fill.bytes)
            return .fill(destination: fill.destination, bytes: fill.bytes, pattern: fill.pattern)
        case SOFTGPU_WRITE32:
            let write = load(bytes, as: softgpu_write.self)
            try checkAlignment(write.address, 4)
            return .write32(address: write.address, value: UInt32(truncatingIfNeeded: write.value))
        case SOFTGPU_WRITE64:
            let write = load(bytes, as: softgpu_write.self)
            try checkAlignment(write.address, 8)
            return .write64(address: write.address, value: write.value)
        case SOFTGPU_TIMESTAMP:
            let timestamp = load(bytes, as: softgpu_timestamp.self)
            try checkAlignment(timestamp.address, 8)
            return .timestamp(address: timestamp.address)
        case SOFTGPU_DISPATCH:
            return .dispatch(try checked(load(bytes, as: softgpu_dispatch.self)))
        case SOFTGPU_FAULT:
            let fault = load(bytes, as: softgpu_fault.self)
            try checkReserved(fault.reserved)
            guard fault.write <= 1 else { throw CommandError(.badBoolean, value: UInt64(fault.write)) }
            return .fault(address: fault.address, write: fault.write == 1)
        case SOFTGPU_HANG:
            return .hang
        default:
            return .nop
        }
    }

    private static func checked(_ dispatch: softgpu_dispatch) throws(CommandError) -> softgpu_dispatch {
        try checkReserved(dispatch.reserved)
        try checkAlignment(dispatch.code, 8)
        guard dispatch.code_size > 0, dispatch.code_size <= UInt64(SOFTGPU_MAXIMUM_CODE_SIZE) else {
            throw CommandError(.badCodeSize, value: dispatch.code_size)
        }
        try checkRange(dispatch.code, dispatch.code_size)
        let size = dispatch.group_size
        if size.0 == 0 { throw CommandError(.emptyGroup, value: 0) }
        if size.1 == 0 { throw CommandError(.emptyGroup, value: 1) }
        if size.2 == 0 { throw CommandError(.emptyGroup, value: 2) }
        guard dispatch.group_memory <= SOFTGPU_MAXIMUM_GROUP_MEMORY else {
            throw CommandError(.groupMemoryTooLarge, value: UInt64(dispatch.group_memory))
        }
        let groups = dispatch.groups
        let plane = UInt64(groups.0) * UInt64(groups.1)
        let (total, overflow) = plane.multipliedReportingOverflow(by: UInt64(groups.2))
        guard !overflow, total <= UInt64(Int64.max) else {
            throw CommandError(.gridTooLarge, value: plane)
        }
        return dispatch
    }

    private static func checkAlignment(_ address: UInt64, _ alignment: UInt64) throws(CommandError) {
        guard address % alignment == 0 else { throw CommandError(.misalignedAddress, value: address) }
    }

    private static func checkReserved(_ value: UInt32) throws(CommandError) {
        guard value == 0 else { throw CommandError(.reservedField, value: UInt64(value)) }
    }

    private static func checkRange(_ start: UInt64, _ bytes: UInt64) throws(CommandError) {
        guard !start.addingReportingOverflow(bytes).overflow else { throw CommandError(.rangeOverflow, value: start) }
    }

    private static func load<Structure: BitwiseCopyable>(_ bytes: RawSpan, as: Structure.Type) -> Structure {
        // SAFETY: callers have checked the size; the header's structures are plain integers without padding.
        unsafe bytes.unsafeLoadUnaligned(as: Structure.self)
    }
}
