/// What guest and host may do beyond frames (docs/protocol/carrier.md, Types).
public struct CarrierFeatures: OptionSet, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The guest's memory is shared by descriptor.
    public static let sharedMemory = CarrierFeatures(rawValue: 1 << 0)
    /// The IO space is shared by descriptor.
    public static let sharedIOSpace = CarrierFeatures(rawValue: 1 << 1)
    /// Channels use ring buffers in shared guest memory.
    public static let rings = CarrierFeatures(rawValue: 1 << 2)
    /// Rings signal by eventfd.
    public static let ringEvents = CarrierFeatures(rawValue: 1 << 3)

    /// Those that need a connection over which descriptors can be passed.
    public static let needingDescriptors: CarrierFeatures = [.sharedMemory, .sharedIOSpace, .ringEvents]

    public var description: String {
        var names: [String] = []
        if contains(.sharedMemory) { names.append("guest memory by descriptor") }
        if contains(.sharedIOSpace) { names.append("IO space by descriptor") }
        if contains(.rings) { names.append("rings") }
        if contains(.ringEvents) { names.append("ring events") }
        let unknown = rawValue & ~0xf
        if unknown != 0 { names.append("0x" + String(unknown, radix: 16)) }
        return names.isEmpty ? "none" : names.joined(separator: ", ")
    }
}
