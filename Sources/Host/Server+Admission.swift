public import Carriers
public import Linux
import Logging

/// A connection before its guest is admitted: nothing but HELLO may come.
extension Server: GuestCarrierDelegate {
    public func carrier(_ carrier: StreamCarrier, admit hello: Hello, peer: PeerIdentity) -> AdmissionDecision {
        admit(hello, from: carrier, peer: peer)
    }

    public func carrier(_ carrier: StreamCarrier, closed reason: CarrierCloseReason) {
        forget(carrier)
        log.server(.info, "a connection ended before a guest was admitted: \(reason)")
    }
}
