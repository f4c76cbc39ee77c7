extension VMBusServer {
    /// A device offers a channel: to the guest's next REQUESTOFFERS, or at once if that has been.
    ///
    /// A channel that was rescinded and is offered again waits for the guest to release the old relid.
    public mutating func offer(_ offer: ChannelOffer, into actions: inout [VMBusAction]) throws(OfferError) {
        guard offer.key.interfaceType != .dxgGlobalChannel || offer.mmioMegabytes > 0 else { throw .missingIOSpace }
        let position = channels.firstIndex { offer.key <= $0.offer.key } ?? channels.count
        if position < channels.count, channels[position].offer.key == offer.key {
            guard channels[position].state == .revoked else { throw .duplicate(offer.key) }
            channels[position].offer = offer
            return apply(.deviceReturned, at: position, by: nil, &actions)
        }
        let limit = configuration.limits.maximumChannels
        guard channels.count < limit else { throw .tooManyChannels(limit: limit) }
        channels.insert(Channel(offer), at: position)
        if case .connected(let agreed) = connection, agreed.offersRequested {
            announce(at: position, &actions)
        }
    }

    /// A device goes away. It has let go of the channel when it calls this: what it was asked to do needs no answer.
    ///
    /// Rescinding what is not offered has no effect.
    public mutating func rescind(_ key: OfferKey, into actions: inout [VMBusAction]) {
        guard let index = channels.firstIndex(where: { $0.offer.key == key }) else { return }
        apply(.rescinded, at: index, by: nil, &actions)
        finishDisconnectIfIdle(&actions)
    }

    /// Tells the guest of all channels, once per connection.
    mutating func requestOffers(_ agreed: ConnectionState.Connection, _ actions: inout [VMBusAction]) {
        guard !agreed.offersRequested else { return actions.append(.protocolError(.offersAlreadyRequested)) }
        var requested = agreed
        requested.offersRequested = true
        connection = .connected(requested)
        for index in channels.indices {
            announce(at: index, &actions)
        }
        actions.append(.send(.allOffersDelivered))
    }

    /// Gives a channel that the guest does not know a relid, and offers it.
    mutating func announce(at index: Int, _ actions: inout [VMBusAction]) {
        guard channels[index].state == .clientReleased, let relid = relids.take() else { return }
        channels[index].relid = relid
        apply(.announced, at: index, by: nil, &actions)
    }
}
