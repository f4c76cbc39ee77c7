import Linux
import Testing
import VMBus

@testable import Configuration

/// Who a connection is.
@Suite struct AdmissionTests {
    private static let settings: Settings = {
        var settings = Settings()
        let guests = ["plain", "secret", "bound", "numbered", "sole"]
        settings.guests = guests.map { NamedGuest(name: $0) }
        settings.guests[1].token = Secret(Array("0123456789".utf8))
        settings.guests[2].endpoint = .unix(path: "/b")
        settings.guests[3].id = id
        settings.listeners = ["/a", "/b", "/c", "/d"].map { ListenerSettings(endpoint: .unix(path: $0)) }
        settings.listeners[1].users = [7]
        settings.listeners[1].guests = ["bound", "plain"]
        settings.listeners[2].guests = ["sole"]
        settings.listeners[3].token = Secret(Array("abcdefghij".utf8))
        settings.listeners.append(ListenerSettings(endpoint: .vsock(cid: .max, port: 5)))
        settings.listeners.append(ListenerSettings(endpoint: .vsock(cid: .max, port: 6)))
        settings.listeners[5].allowsLoopback = true
        return settings
    }()

    private static let id = GUID(1, 2, 3, 4)
    private static let other = GUID(5, 6, 7, 8)
    private static let user = PeerIdentity.process(id: 100, user: 7, group: 7)
    private static let stranger = PeerIdentity.process(id: 100, user: 8, group: 7)

    /// `=name`, `unnamed`, or the reason of the refusal.
    private static func verdict(
        _ listener: Int, peer: PeerIdentity = user, id: GUID = .zero, name: String = "", token: String = ""
    ) -> String {
        let claim = GuestClaim(peer: peer, id: id, name: name, token: Array(token.utf8))
        return switch settings.admission(of: claim, by: listener) {
        case .named(let guest): "=\(guest.name)"
        case .unnamed: "unnamed"
        case .refused(let reason): reason
        }
    }

    @Test func openListener() {
        #expect(Self.verdict(0) == "unnamed")
        #expect(Self.verdict(0, name: "nobody", token: "unknown token") == "unnamed")
        #expect(Self.verdict(0, name: "plain") == "=plain")
        #expect(Self.verdict(0, id: Self.other, name: "plain") == "=plain")
        #expect(Self.verdict(0, id: Self.id) == "=numbered")
        #expect(Self.verdict(0, name: "bound") == "guest 'bound' does not come by unix:/a")
    }

    @Test func tokensDecideFirst() {
        #expect(Self.verdict(0, token: "0123456789") == "=secret")
        #expect(Self.verdict(0, name: "plain", token: "0123456789") == "=secret")
        #expect(Self.verdict(0, name: "secret") == "guest 'secret' has a token, and this is not it")
        #expect(Self.verdict(0, name: "secret", token: "012345678") == "guest 'secret' has a token, and this is not it")
        #expect(
            Self.verdict(0, name: "secret", token: "0123456780") == "guest 'secret' has a token, and this is not it")
    }

    @Test func idsMustAgree() {
        #expect(
            Self.verdict(0, id: Self.other, name: "numbered")
                == "guest 'numbered' has the id \(Self.id), not \(Self.other)")
        #expect(Self.verdict(0, name: "numbered") == "=numbered")
    }

    @Test func listenerForSomeGuests() {
        #expect(Self.verdict(1, name: "bound") == "=bound")
        #expect(Self.verdict(1, name: "plain") == "=plain")
        #expect(Self.verdict(1) == "none of the guests of unix:/b has this token, id or name")
        #expect(Self.verdict(1, name: "numbered") == "guest 'numbered' does not come by unix:/b")
        #expect(Self.verdict(1, peer: Self.stranger, name: "bound") == "user 8 is not among the listener's users")
    }

    @Test func listenerForOneGuest() {
        #expect(Self.verdict(2) == "=sole")
        #expect(Self.verdict(2, id: Self.other, name: "whoever") == "=sole")
        #expect(Self.verdict(2, id: Self.id) == "guest 'numbered' does not come by unix:/c")
    }

    @Test func listenerWithToken() {
        #expect(Self.verdict(3, token: "abcdefghij") == "unnamed")
        #expect(Self.verdict(3, name: "plain", token: "abcdefghij") == "=plain")
        #expect(Self.verdict(3, token: "0123456789") == "=secret")
        #expect(Self.verdict(3, name: "plain") == "the listener unix:/d asks for a token, and this is not it")
    }

    @Test func loopback() {
        for cid in 0...2 as ClosedRange<UInt32> {
            let peer = PeerIdentity.vsock(cid: cid, port: 9)
            #expect(Self.verdict(4, peer: peer) == "context id \(cid) is no virtual machine's")
            #expect(Self.verdict(5, peer: peer) == "unnamed")
        }
        #expect(Self.verdict(4, peer: .vsock(cid: 3, port: 9)) == "unnamed")
    }
}
