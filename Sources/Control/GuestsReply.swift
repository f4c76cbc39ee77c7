/// The answer to `guests` (docs/control.md 4).
public struct GuestsReply: Codable, Hashable, Sendable {
    /// In the order in which they connected.
    public var guests: [GuestReport]

    public init(guests: [GuestReport]) { self.guests = guests }
}
