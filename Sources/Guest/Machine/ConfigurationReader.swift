internal import Carriers
internal import DXGProtocol
internal import VMBus

/// Reads and writes the configuration space of PCI functions as the Linux driver does (docs/protocol/vmbus.md 1.11).
struct ConfigurationReader {
    let link: HostLink
    let timeout: UInt64?

    /// Where the driver looks.
    private enum Offset {
        static let device: UInt16 = 0x02
        static let instance: UInt16 = 0xC0
        static let version: UInt16 = 0xD0
        static let guestCapabilities: UInt16 = 0xD4
        static let vgpuLUID: UInt16 = 0xD4
        static let hostCapabilities: UInt16 = 0xDC
    }

    /// Agrees on the interface version, over the first function only.
    func negotiate(
        functions: UInt32, maximum: InterfaceVersion
    ) throws(GuestError) -> (InterfaceVersion, ConfigurationSpace.HostCapabilities) {
        guard functions > 0 else { return (.v27, []) }
        try write(0, Offset.guestCapabilities, ConfigurationSpace.GuestCapabilities.wsl2.rawValue)
        let offered = try read(0, Offset.version, width: 4)
        guard offered >= InterfaceVersion.v40.rawValue, maximum >= .v40 else { return (.v27, []) }
        try write(0, Offset.version, InterfaceVersion.v40.rawValue)
        return (.v40, ConfigurationSpace.HostCapabilities(rawValue: try read(0, Offset.hostCapabilities, width: 4)))
    }

    /// Who a function is.
    func describe(_ function: UInt32, under version: InterfaceVersion) throws(GuestError) -> Startup.Function {
        let device = UInt16(truncatingIfNeeded: try read(function, Offset.device, width: 2))
        var words: [UInt32] = []
        for index in 0..<4 { words.append(try read(function, Offset.instance + UInt16(4 * index), width: 4)) }
        let instance = GUID(
            words[0], UInt16(truncatingIfNeeded: words[1]), UInt16(truncatingIfNeeded: words[1] >> 16),
            (UInt64(words[2]) | UInt64(words[3]) << 32).byteSwapped)
        var luid = LUID.zero
        if version.hasExtendedHeader {
            let low = try read(function, Offset.vgpuLUID, width: 4)
            let high = try read(function, Offset.vgpuLUID + 4, width: 4)
            luid = LUID(low: low, high: Int32(bitPattern: high))
        }
        return Startup.Function(number: function, deviceID: device, instance: instance, vgpuLUID: luid)
    }

    func read(_ function: UInt32, _ offset: UInt16, width: UInt16) throws(GuestError) -> UInt32 {
        let address = ConfigurationAddress(function: function, offset: offset, width: width)
        let bytes = try link.ask("CONFIG_READ") { .configurationRead(address, tag: $0) }.wait(until: deadline)
        return bytes.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    func write(_ function: UInt32, _ offset: UInt16, _ value: UInt32) throws(GuestError) {
        let address = ConfigurationAddress(function: function, offset: offset, width: 4)
        _ = try link.ask("CONFIG_WRITE") { .configurationWrite(address, value: value, tag: $0) }.wait(until: deadline)
    }

    private var deadline: Deadline { timeout.map { .after(nanoseconds: $0) } ?? .never }
}
