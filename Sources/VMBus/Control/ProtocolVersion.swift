/// A VMBus protocol version as it travels: `major << 16 | minor` (`docs/protocol/vmbus.md 1.2`).
public struct ProtocolVersion: RawRepresentable, Hashable, Sendable {
    /// `major << 16 | minor`.
    public let rawValue: UInt32

    /// Takes any number, also that of a version nobody has defined.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Windows 8 and Server 2012: per-channel event flags. The lowest version served.
    public static let v2_4 = ProtocolVersion(rawValue: 0x0002_0004)
    /// Windows 8.1 and Server 2012 R2: `target_vp` of INITIATE_CONTACT is honoured.
    public static let v3_0 = ProtocolVersion(rawValue: 0x0003_0000)
    /// Windows 10: reserved channels and TL_CONNECT.
    public static let v4_0 = ProtocolVersion(rawValue: 0x0004_0000)
    /// Windows 10 RS3: MODIFYCHANNEL and TL_CONNECT_RESULT.
    public static let v4_1 = ProtocolVersion(rawValue: 0x0004_0001)
    /// Windows 10 RS3 and later: the message connection id in VERSION_RESPONSE.
    public static let v5_0 = ProtocolVersion(rawValue: 0x0005_0000)
    /// Windows 10 RS4: the VTL in INITIATE_CONTACT.
    public static let v5_1 = ProtocolVersion(rawValue: 0x0005_0001)
    /// Windows 10 RS5 and Server 2019: the silo id in TL_CONNECT.
    public static let v5_2 = ProtocolVersion(rawValue: 0x0005_0002)
    /// Server 2022: MODIFYCHANNEL_RESPONSE. The highest version served.
    public static let v5_3 = ProtocolVersion(rawValue: 0x0005_0003)

    /// The versions that this host can speak, lowest first. 6.0 (feature flags) is answered "unsupported".
    public static let served: [ProtocolVersion] = [.v2_4, .v3_0, .v4_0, .v4_1, .v5_0, .v5_1, .v5_2, .v5_3]
}

extension ProtocolVersion: Comparable {
    /// Orders by age.
    public static func < (left: ProtocolVersion, right: ProtocolVersion) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension ProtocolVersion: LosslessStringConvertible {
    /// Reads `major.minor`, for example `5.3`.
    public init?(_ description: String) {
        let parts = description.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let major = UInt16(parts[0]), let minor = UInt16(parts[1]) else { return nil }
        self.init(rawValue: UInt32(major) << 16 | UInt32(minor))
    }

    /// `major.minor`.
    public var description: String {
        "\(rawValue >> 16).\(rawValue & 0xffff)"
    }
}
