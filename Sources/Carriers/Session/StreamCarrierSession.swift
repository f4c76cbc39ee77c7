/// What is legal when on one stream carrier: the connection's state without its input and output
/// (docs/protocol/carrier.md, Order).
public struct StreamCarrierSession: Sendable {
    /// How far a connection got.
    public enum State: Hashable, Sendable {
        /// Nothing but HELLO is legal.
        case awaitingHello
        /// WELCOME was sent.
        case admitted
        /// The end is on its way; nothing more is looked at.
        case closing
    }

    /// How far the connection got.
    public private(set) var state = State.awaitingHello
    /// What the guest may use; empty before it is admitted.
    public private(set) var grantedFeatures: CarrierFeatures = []
    private var ioSpaceBytes: UInt64 = 0
    private var watched = WatchedRanges()
    private let limits: CarrierLimits
    private let carriesDescriptors: Bool

    /// The features that this version has.
    public static let supportedFeatures: CarrierFeatures = [.sharedMemory, .sharedIOSpace]

    /// A connection that has just been made. `carriesDescriptors` tells whether descriptors reach the guest itself, and
    /// not just the monitor in front of it.
    public init(limits: CarrierLimits = CarrierLimits(), carriesDescriptors: Bool) {
        self.limits = limits
        self.carriesDescriptors = carriesDescriptors
    }

    /// Refuses a frame that is not legal now. Its payload is not needed for that.
    public func check(_ header: FrameHeader) throws(CarrierViolation) {
        let type = header.type
        guard type.isFromGuest else { throw .wrongDirection(type) }
        switch state {
        case .awaitingHello:
            guard type == .hello else { throw .notAdmitted(type) }
            let limit = limits.helloBytes - FrameHeader.bytes
            guard header.payloadBytes <= limit else {
                throw .payloadTooLong(.hello, bytes: UInt32(header.payloadBytes), limit: limit)
            }
        case .admitted:
            guard type != .hello else { throw .alreadyAdmitted }
            if let feature = Self.featureNeeded(by: type), !grantedFeatures.contains(feature) {
                throw .featureNotGranted(type, feature)
            }
        case .closing:
            break
        }
    }

    /// The feature that makes a frame legal, if it needs one.
    private static func featureNeeded(by type: FrameType) -> CarrierFeatures? {
        switch type {
        case .shareMemory: .sharedMemory
        case .doorbell: .rings
        case .channelEvents: .ringEvents
        default: nil
        }
    }

    /// What can be granted of what the guest wants and the host offers.
    public func negotiate(wanted: CarrierFeatures, offered: CarrierFeatures) -> CarrierFeatures {
        let possible = wanted.intersection(offered).intersection(Self.supportedFeatures)
        return carriesDescriptors ? possible : possible.subtracting(.needingDescriptors)
    }

    /// The host accepted the HELLO.
    public mutating func admit(granted: CarrierFeatures, ioSpaceBytes: UInt64) {
        state = .admitted
        grantedFeatures = granted
        self.ioSpaceBytes = ioSpaceBytes
    }

    /// Nothing more is accepted.
    public mutating func close() {
        state = .closing
    }

    /// Checks the descriptors that are left when all complete frames were handled: they can only belong to a frame that
    /// has begun and takes some.
    public func checkWaitingDescriptors(_ count: Int, partialBytes: Int, partial: FrameHeader?) throws(CarrierViolation)
    {
        guard count > 0 else { return }
        let mayFollow = partial.map { $0.type == .shareMemory } ?? (state == .admitted)
        guard carriesDescriptors, partialBytes > 0, mayFollow, grantedFeatures.contains(.sharedMemory) else {
            throw .unexpectedDescriptors(count: count)
        }
        guard count <= limits.memoryRegions else { throw .limit("memory regions", limit: limits.memoryRegions) }
    }

    /// Takes IO_WATCH.
    public mutating func watch(_ range: ByteRange, isOn: Bool) throws(CarrierViolation) {
        let end = range.start + UInt64(range.length)
        guard end <= ioSpaceBytes else { throw .badValue(.ioWatch, field: "end", value: end) }
        if isOn { watched.insert(range.start..<end) } else { watched.remove(range.start..<end) }
        guard watched.ranges.count <= limits.watchedRanges else {
            throw .limit("watched ranges", limit: limits.watchedRanges)
        }
    }

    /// Calls `body` with each part of a changed range that the guest watches.
    public func forEachWatchedPart(of range: Range<UInt64>, _ body: (Range<UInt64>) -> Void) {
        watched.forEachPart(of: range, body)
    }
}
