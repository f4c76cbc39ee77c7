internal import Glibc
public import Linux
public import VMBus

/// What a guest gets that is let in.
public struct Admission: Sendable {
    /// The guest's id: the one that it asked for, or a new one.
    public var guestID: GUID
    /// The size of its IO space in bytes.
    public var ioSpaceBytes: UInt64
    /// How many PCI functions it has.
    public var functionCount: UInt32
    /// What the host can do for it. Granted is what the guest wants too and the connection allows.
    public var features: CarrierFeatures
    /// The IO space's memory file, borrowed during the call. Without it the IO space cannot be shared.
    public var ioSpaceDescriptor: Int32?

    public init(
        guestID: GUID, ioSpaceBytes: UInt64, functionCount: UInt32, features: CarrierFeatures = [],
        ioSpaceDescriptor: Int32? = nil
    ) {
        self.guestID = guestID
        self.ioSpaceBytes = ioSpaceBytes
        self.functionCount = functionCount
        self.features = features
        self.ioSpaceDescriptor = ioSpaceDescriptor
    }
}

/// The host's answer to a HELLO.
public enum AdmissionDecision: Sendable {
    case admit(Admission)
    case refuse(RefusalCode, String)
}

/// Why a carrier ended.
public enum CarrierCloseReason: Hashable, Sendable, CustomStringConvertible {
    /// The guest closed the connection: its virtual machine was switched off.
    case guestLeft
    /// The guest broke the protocol; it was told so.
    case violation(CarrierViolation)
    /// The host refused the guest; it was told so.
    case refused(RefusalCode, String)
    /// The connection broke.
    case failed(SystemError)
    /// The guest read too slowly: more than the limit was waiting for it.
    case overflow(pendingBytes: Int, limit: Int)
    /// The control ring of a guest with shared memory makes no sense.
    case brokenControlRing(String)
    /// Bytes from a monitor that has nothing to say.
    case unexpectedBytes(Int)
    /// The host closed.
    case closedByHost

    public var description: String {
        switch self {
        case .guestLeft: "the guest closed the connection"
        case .violation(let violation): "protocol violation: \(violation)"
        case .refused(let code, let text): "refused with code \(code.rawValue): \(text)"
        case .failed(let error): "\(error)"
        case .overflow(let pending, let limit): "the guest left \(pending) bytes unread; the limit is \(limit)"
        case .brokenControlRing(let reason): "the control ring is broken: \(reason)"
        case .unexpectedBytes(let count): "\(count) bytes from the monitor, which has nothing to send"
        case .closedByHost: "closed by the host"
        }
    }
}

/// The host's side of a carrier. All calls come on the loop's thread, in the order in which the guest's frames came.
/// Any of them may call any function of the carrier.
public protocol GuestCarrierDelegate: AnyObject {
    /// A guest wants in. Whoever admits it keeps the carrier until it is closed.
    func carrier(_ carrier: any GuestCarrier, admit hello: Hello, peer: PeerIdentity) -> AdmissionDecision

    /// A VMBus control message of 8 to 240 bytes. The bytes are the receive buffer.
    func carrier(_ carrier: any GuestCarrier, controlMessage: RawSpan)

    /// A VMBus packet of 16 bytes or more, a multiple of 8. The bytes are the receive buffer.
    func carrier(_ carrier: any GuestCarrier, packet: RawSpan, relid: UInt32)

    /// The guest reads a PCI function's configuration; the function may not exist.
    func carrier(_ carrier: any GuestCarrier, readConfiguration address: ConfigurationAddress) -> UInt32

    /// The guest writes a PCI function's configuration; the function may not exist.
    func carrier(_ carrier: any GuestCarrier, writeConfiguration address: ConfigurationAddress, value: UInt32)

    /// The guest shares (more of) its memory. The regions are checked, and none lies over another or over earlier ones.
    func carrier(_ carrier: any GuestCarrier, sharedMemory regions: [SharedRegion])

    /// A driver begins on a carrier over which a guest cannot share its memory itself: the RAM of its machine; nil if
    /// the host was told of none. An error keeps the driver out.
    func carrierNeedsRAM(_ carrier: any GuestCarrier) throws(SystemError) -> GuestRAM?

    /// The guest reads the IO space: exactly `length` bytes, or an error for a range outside of it. The range's end
    /// does not overflow and the length fits a frame.
    func carrier(
        _ carrier: any GuestCarrier, readIOSpace offset: UInt64, length: UInt32
    ) throws(SystemError) -> [UInt8]

    /// The guest writes the IO space.
    func carrier(_ carrier: any GuestCarrier, writeIOSpace offset: UInt64, bytes: RawSpan) throws(SystemError)

    /// What a channel's rings hold makes no sense. Nothing more comes from them; the channel waits to be closed.
    func carrier(_ carrier: any GuestCarrier, channelBroken relid: UInt32, reason: String)

    /// The guest's machine or its driver begins anew without having said goodbye: as if it had been switched off. What
    /// is sent now reaches nobody.
    func carrierRestarted(_ carrier: any GuestCarrier)

    /// The guest did something wrong that has no other consequence: a line for the log.
    func carrier(_ carrier: any GuestCarrier, complains text: String)

    /// The carrier ended: once for every carrier, admitted or not, as the last call.
    func carrier(_ carrier: any GuestCarrier, closed reason: CarrierCloseReason)
}

/// For a delegate that only admits guests and then hands each carrier to another, and for that other, which hears of no
/// HELLO.
extension GuestCarrierDelegate {
    public func carrier(_ carrier: any GuestCarrier, admit hello: Hello, peer: PeerIdentity) -> AdmissionDecision {
        .refuse(.protocolError, "the guest is admitted")
    }

    public func carrier(_ carrier: any GuestCarrier, controlMessage: RawSpan) {}

    public func carrier(_ carrier: any GuestCarrier, packet: RawSpan, relid: UInt32) {}

    public func carrier(_ carrier: any GuestCarrier, readConfiguration address: ConfigurationAddress) -> UInt32 { .max }

    public func carrier(_ carrier: any GuestCarrier, writeConfiguration address: ConfigurationAddress, value: UInt32) {}

    public func carrier(_ carrier: any GuestCarrier, sharedMemory regions: [SharedRegion]) {}

    public func carrierNeedsRAM(_ carrier: any GuestCarrier) throws(SystemError) -> GuestRAM? { nil }

    public func carrier(
        _ carrier: any GuestCarrier, readIOSpace offset: UInt64, length: UInt32
    ) throws(SystemError) -> [UInt8] {
        throw SystemError(code: EFAULT, operation: "reach the IO space")
    }

    public func carrier(_ carrier: any GuestCarrier, writeIOSpace offset: UInt64, bytes: RawSpan) throws(SystemError) {
        throw SystemError(code: EFAULT, operation: "reach the IO space")
    }

    public func carrier(_ carrier: any GuestCarrier, channelBroken relid: UInt32, reason: String) {}

    public func carrierRestarted(_ carrier: any GuestCarrier) {}

    public func carrier(_ carrier: any GuestCarrier, complains text: String) {}
}
