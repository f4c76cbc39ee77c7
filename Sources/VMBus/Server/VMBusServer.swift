/// The host's side of one guest's VMBus connection: a pure state machine.
///
/// Control messages of the guest, and what its owner (the devices behind the channels) does, go in; actions come out,
/// to be carried out in their order. It reads no clock, does no input or output, and holds memory only within its
/// limits. An owner answers each `open` with `channelOpened` and each `close` with `channelClosed`, from within
/// handling the action or later; what follows from such an answer is carried out after the rest of the list.
///
/// Whatever a guest sends is answered or reported as `VMBusAction.protocolError`: it ends nothing but the message.
public struct VMBusServer: Sendable {
    /// What a server is made with.
    public struct Configuration: Hashable, Sendable {
        /// The highest version to accept, so that a guest's older ways can be tried.
        public var maximumVersion = ProtocolVersion.v5_3
        /// Where the guest shall post messages from 5.0; carriers other than a hypervisor do not care.
        public var messageConnectionID: UInt32 = 4
        /// What a guest may use up.
        public var limits = Limits()

        /// The default configuration.
        public init() {}
    }

    /// What a guest may use up.
    public struct Limits: Hashable, Sendable {
        /// Channels, counting those whose release the guest still owes; at most 2047.
        public var maximumChannels = RelidPool.maximum
        /// GPADLs.
        public var maximumGPADLs = 16_384
        /// GPADLs begun and not finished.
        public var maximumGPADLsInProgress = 64
        /// Pages of one GPADL; its 16-bit length allows no more than 8190.
        public var maximumPagesPerGPADL = 8190
        /// Pages of all GPADLs together: by default 16 GiB of guest memory.
        public var maximumTotalPages = 4 << 20

        /// The default limits.
        public init() {}
    }

    /// A channel, for those who look at a running server.
    public struct ChannelSummary: Hashable, Sendable {
        /// What identifies the channel.
        public let key: OfferKey
        /// Its number, if the guest knows the channel.
        public let relid: UInt32?
        /// Where it stands.
        public let state: ChannelState
    }

    /// What the server was made with.
    public let configuration: Configuration

    /// Where the connection stands.
    public internal(set) var connection = ConnectionState.disconnected

    /// Pages described by all GPADLs together.
    public internal(set) var describedPages = 0

    /// In the order of their keys.
    var channels: [Channel] = []
    var relids = RelidPool()
    /// By id. Never iterated without sorting: the order of a dictionary differs between processes.
    var gpadls: [UInt32: GPADL] = [:]
    /// By id, of the GPADLs in progress.
    var assemblies: [UInt32: GPADLAssembly] = [:]

    /// A server without offers and connection.
    public init(configuration: Configuration = Configuration()) {
        precondition((1...RelidPool.maximum).contains(configuration.limits.maximumChannels))
        self.configuration = configuration
    }

    /// The channels in the order of their keys.
    public var channelSummaries: [ChannelSummary] {
        channels.map { ChannelSummary(key: $0.offer.key, relid: $0.relid, state: $0.state) }
    }

    /// The number of GPADLs, unfinished ones included.
    public var gpadlCount: Int { gpadls.count }

    /// Takes a control message as it arrived from the guest.
    public mutating func receive(_ message: RawSpan, into actions: inout [VMBusAction]) {
        do throws(ControlMessageError) {
            receive(try GuestMessage(decoding: message), into: &actions)
        } catch {
            actions.append(.protocolError(.undecodable(error)))
        }
    }

    /// Takes a decoded control message of the guest.
    public mutating func receive(_ message: GuestMessage, into actions: inout [VMBusAction]) {
        switch message {
        case .initiateContact(let contact): return initiateContact(contact, &actions)
        case .unload: return unload(&actions)
        default: break
        }
        guard case .connected(let agreed) = connection else {
            return actions.append(.protocolError(.notConnected(message.type)))
        }
        guard let since = message.type.since, since <= agreed.version else {
            return actions.append(.protocolError(.notInVersion(message.type, agreed.version)))
        }
        switch message {
        case .initiateContact, .unload: break
        case .requestOffers: requestOffers(agreed, &actions)
        case .openChannel(let request): openChannel(request, &actions)
        case .closeChannel(let relid): channelEvent(.closeRequested, relid: relid, by: message.type, &actions)
        case .modifyChannel(let request): modifyChannel(request, &actions)
        case .relidReleased(let relid): channelEvent(.relidReleased, relid: relid, by: message.type, &actions)
        case .gpadlHeader(let header): beginGPADL(header, &actions)
        case .gpadlBody(let body): continueGPADL(body, &actions)
        case .gpadlTeardown(let request): tearDownGPADL(request, &actions)
        case .tlConnectRequest(let request): refuseConnection(request, agreed, &actions)
        }
    }

    /// The device of a channel answers `VMBusAction.open`.
    ///
    /// An answer that nobody waits for any more, because the channel was rescinded, has no effect.
    public mutating func channelOpened(relid: UInt32, success: Bool, into actions: inout [VMBusAction]) {
        deviceEvent(success ? .openSucceeded : .openFailed, relid: relid, &actions)
    }

    /// The device of a channel answers `VMBusAction.close`: it touches the ring no more.
    ///
    /// An answer that nobody waits for any more, because the channel was rescinded, has no effect.
    public mutating func channelClosed(relid: UInt32, into actions: inout [VMBusAction]) {
        deviceEvent(.closeCompleted, relid: relid, &actions)
    }

    /// The guest's end of the carrier is gone: as if it had let go of everything.
    ///
    /// After the last `channelClosed`, `VMBusAction.reset` follows.
    public mutating func disconnect(into actions: inout [VMBusAction]) {
        switch connection {
        case .disconnected: break
        case .connected: beginDisconnect(next: .nothing, &actions)
        case .disconnecting: connection = .disconnecting(next: .nothing)
        }
    }
}
