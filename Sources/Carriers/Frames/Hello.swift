public import VMBus

/// A guest's first frame: HELLO (docs/protocol/carrier.md, Types).
public struct Hello: Hashable, Sendable {
    /// "SDY1" in memory order.
    public static let magic: UInt32 = 0x3159_4453
    /// The version that this code speaks.
    public static let majorVersion: UInt16 = 1
    /// The minor version that this code speaks: of no consequence yet.
    public static let minorVersion: UInt16 = 0

    /// The guest's version; its major part is always the own one in a HELLO that was decoded.
    public var major = Hello.majorVersion
    /// The minor part of the version.
    public var minor = Hello.minorVersion
    /// What the guest would like to use; may have bits that this version does not know.
    public var wantedFeatures: CarrierFeatures
    /// Who the guest says it is. Zero: the host assigns an id.
    public var guestID: GUID
    /// A name for humans.
    public var name: String
    /// What proves that the guest may be who it says it is.
    public var token: [UInt8]

    /// A HELLO to send. Name and token have at most 65 535 bytes each.
    public init(wantedFeatures: CarrierFeatures = [], guestID: GUID = .zero, name: String = "", token: [UInt8] = []) {
        self.wantedFeatures = wantedFeatures
        self.guestID = guestID
        self.name = name
        self.token = token
    }

    init(decoding payload: RawSpan) throws(CarrierViolation) {
        let magic: UInt32 = payload.integer(at: 0)
        guard magic == Self.magic else { throw .badValue(.hello, field: "magic", value: UInt64(magic)) }
        major = payload.integer(at: 4)
        minor = payload.integer(at: 6)
        guard major == Self.majorVersion else { throw .version(major: major, minor: minor) }
        wantedFeatures = CarrierFeatures(rawValue: payload.integer(at: 8))
        guestID = GUID(wire: payload, at: 16)
        let nameBytes = Int(payload.integer(at: 32, as: UInt16.self))
        let tokenBytes = Int(payload.integer(at: 34, as: UInt16.self))
        let start = FrameType.hello.minimumPayloadBytes
        let needed = start + nameBytes + tokenBytes
        guard payload.byteCount >= needed else {
            throw .payloadTooShort(.hello, bytes: payload.byteCount, needed: UInt64(needed))
        }
        guard let name = String(validating: payload.extracting(start..<start + nameBytes).array(), as: UTF8.self) else {
            throw .badText(.hello, field: "name")
        }
        self.name = name
        token = payload.extracting(start + nameBytes..<needed).array()
    }
}

/// The host's answer to a HELLO that it accepts: WELCOME.
public struct Welcome: Hashable, Sendable {
    /// The host's version.
    public var major = Hello.majorVersion
    /// The minor part of the version.
    public var minor = Hello.minorVersion
    /// What may be used: some of what the guest wanted.
    public var grantedFeatures: CarrierFeatures
    /// Who the guest is from now on.
    public var guestID: GUID
    /// The size of the IO space.
    public var ioSpaceBytes: UInt64
    /// How many PCI functions the guest has, numbered from 0.
    public var functionCount: UInt32

    /// A WELCOME to send.
    public init(grantedFeatures: CarrierFeatures, guestID: GUID, ioSpaceBytes: UInt64, functionCount: UInt32) {
        self.grantedFeatures = grantedFeatures
        self.guestID = guestID
        self.ioSpaceBytes = ioSpaceBytes
        self.functionCount = functionCount
    }

    init(decoding payload: RawSpan) throws(CarrierViolation) {
        let magic: UInt32 = payload.integer(at: 0)
        guard magic == Hello.magic else { throw .badValue(.welcome, field: "magic", value: UInt64(magic)) }
        major = payload.integer(at: 4)
        minor = payload.integer(at: 6)
        guard major == Hello.majorVersion else { throw .version(major: major, minor: minor) }
        grantedFeatures = CarrierFeatures(rawValue: payload.integer(at: 8))
        guestID = GUID(wire: payload, at: 16)
        ioSpaceBytes = payload.integer(at: 32)
        functionCount = payload.integer(at: 40)
    }
}

extension GUID {
    init(wire bytes: RawSpan, at offset: Int) {
        self.init(
            bytes.integer(at: offset), bytes.integer(at: offset + 4), bytes.integer(at: offset + 6),
            bytes.integer(at: offset + 8, as: UInt64.self).byteSwapped)
    }
}
