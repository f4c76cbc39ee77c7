import Carriers
import Configuration
import Linux
import Logging
import SoftGPU
import VMBus

/// Decides for one listener on the guests that come by it.
final class Doorkeeper: GuestCarrierDelegate {
    /// Its place among the settings' listeners.
    private let listener: Int
    private unowned let server: Server

    init(listener: Int, server: Server) {
        self.listener = listener
        self.server = server
    }

    func carrier(_ carrier: any GuestCarrier, admit hello: Hello, peer: PeerIdentity) -> AdmissionDecision {
        let claim = GuestClaim(peer: peer, id: hello.guestID, name: hello.name, token: hello.token)
        switch server.options.settings.admission(of: claim, by: listener) {
        case .refused(let reason):
            return .refuse(.notAuthorised, reason)
        case .unnamed(let settings):
            return server.admit(hello, as: hello.guestID, name: hello.name, settings, from: carrier, peer: peer)
        case .named(let guest):
            return server.admit(
                hello, as: guest.id ?? hello.guestID, name: guest.name, guest.settings, from: carrier, peer: peer)
        }
    }

    func carrier(_ carrier: any GuestCarrier, closed reason: CarrierCloseReason) {
        server.connectionEnded(carrier)
        server.log.server(.info, "a connection ended before a guest was admitted: \(reason)")
    }
}
