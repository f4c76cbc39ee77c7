/// The PCI configuration space of one virtual GPU, through which the guest's driver finds the channel that belongs to
/// it and negotiates the interface version (`docs/protocol/vmbus.md 1.11`).
///
/// 256 bytes, without base addresses, interrupt or capabilities. At 0xD4 a read gives the vGPU LUID while a write sets
/// the guest's capabilities, so what is written is never what is read.
public struct ConfigurationSpace: Hashable, Sendable {
    /// Bytes of the space.
    public static let size = 256

    /// What the function presents itself as.
    public enum Function: Hashable, Sendable, CaseIterable {
        /// 1414:008e, a display (3D) controller that can render.
        case render
        /// 1414:008a, a processing accelerator that can only compute.
        case computeAccelerator

        /// The PCI device id.
        public var deviceID: UInt16 {
            switch self {
            case .render: 0x008e
            case .computeAccelerator: 0x008a
            }
        }

        /// The PCI class code: base class and subclass.
        public var classCode: UInt16 {
            switch self {
            case .render: 0x0302
            case .computeAccelerator: 0x1200
            }
        }
    }

    /// What the host tells the guest at 0xDC.
    public struct HostCapabilities: OptionSet, Hashable, Sendable {
        /// The bits as the guest reads them.
        public let rawValue: UInt32

        /// Takes any bits.
        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        /// Existing system memory comes as lists of page numbers instead of GPADLs.
        public static let mapGuestMemory = HostCapabilities(rawValue: 1)
    }

    /// What the guest told the host at 0xD4.
    public struct GuestCapabilities: OptionSet, Hashable, Sendable {
        /// The bits as the guest wrote them.
        public let rawValue: UInt32

        /// Takes any bits.
        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        /// The guest runs as WSL 2.
        public static let wsl2 = GuestCapabilities(rawValue: 1)
    }

    /// The PCI vendor id: Microsoft.
    public static let vendorID: UInt16 = 0x1414
    /// The interface version of a guest that negotiates none.
    public static let oldestInterfaceVersion: UInt32 = 27
    /// The lowest version that a guest may write.
    public static let lowestCompatibleInterfaceVersion: UInt32 = 16
    /// The highest interface version there is.
    public static let newestInterfaceVersion: UInt32 = 40

    /// The version that the function offers, and the most that a guest gets.
    public let offeredInterfaceVersion: UInt32

    /// What the guest wrote at 0xD4, if it did.
    public private(set) var guestCapabilities: GuestCapabilities = []

    /// The version that the guest chose by writing it, or 27 until it writes one.
    ///
    /// Linux negotiates through the first function that it finds, and uses the result for all of its guest's vGPUs
    /// (`docs/protocol/semantics.md 1.1`).
    public private(set) var negotiatedInterfaceVersion = ConfigurationSpace.oldestInterfaceVersion

    private var readable: [UInt8]

    /// Makes the space of a vGPU.
    ///
    /// - Parameters:
    ///   - channelInstance: the instance GUID of the vGPU's channel offer.
    ///   - vgpuLUID: the eight bytes of the vGPU LUID, low part in the low half, by which packets are routed.
    ///   - hostCapabilities: what the guest may make use of.
    ///   - interfaceVersion: the version to offer, 27 to 40.
    public init(
        function: Function, channelInstance: GUID, vgpuLUID: UInt64,
        hostCapabilities: HostCapabilities = .mapGuestMemory, interfaceVersion: UInt32 = newestInterfaceVersion
    ) {
        precondition(
            (ConfigurationSpace.oldestInterfaceVersion...ConfigurationSpace.newestInterfaceVersion)
                .contains(interfaceVersion))
        offeredInterfaceVersion = interfaceVersion
        readable = [UInt8](repeating: 0, count: ConfigurationSpace.size)
        readable.store(ConfigurationSpace.vendorID, at: Register.vendorID)
        readable.store(function.deviceID, at: Register.deviceID)
        readable.store(function.classCode, at: Register.classCode)
        readable.store(channelInstance, at: Register.channelInstance)
        readable.store(interfaceVersion, at: Register.interfaceVersion)
        readable.store(vgpuLUID, at: Register.vgpuLUIDOrGuestCapabilities)
        readable.store(hostCapabilities.rawValue, at: Register.hostCapabilities)
    }

