/// What an event does to a channel.
enum ChannelTransition: Hashable, Sendable {
    /// What the server does while changing the state, in this order.
    enum Effect: Hashable, Sendable {
        case sendOffer
        case askDeviceToOpen
        case askDeviceToClose
        case tellDeviceToModify
        case sendOpenSucceeded
        case sendOpenFailed
        case sendModifySucceeded
        case sendModifyFailed
        case sendRescind
    }

    /// The channel goes to (or stays in) a state.
    case to(ChannelState, [Effect] = [])
    /// The channel is gone.
    case removed
    /// Legal and without consequence: it crossed a message of the host, or answers a question that is no longer open.
    case quiet
    /// The guest may not do this here; the message is ignored and reported.
    case violation([Effect] = [])
}

extension ChannelState {
    /// What `event` does in this state: the whole table, every pair written out (`docs/protocol/vmbus.md 1.6`).
    func transition(on event: ChannelEvent) -> ChannelTransition {
        switch self {
        case .clientReleased: fromClientReleased(event)
        case .closed: fromClosed(event)
        case .opening: fromOpening(event)
        case .open: fromOpen(event)
        case .closing: fromClosing(event)
        case .closingReopen: fromClosingReopen(event)
        case .revoked: fromRevoked(event)
        case .reoffered: fromReoffered(event)
        case .closingClientRelease: fromClosingClientRelease(event)
        case .openingClientRelease: fromOpeningClientRelease(event)
        }
    }

    private func fromClientReleased(_ event: ChannelEvent) -> ChannelTransition {
        switch event {
        case .announced: .to(.closed, [.sendOffer])
        case .rescinded: .removed
        case .clientReleased, .openSucceeded, .openFailed, .closeCompleted, .deviceReturned: .quiet
        case .openRequested, .closeRequested, .modifyRequested, .relidReleased: .violation()
        }
    }

    private func fromClosed(_ event: ChannelEvent) -> ChannelTransition {
        switch event {
        case .openRequested: .to(.opening, [.askDeviceToOpen])
        case .clientReleased: .to(.clientReleased)
        case .rescinded: .to(.revoked, [.sendRescind])
        case .modifyRequested: .violation([.sendModifyFailed])
        case .closeRequested, .relidReleased: .violation()
        case .announced, .openSucceeded, .openFailed, .closeCompleted, .deviceReturned: .quiet
        }
    }

    private func fromOpening(_ event: ChannelEvent) -> ChannelTransition {
        switch event {
        case .openSucceeded: .to(.open, [.sendOpenSucceeded])
        case .openFailed: .to(.closed, [.sendOpenFailed])
        case .clientReleased: .to(.openingClientRelease)
        case .rescinded: .to(.revoked, [.sendOpenFailed, .sendRescind])
        case .modifyRequested: .violation([.sendModifyFailed])
        case .openRequested, .closeRequested, .relidReleased: .violation()
        case .announced, .closeCompleted, .deviceReturned: .quiet
        }
    }

    private func fromOpen(_ event: ChannelEvent) -> ChannelTransition {
        switch event {
        case .closeRequested: .to(.closing, [.askDeviceToClose])
        case .modifyRequested: .to(.open, [.tellDeviceToModify, .sendModifySucceeded])
        case .clientReleased: .to(.closingClientRelease, [.askDeviceToClose])
        case .rescinded: .to(.revoked, [.sendRescind])
        case .openRequested, .relidReleased: .violation()
        case .announced, .openSucceeded, .openFailed, .closeCompleted, .deviceReturned: .quiet
        }
    }

    private func fromClosing(_ event: ChannelEvent) -> ChannelTransition {
        switch event {
        case .openRequested: .to(.closingReopen)
        case .closeCompleted: .to(.closed)
        case .clientReleased: .to(.closingClientRelease)
        case .rescinded: .to(.revoked, [.sendRescind])
        case .modifyRequested: .violation([.sendModifyFailed])
        case .closeRequested, .relidReleased: .violation()
        case .announced, .openSucceeded, .openFailed, .deviceReturned: .quiet
        }
    }

    private func fromClosingReopen(_ event: ChannelEvent) -> ChannelTransition {
        switch event {
        case .closeCompleted: .to(.opening, [.askDeviceToOpen])
        case .clientReleased: .to(.closingClientRelease)
        case .rescinded: .to(.revoked, [.sendOpenFailed, .sendRescind])
        case .modifyRequested: .violation([.sendModifyFailed])
        case .openRequested, .closeRequested, .relidReleased: .violation()
        case .announced, .openSucceeded, .openFailed, .deviceReturned: .quiet
        }
    }

    private func fromRevoked(_ event: ChannelEvent) -> ChannelTransition {
        switch event {
        case .relidReleased, .clientReleased: .removed
        case .deviceReturned: .to(.reoffered)
        case .modifyRequested: .to(.revoked, [.sendModifyFailed])
        case .openRequested, .closeRequested: .quiet
        case .announced, .openSucceeded, .openFailed, .closeCompleted, .rescinded: .quiet
        }
    }

    private func fromReoffered(_ event: ChannelEvent) -> ChannelTransition {
        switch event {
        case .relidReleased, .clientReleased: .to(.clientReleased)
        case .rescinded: .to(.revoked)
        case .modifyRequested: .to(.reoffered, [.sendModifyFailed])
        case .openRequested, .closeRequested: .quiet
        case .announced, .openSucceeded, .openFailed, .closeCompleted, .deviceReturned: .quiet
        }
    }

    private func fromClosingClientRelease(_ event: ChannelEvent) -> ChannelTransition {
        switch event {
        case .closeCompleted: .to(.clientReleased)
        case .rescinded: .removed
        case .openRequested, .closeRequested, .modifyRequested, .relidReleased: .violation()
        case .announced, .clientReleased, .openSucceeded, .openFailed, .deviceReturned: .quiet
        }
    }

    private func fromOpeningClientRelease(_ event: ChannelEvent) -> ChannelTransition {
        switch event {
        case .openSucceeded: .to(.closingClientRelease, [.askDeviceToClose])
        case .openFailed: .to(.clientReleased)
        case .rescinded: .removed
        case .openRequested, .closeRequested, .modifyRequested, .relidReleased: .violation()
        case .announced, .clientReleased, .closeCompleted, .deviceReturned: .quiet
        }
    }
}
