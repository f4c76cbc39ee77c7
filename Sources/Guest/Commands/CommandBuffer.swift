import CSoftGPU

/// Packets of a command buffer, in the order in which they run (docs/softgpu.md, Command buffers).
public struct CommandBuffer: Sendable {
    /// What goes into GPU memory; its length is a multiple of 8.
    public private(set) var bytes: [UInt8] = []

    public init() {}

    /// Copies bytes between GPU addresses; they may overlap.
    public mutating func copy(from source: UInt64, to destination: UInt64, bytes count: UInt64) {
        append(
            softgpu_copy(
                header: header(SOFTGPU_COPY, softgpu_copy.self), destination: destination, source: source, bytes: count)
        )
    }

    /// Repeats a 32-bit pattern over a multiple of 4 bytes.
    public mutating func fill(_ destination: UInt64, bytes count: UInt64, pattern: UInt32) {
        append(
            softgpu_fill(
                header: header(SOFTGPU_FILL, softgpu_fill.self), destination: destination, bytes: count,
                pattern: pattern, reserved: 0))
    }

    /// Stores 4 bytes.
    public mutating func write(_ value: UInt32, to address: UInt64) {
        append(
            softgpu_write(
                header: header(SOFTGPU_WRITE32, softgpu_write.self), address: address, value: UInt64(value)))
    }

    /// Stores 8 bytes. To a fence's address it is a signal.
    public mutating func write(_ value: UInt64, to address: UInt64) {
        append(softgpu_write(header: header(SOFTGPU_WRITE64, softgpu_write.self), address: address, value: value))
    }

    /// Stores the GPU clock.
    public mutating func timestamp(to address: UInt64) {
        append(softgpu_timestamp(header: header(SOFTGPU_TIMESTAMP, softgpu_timestamp.self), address: address))
    }

    /// Runs a code object over a grid of work-groups.
    ///
    /// - Parameters:
    ///   - code: The GPU address of its ELF file.
    ///   - codeBytes: The file's size.
    ///   - entry: The address of the function in the file's image, 0 for the file's entry.
    ///   - arguments: The GPU address that the function gets.
    ///   - groupMemory: Bytes of scratch per running group.
    public mutating func dispatch(
        code: UInt64, codeBytes: UInt64, entry: UInt64 = 0, arguments: UInt64,
        groups: (UInt32, UInt32, UInt32), groupSize: (UInt32, UInt32, UInt32) = (1, 1, 1), groupMemory: UInt32 = 0
    ) {
        append(
            softgpu_dispatch(
                header: header(SOFTGPU_DISPATCH, softgpu_dispatch.self), code: code, code_size: codeBytes, entry: entry,
                arguments: arguments, groups: groups, group_size: groupSize, group_memory: groupMemory, reserved: 0))
    }

    /// Never ends: for tests of timeouts.
    public mutating func hang() { append(header(SOFTGPU_HANG, softgpu_packet.self)) }

    /// Touches an address: for tests of page faults.
    public mutating func fault(at address: UInt64, isWrite: Bool) {
        append(
            softgpu_fault(
                header: header(SOFTGPU_FAULT, softgpu_fault.self), address: address, write: isWrite ? 1 : 0,
                reserved: 0))
    }

    private func header<Packet>(_ opcode: softgpu_opcode, _ packet: Packet.Type) -> softgpu_packet {
        softgpu_packet(
            opcode: UInt16(opcode.rawValue), flags: 0, size: UInt32(MemoryLayout<Packet>.size))
    }

    private mutating func append<Packet: BitwiseCopyable>(_ packet: Packet) {
        // SAFETY: the packets are C structures of integers without padding.
        unsafe withUnsafeBytes(of: packet) { unsafe bytes.append(contentsOf: $0) }
    }
}