    /// Answers a configuration read of `width` bytes (1, 2 or 4).
    ///
    /// The bytes are put together wherever they stand, aligned or not; those beyond the space, and accesses of other
    /// widths, read as all ones, as when no device answers.
    public func read(offset: Int, width: Int) -> UInt32 {
        guard ConfigurationSpace.widths.contains(width), offset >= 0 else { return .max }
        var value: UInt32 = 0
        for index in 0..<width {
            let (position, overflow) = offset.addingReportingOverflow(index)
            let byte = !overflow && position < ConfigurationSpace.size ? readable[position] : 0xff
            value |= UInt32(byte) << UInt32(8 * index)
        }
        return value
    }

    /// Takes a configuration write of `width` bytes (1, 2 or 4); bytes at read-only places are ignored.
    public mutating func write(offset: Int, width: Int, value: UInt32) {
        guard ConfigurationSpace.widths.contains(width), (0..<ConfigurationSpace.size).contains(offset) else { return }
        var version = read(offset: Register.interfaceVersion, width: 4)
        var capabilities = guestCapabilities.rawValue
        var wroteVersion = false
        for index in 0..<width {
            let byte = value >> UInt32(8 * index) & 0xff
            switch offset + index {
            case Register.command, Register.command + 1:
                let mask = Register.writableCommandBits[offset + index - Register.command]
                readable[offset + index] = UInt8(byte) & mask
            case Register.cacheLineSize:
                readable[offset + index] = UInt8(byte)
            case Register.interfaceVersion..<Register.interfaceVersion + 4:
                version.replaceByte(offset + index - Register.interfaceVersion, with: byte)
                wroteVersion = true
            case Register.vgpuLUIDOrGuestCapabilities..<Register.vgpuLUIDOrGuestCapabilities + 4:
                capabilities.replaceByte(offset + index - Register.vgpuLUIDOrGuestCapabilities, with: byte)
            default:
                break
            }
        }
        guestCapabilities = GuestCapabilities(rawValue: capabilities)
        if wroteVersion {
            choose(version)
        }
    }

    /// Forgets what the guest wrote, as a reset of the virtual machine does.
    public mutating func reset() {
        readable[Register.command] = 0
        readable[Register.command + 1] = 0
        readable[Register.cacheLineSize] = 0
        readable.store(offeredInterfaceVersion, at: Register.interfaceVersion)
        negotiatedInterfaceVersion = ConfigurationSpace.oldestInterfaceVersion
        guestCapabilities = []
    }

    /// Settles on the version that the guest wrote: at most the offered one, and unchanged if it is below every
    /// compatible one, so that the guest reads back what holds.
    private mutating func choose(_ version: UInt32) {
        guard version >= ConfigurationSpace.lowestCompatibleInterfaceVersion else { return }
        negotiatedInterfaceVersion = min(version, offeredInterfaceVersion)
        readable.store(negotiatedInterfaceVersion, at: Register.interfaceVersion)
    }

    private static let widths: [Int] = [1, 2, 4]

    private enum Register {
        static let vendorID = 0x00
        static let deviceID = 0x02
        static let command = 0x04
        static let classCode = 0x0a
        static let cacheLineSize = 0x0c
        static let channelInstance = 0xc0
        static let interfaceVersion = 0xd0
        static let vgpuLUIDOrGuestCapabilities = 0xd4
        static let hostCapabilities = 0xdc

        /// Bus master (bit 2) and interrupt disable (bit 10): what a function without base addresses lets be set.
        static let writableCommandBits: [UInt8] = [0x04, 0x04]
    }
}

extension UInt32 {
    /// Replaces one byte, counted from the lowest.
    fileprivate mutating func replaceByte(_ index: Int, with byte: UInt32) {
        let shift = UInt32(8 * index)
        self = self & ~(0xff << shift) | byte << shift
    }
}
