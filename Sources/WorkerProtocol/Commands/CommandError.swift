/// Why a packet is refused: the submission ends and the device goes into error.
public struct CommandError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong. The comment says what `value` is.
    public enum Reason: UInt32, Sendable, CaseIterable {
        /// The command buffer's address or length is no multiple of 8; the address or length.
        case misalignedBuffer = 1
        /// The buffer ends inside a packet; the bytes left.
        case truncatedPacket = 2
        /// The opcode.
        case unknownOpcode = 3
        /// A size that is not the opcode's, below 8, or no multiple of 8; the size.
        case badSize = 4
        /// A flag is set; the flags.
        case reservedFlags = 5
        /// A reserved field is not zero; its value.
        case reservedField = 6
        /// An address that must be a multiple of 4 or 8; the address.
        case misalignedAddress = 7
        /// A byte count that must be a multiple of 4; the count.
        case misalignedCount = 8
        /// A range that goes beyond the end of all addresses; its start.
        case rangeOverflow = 9
        /// A value other than 0 or 1 where only these are; the value.
        case badBoolean = 10
        /// A dimension of the work-group is 0; which one.
        case emptyGroup = 11
        /// More work-groups than 64 bits count.
        case gridTooLarge = 12
        /// Scratch above SOFTGPU_MAXIMUM_GROUP_MEMORY; the bytes wanted.
        case groupMemoryTooLarge = 13
        /// A code object of no bytes, or above SOFTGPU_MAXIMUM_CODE_SIZE; its size.
        case badCodeSize = 14
        /// The entry point is not in an executable segment; its address in the ELF file.
        case entryOutsideCode = 15
        /// No room is left for loaded code; the bytes wanted.
        case outOfCodeMemory = 16
    }

    public var reason: Reason
    /// What the reason says of it: a number of the packet.
    public var value: UInt64

    public init(_ reason: Reason, value: UInt64) {
        self.reason = reason
        self.value = value
    }

    public var description: String { "\(reason) (\(value))" }
}
