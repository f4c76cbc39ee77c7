/// What is wrong with what the other side sent. Ends the connection with REFUSED; the text goes to the guest and to the
/// log (docs/protocol/carrier.md, Frame).
public enum CarrierViolation: Error, Hashable, Sendable, CustomStringConvertible {
    /// A type that version 1 does not have.
    case unknownType(UInt16)
    /// More payload than the protocol, the type or the connection's state allows.
    case payloadTooLong(FrameType, bytes: UInt32, limit: Int)
    /// Less payload than the type's fields, or than a count in it, need.
    case payloadTooShort(FrameType, bytes: Int, needed: UInt64)
    /// A field with a value that it cannot have.
    case badValue(FrameType, field: String, value: UInt64)
    /// A text that is not UTF-8.
    case badText(FrameType, field: String)
    /// A length that differs from that of the bytes that follow, or that were asked for.
    case wrongLength(FrameType, bytes: Int, expected: UInt64)
    /// A frame that only the other side sends.
    case wrongDirection(FrameType)
    /// Anything but HELLO first.
    case notAdmitted(FrameType)
    /// A second HELLO.
    case alreadyAdmitted
    /// A frame of a feature that was not granted.
    case featureNotGranted(FrameType, CarrierFeatures)
    /// A HELLO of another major version.
    case version(major: UInt16, minor: UInt16)
    /// No complete HELLO in time.
    case helloTimeout(milliseconds: UInt64)
    /// An answer to nothing that was asked.
    case unknownTag(FrameType, tag: UInt32)
    /// Another number of descriptors than the frame needs.
    case descriptorCount(FrameType, count: Int, expected: Int)
    /// Descriptors with a frame that takes none.
    case unexpectedDescriptors(count: Int)
    /// A memory region that cannot be used.
    case region(index: Int, String)
    /// More regions or watched ranges than a guest may have.
    case limit(String, limit: Int)
    /// More connections wait to be admitted than the listener holds.
    case tooManyHalfOpen(limit: Int)

    /// The code for REFUSED.
    public var code: RefusalCode {
        switch self {
        case .version: .version
        case .limit, .tooManyHalfOpen: .resourceLimit
        default: .protocolError
        }
    }

    public var description: String {
        switch self {
        case .unknownType(let number):
            "unknown frame type \(number)"
        case .payloadTooLong(let type, let bytes, let limit):
            "\(type) with \(bytes) payload bytes; at most \(limit) are allowed"
        case .payloadTooShort(let type, let bytes, let needed):
            "\(type) with \(bytes) payload bytes; it needs \(needed)"
        case .badValue(let type, let field, let value):
            "\(type) with \(field) \(value) (0x\(String(value, radix: 16)))"
        case .badText(let type, let field):
            "\(type) whose \(field) is not UTF-8"
        case .wrongLength(let type, let bytes, let expected):
            "\(type) with \(bytes) bytes of data; \(expected) were announced or asked for"
        case .wrongDirection(let type):
            "\(type) is sent by the other side only"
        case .notAdmitted(let type):
            "\(type) before HELLO"
        case .alreadyAdmitted:
            "a second HELLO"
        case .featureNotGranted(let type, let feature):
            "\(type) needs the feature '\(feature)', which was not granted"
        case .version(let major, let minor):
            "version \(major).\(minor) is not supported; this side speaks \(Hello.majorVersion).\(Hello.minorVersion)"
        case .helloTimeout(let milliseconds):
            "no complete HELLO within \(milliseconds) ms"
        case .unknownTag(let type, let tag):
            "\(type) with tag \(tag), which answers nothing that was asked"
        case .descriptorCount(let type, let count, let expected):
            "\(type) with \(count) descriptors; it needs \(expected)"
        case .unexpectedDescriptors(let count):
            "\(count) descriptors with frames that take none"
        case .region(let index, let problem):
            "SHARE_MEMORY region \(index): \(problem)"
        case .limit(let what, let limit):
            "more than \(limit) \(what)"
        case .tooManyHalfOpen(let limit):
            "\(limit) other connections are waiting to be admitted"
        }
    }
}

/// Why a connection is refused, as REFUSED says it (docs/protocol/carrier.md, Order).
public struct RefusalCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let protocolError = RefusalCode(rawValue: 1)
    public static let version = RefusalCode(rawValue: 2)
    public static let notAuthorised = RefusalCode(rawValue: 3)
    public static let guestLimit = RefusalCode(rawValue: 4)
    public static let shuttingDown = RefusalCode(rawValue: 5)
    public static let resourceLimit = RefusalCode(rawValue: 6)
    public static let guestAlreadyConnected = RefusalCode(rawValue: 7)
}
