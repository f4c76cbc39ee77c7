public import Linux
public import VMBus

/// One guest's connection, whatever carries it. All calls are made on the loop's thread; sending has no effect unless
/// the guest is there to receive.
public protocol GuestCarrier: AnyObject {
    /// What the kernel says about the other end.
    var peer: PeerIdentity { get }

    /// Who hears of the guest. It may change at any time, as when an admitted guest gets an owner of its own.
    var delegate: (any GuestCarrierDelegate)? { get set }

    /// Memory for the guest's IO space, where this carrier needs it to be. Called once, while the guest is admitted.
    /// `name` is for humans, `bytes` a multiple of 4096.
    func makeIOSpace(name: String, bytes: UInt64) throws(SystemError) -> IOSpaceMemory

    /// Sends a VMBus control message of 8 to 240 bytes.
    func send(controlMessage: [UInt8])

    /// Sends a VMBus packet of 16 bytes or more, a multiple of 8, on an open channel.
    func send(packet: [UInt8], relid: UInt32)

    /// Opens a channel both ways: in rings, or in packets of the carrier's own where the guest names none.
    func openChannel(relid: UInt32, rings: ChannelRings?) throws(ChannelRefusal)

    /// Touches a channel and its rings no more.
    func closeChannel(relid: UInt32)

    /// The configuration space of some function is not what it was, or a function has come or gone.
    func functionsChanged()

    /// Tells the guest of changed bytes of the IO space, if it cannot see them.
    func ioChanged(offset: UInt64, bytes: [UInt8])

    /// Reads guest memory. The completion is called once, at once where the guest shares its memory. Errors: EFAULT for
    /// an address that is not the guest's, ENOBUFS when too many requests wait, ENOTCONN when the guest is gone, and
    /// what the guest answers.
    func readGuestMemory(
        address: UInt64, length: Int, completion: @escaping (Result<[UInt8], SystemError>) -> Void)

    /// Writes guest memory. As for reading.
    func writeGuestMemory(
        address: UInt64, bytes: [UInt8], completion: @escaping (Result<Void, SystemError>) -> Void)

    /// Handles no more of the guest's messages and packets for a while. A later hold replaces an earlier one.
    func holdReading(forNanoseconds nanoseconds: UInt64)

    /// Ends the connection and tells the guest why, as far as it can be told.
    func refuse(_ code: RefusalCode, _ text: String)
}

/// Where a guest has the rings of a channel (docs/protocol/vmbus.md 1.7).
public struct ChannelRings: Hashable, Sendable {
    /// The page numbers of both rings, the one from guest to host first.
    public var pages: [UInt64]
    /// The place in `pages` at which the ring from host to guest begins: at least 2, and at least 2 before their end.
    public var downstreamPageOffset: Int

    public init(pages: [UInt64], downstreamPageOffset: Int) {
        self.pages = pages
        self.downstreamPageOffset = downstreamPageOffset
    }
}

/// Why a channel does not open.
public enum ChannelRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// Rings on a carrier that has granted none.
    case ringsNotGranted
    /// No rings on a carrier that has nothing else.
    case ringsNeeded
    /// The rings are not in memory that both sides have, or in no order in which they could be used.
    case ringsOutOfReach
    /// The rings hold nonsense already.
    case badRings(RingViolation)

    public var description: String {
        switch self {
        case .ringsNotGranted: "it asks for rings, which were not granted"
        case .ringsNeeded: "it asks for no rings, and there is nothing else"
        case .ringsOutOfReach: "its rings do not lie in the ring area, page after page"
        case .badRings(let violation): "its rings make no sense: \(violation)"
        }
    }
}
