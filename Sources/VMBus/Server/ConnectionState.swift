/// Where the guest's VMBus connection stands (`docs/protocol/vmbus.md 1.6`).
///
/// A contact is accepted or refused at once, so there is no state in which it is being made.
public enum ConnectionState: Hashable, Sendable {
    /// No contact, or the last one was ended.
    case disconnected
    /// A version is agreed.
    case connected(Connection)
    /// The guest let go; devices are still closing channels.
    case disconnecting(next: DisconnectContinuation)

    /// What an agreed connection remembers.
    public struct Connection: Hashable, Sendable {
        /// The agreed version.
        public let version: ProtocolVersion
        /// The virtual processor that receives the host's messages.
        public let targetVP: UInt32
        /// Whether the guest has asked for the offers, which it may do once.
        public internal(set) var offersRequested = false

        init(version: ProtocolVersion, targetVP: UInt32) {
            self.version = version
            self.targetVP = targetVP
        }
    }
}

/// What follows when the last device has let go.
public enum DisconnectContinuation: Hashable, Sendable {
    /// Nothing: the guest's end of the carrier is gone.
    case nothing
    /// The guest unloads VMBus and waits for the answer.
    case answerUnload
    /// The guest asked for a new contact while it had one.
    case contact(InitiateContact)
}
