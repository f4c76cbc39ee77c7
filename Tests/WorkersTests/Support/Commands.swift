import CSoftGPU

/// A command buffer under construction.
struct Commands {
    private(set) var bytes: [UInt8] = []

    mutating func packet(_ opcode: softgpu_opcode, size: Int? = nil, _ words: UInt64...) {
        raw(opcode: UInt16(opcode.rawValue), size: UInt32(size ?? 8 + words.count * 8), words)
    }

    mutating func raw(opcode: UInt16, flags: UInt16 = 0, size: UInt32, _ words: [UInt64] = []) {
        append(opcode)
        append(flags)
        append(size)
        for word in words { append(word) }
    }

    mutating func copy(to destination: UInt64, from source: UInt64, bytes: UInt64) {
        packet(SOFTGPU_COPY, destination, source, bytes)
    }

    mutating func fill(_ destination: UInt64, bytes: UInt64, pattern: UInt32) {
        packet(SOFTGPU_FILL, destination, bytes, UInt64(pattern))
    }

    mutating func dispatch(_ dispatch: Dispatch) {
        packet(
            SOFTGPU_DISPATCH, dispatch.code, dispatch.size, dispatch.entry, dispatch.arguments,
            UInt64(dispatch.groups.0) | UInt64(dispatch.groups.1) << 32,
            UInt64(dispatch.groups.2) | UInt64(dispatch.groupSize.0) << 32,
            UInt64(dispatch.groupSize.1) | UInt64(dispatch.groupSize.2) << 32, UInt64(dispatch.groupMemory))
    }

    private mutating func append<Number: FixedWidthInteger & UnsignedInteger>(_ number: Number) {
        for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> Number(shift)))
        }
    }
}

/// The fields of a dispatch packet.
struct Dispatch {
    var code: UInt64
    var size: UInt64
    var entry: UInt64 = 0
    var arguments: UInt64 = 0
    var groups: (UInt32, UInt32, UInt32) = (1, 1, 1)
    var groupSize: (UInt32, UInt32, UInt32) = (1, 1, 1)
    var groupMemory: UInt32 = 0
}
