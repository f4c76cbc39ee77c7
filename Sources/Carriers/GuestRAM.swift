public import Linux

/// All of a virtual machine's RAM: a file that its monitor and the host share (docs/protocol/ivshmem.md 9).
public struct GuestRAM: Sendable {
    /// The file, from address 0 on. It stays the monitor's, which may change its size.
    public let file: SharedMemory
    /// How many of its bytes are below the hole in the machine's addresses; the rest is from 4 GiB on.
    public let bytesBelowHole: UInt64

    /// Where RAM goes on behind the hole.
    private static let aboveHole: UInt64 = 1 << 32

    public init(file: SharedMemory, bytesBelowHole: UInt64) {
        self.file = file
        self.bytesBelowHole = bytesBelowHole
    }

    /// Where its pieces are in the guest and in the file, in ascending order.
    var regions: [MemoryRegion] {
        let below = min(file.bytes, bytesBelowHole)
        let first = MemoryRegion(base: 0, bytes: below, fileOffset: 0)
        guard below < file.bytes else { return [first] }
        return [first, MemoryRegion(base: Self.aboveHole, bytes: file.bytes - below, fileOffset: below)]
    }
}
