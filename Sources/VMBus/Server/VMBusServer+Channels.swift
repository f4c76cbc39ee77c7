extension VMBusServer {
    /// The channel with a relid.
    func channelIndex(relid: UInt32) -> Int? {
        channels.firstIndex { $0.relid == relid }
    }

    /// OPENCHANNEL: parameters that cannot work are refused without asking the device.
    mutating func openChannel(_ request: OpenChannel, _ actions: inout [VMBusAction]) {
        guard let index = channelIndex(relid: request.relid) else {
            return actions.append(.protocolError(.unknownChannel(.openChannel, relid: request.relid)))
        }
        let state = channels[index].state
        if state == .closed || state == .closing {
            do throws(RingError) {
                channels[index].requested = ChannelOpening(
                    key: channels[index].offer.key, relid: request.relid, targetVP: request.targetVP,
                    ring: try ring(of: request), userData: request.userData, openID: request.openID)
            } catch {
                let badRing = VMBusProtocolError.badRing(relid: request.relid, gpadl: request.ringGPADL, error)
                actions.append(.protocolError(badRing))
                return sendOpenResult(.failure, relid: request.relid, openID: request.openID, &actions)
            }
        }
        apply(.openRequested, at: index, by: .openChannel, &actions)
    }

    /// MODIFYCHANNEL: the new target is part of the effect, so it is handed over with it.
    mutating func modifyChannel(_ request: ModifyChannel, _ actions: inout [VMBusAction]) {
        channelEvent(.modifyRequested, relid: request.relid, by: .modifyChannel, targetVP: request.targetVP, &actions)
    }

    /// The guest does something to a channel.
    mutating func channelEvent(
        _ event: ChannelEvent, relid: UInt32, by type: ControlMessageType, targetVP: UInt32 = 0,
        _ actions: inout [VMBusAction]
    ) {
        guard let index = channelIndex(relid: relid) else {
            return actions.append(.protocolError(.unknownChannel(type, relid: relid)))
        }
        apply(event, at: index, by: type, targetVP: targetVP, &actions)
    }

    /// The device of a channel answers.
    mutating func deviceEvent(_ event: ChannelEvent, relid: UInt32, _ actions: inout [VMBusAction]) {
        guard let index = channelIndex(relid: relid) else { return }
        apply(event, at: index, by: nil, &actions)
        finishDisconnectIfIdle(&actions)
    }

    /// Carries out what an event does to a channel. `type` is the guest's message, if there was one.
    mutating func apply(
        _ event: ChannelEvent, at index: Int, by type: ControlMessageType?, targetVP: UInt32 = 0,
        _ actions: inout [VMBusAction]
    ) {
        let before = channels[index]
        switch before.state.transition(on: event) {
        case .quiet:
            break
        case .violation(let effects):
            if let type, let relid = before.relid {
                actions.append(.protocolError(.wrongChannelState(type, relid: relid, before.state)))
            }
            carryOut(effects, at: index, targetVP: targetVP, &actions)
        case .to(let state, let effects):
            carryOut(effects, at: index, targetVP: targetVP, &actions)
            channels[index].enter(state)
            finishTeardowns(of: before, nowHeld: channels[index].heldGPADLs, &actions)
            if state == .clientReleased {
                releaseRelid(at: index, &actions)
                announceIfConnected(at: index, &actions)
            }
        case .removed:
            finishTeardowns(of: before, nowHeld: [], &actions)
            releaseRelid(at: index, &actions)
            channels.remove(at: index)
        }
    }

    private mutating func carryOut(
        _ effects: [ChannelTransition.Effect], at index: Int, targetVP: UInt32, _ actions: inout [VMBusAction]
    ) {
        guard let relid = channels[index].relid else { return }
        let key = channels[index].offer.key
        for effect in effects {
            switch effect {
            case .sendOffer:
                let message = OfferChannel(
                    offer: channels[index].offer, relid: relid, connectionID: VMBusServer.connectionID(relid: relid))
                actions.append(.send(.offerChannel(message)))
            case .askDeviceToOpen:
                guard let opening = channels[index].requested else { continue }
                channels[index].opening = opening
                channels[index].requested = nil
                actions.append(.open(opening))
            case .askDeviceToClose:
                actions.append(.close(key, relid: relid))
            case .tellDeviceToModify:
                actions.append(.modify(key, relid: relid, targetVP: targetVP))
            case .sendOpenSucceeded:
                sendOpenResult(.success, at: index, &actions)
            case .sendOpenFailed:
                sendOpenResult(.failure, at: index, &actions)
            case .sendModifySucceeded:
                sendModifyResponse(.success, relid: relid, &actions)
            case .sendModifyFailed:
                sendModifyResponse(.failure, relid: relid, &actions)
            case .sendRescind:
                actions.append(.send(.rescindChannelOffer(relid: relid)))
            }
        }
    }

    /// Answers the open that is waiting: one queued behind a close, or else the one the device was asked for.
    private func sendOpenResult(_ status: MessageStatus, at index: Int, _ actions: inout [VMBusAction]) {
        guard let opening = channels[index].requested ?? channels[index].opening else { return }
        sendOpenResult(status, relid: opening.relid, openID: opening.openID, &actions)
    }

    private func sendOpenResult(
        _ status: MessageStatus, relid: UInt32, openID: UInt32, _ actions: inout [VMBusAction]
    ) {
        let result = OpenChannelResult(relid: relid, openID: openID, status: status)
        actions.append(.send(.openChannelResult(result)))
    }

    /// Before 5.3 MODIFYCHANNEL has no answer.
    private func sendModifyResponse(_ status: MessageStatus, relid: UInt32, _ actions: inout [VMBusAction]) {
        guard case .connected(let agreed) = connection, agreed.version >= .v5_3 else { return }
        actions.append(.send(.modifyChannelResponse(ModifyChannelResponse(relid: relid, status: status))))
    }

    /// Takes back the relid of a channel that the guest no longer knows, and what the guest made with it.
    private mutating func releaseRelid(at index: Int, _ actions: inout [VMBusAction]) {
        guard let relid = channels[index].relid else { return }
        dropGPADLs(relid: relid, &actions)
        relids.release(relid)
        channels[index].relid = nil
    }

    /// Offers a channel anew that came back before the guest had released it.
    private mutating func announceIfConnected(at index: Int, _ actions: inout [VMBusAction]) {
        guard case .connected(let agreed) = connection, agreed.offersRequested else { return }
        announce(at: index, &actions)
    }

    /// Where the guest signals for a channel: the relid and the interrupt source, as OpenVMM composes it.
    private static func connectionID(relid: UInt32) -> UInt32 {
        relid | UInt32(InitiateContact.messageInterruptSource) << 12
    }
}
