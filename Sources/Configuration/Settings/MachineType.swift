/// A machine of QEMU's, as far as the place of its RAM goes.
public enum MachineType: String, CaseIterable, Sendable {
    case q35
    case pc

    /// How much of its RAM a machine with so many bytes has below the hole in its addresses
    /// (docs/protocol/ivshmem.md 9).
    public func bytesBelowHole(ofTotal bytes: UInt64) -> UInt64 {
        let (all, most): (UInt64, UInt64) =
            switch self {
            case .q35: (2816 << 20, 2 << 30)
            case .pc: (3584 << 20, 3 << 30)
            }
        return bytes < all ? bytes : most
    }
}
