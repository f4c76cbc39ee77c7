/// What can happen to a channel.
enum ChannelEvent: CaseIterable, Hashable, Sendable {
    /// The server tells the guest of the channel.
    case announced
    /// The guest sent OPENCHANNEL with acceptable parameters.
    case openRequested
    /// The guest sent CLOSECHANNEL.
    case closeRequested
    /// The guest sent MODIFYCHANNEL.
    case modifyRequested
    /// The guest sent RELID_RELEASED.
    case relidReleased
    /// The guest is gone or starts anew.
    case clientReleased
    /// The device opened.
    case openSucceeded
    /// The device did not open.
    case openFailed
    /// The device closed.
    case closeCompleted
    /// The device goes away, having let go of the channel.
    case rescinded
    /// The device is back.
    case deviceReturned
}
