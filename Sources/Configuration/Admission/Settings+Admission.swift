import Linux
import VMBus

extension Settings {
    /// Decides who a connection is.
    ///
    /// A guest is known by its token, else by its id, else by its name, among those that may come by this listener. One
    /// that has a token is never known by anything else. Where a listener is for one guest alone, whoever comes is that
    /// guest. Others are unnamed guests where the listener is for any.
    ///
    /// - Parameter listener: index into ``listeners``.
    public func admission(of claim: GuestClaim, by listener: Int) -> GuestAdmission {
        let listener = listeners[listener]
        if let reason = listener.refusal(of: claim.peer) { return .refused(reason) }
        let candidates = guests.filter { guest in
            (listener.guests?.contains(guest.name) ?? true)
                && (guest.endpoint ?? listener.endpoint) == listener.endpoint
        }
        if let guest = candidates.first(where: { $0.token?.matches(claim.token) == true }) {
            return Self.admission(of: claim, as: guest)
        }
        if let token = listener.token, !token.matches(claim.token) {
            return .refused("the listener \(listener.endpoint) asks for a token, and this is not it")
        }
        if let guest = candidates.first(where: { $0.isNamed(by: claim) }) {
            guard guest.token == nil else { return .refused("guest '\(guest.name)' has a token, and this is not it") }
            return Self.admission(of: claim, as: guest)
        }
        if let guest = guests.first(where: { $0.isNamed(by: claim) }) {
            return .refused("guest '\(guest.name)' does not come by \(listener.endpoint)")
        }
        guard listener.guests != nil else { return .unnamed(guest) }
        if candidates.count == 1, candidates[0].token == nil, listener.guests?.count == 1 {
            return Self.admission(of: claim, as: candidates[0])
        }
        return .refused("none of the guests of \(listener.endpoint) has this token, id or name")
    }

    private static func admission(of claim: GuestClaim, as guest: NamedGuest) -> GuestAdmission {
        if let id = guest.id, claim.id != .zero, claim.id != id {
            return .refused("guest '\(guest.name)' has the id \(id), not \(claim.id)")
        }
        return .named(guest)
    }
}

extension NamedGuest {
    /// Whether the claim, true or not, is to be this guest.
    fileprivate func isNamed(by claim: GuestClaim) -> Bool {
        (claim.id != .zero && claim.id == id) || claim.name == name
    }
}
