/// The kinds of frames (docs/protocol/carrier.md, Types).
public enum FrameType: UInt16, CaseIterable, Hashable, Sendable, CustomStringConvertible {
    case hello = 1
    case welcome = 2
    case refused = 3
    case message = 4
    case packet = 5
    case doorbell = 6
    case configurationRead = 7
    case configurationValue = 8
    case configurationWrite = 9
    case memoryRead = 10
    case memoryData = 11
    case memoryWrite = 12
    case memoryDone = 13
    case ioRead = 14
    case ioData = 15
    case ioWrite = 16
    case ioDone = 17
    case ioWatch = 18
    case ioChanged = 19
    case shareMemory = 20
    case ioSpace = 21
    case channelEvents = 22
    case ping = 23
    case pong = 24

    /// The name in the protocol's page.
    public var description: String {
        switch self {
        case .hello: "HELLO"
        case .welcome: "WELCOME"
        case .refused: "REFUSED"
        case .message: "MESSAGE"
        case .packet: "PACKET"
        case .doorbell: "DOORBELL"
        case .configurationRead: "CONFIG_READ"
        case .configurationValue: "CONFIG_VALUE"
        case .configurationWrite: "CONFIG_WRITE"
        case .memoryRead: "MEMORY_READ"
        case .memoryData: "MEMORY_DATA"
        case .memoryWrite: "MEMORY_WRITE"
        case .memoryDone: "MEMORY_DONE"
        case .ioRead: "IO_READ"
        case .ioData: "IO_DATA"
        case .ioWrite: "IO_WRITE"
        case .ioDone: "IO_DONE"
        case .ioWatch: "IO_WATCH"
        case .ioChanged: "IO_CHANGED"
        case .shareMemory: "SHARE_MEMORY"
        case .ioSpace: "IO_SPACE"
        case .channelEvents: "CHANNEL_EVENTS"
        case .ping: "PING"
        case .pong: "PONG"
        }
    }

    /// Whether a guest sends it.
    public var isFromGuest: Bool {
        switch self {
        case .welcome, .refused, .configurationValue, .memoryRead, .memoryWrite, .ioData, .ioDone, .ioChanged, .ioSpace:
            false
        default: true
        }
    }

    /// Whether a host sends it.
    public var isFromHost: Bool {
        switch self {
        case .message, .packet, .doorbell, .ping, .pong: true
        default: !isFromGuest
        }
    }

    /// Whether the header names a channel.
    public var hasRelid: Bool {
        switch self {
        case .packet, .doorbell, .channelEvents: true
        default: false
        }
    }

    /// Whether the header's tag pairs a question with its answer.
    public var hasTag: Bool {
        switch self {
        case .configurationRead, .configurationValue, .configurationWrite, .memoryRead, .memoryData, .memoryWrite,
            .memoryDone, .ioRead, .ioData, .ioWrite, .ioDone, .ping, .pong:
            true
        default: false
        }
    }

    /// The fewest payload bytes: the fixed fields.
    public var minimumPayloadBytes: Int {
        switch self {
        case .hello: 36
        case .welcome: 48
        case .memoryRead, .memoryWrite, .ioRead, .ioWrite, .ioWatch, .packet: 16
        case .configurationWrite: 12
        case .refused, .message, .configurationRead, .memoryData, .ioData, .ioChanged, .shareMemory, .ioSpace: 8
        case .configurationValue, .memoryDone, .ioDone: 4
        case .doorbell, .channelEvents, .ping, .pong: 0
        }
    }

    /// The most payload bytes.
    public var maximumPayloadBytes: Int {
        switch self {
        case .message: 240
        default: FrameHeader.maximumPayloadBytes
        }
    }
}
