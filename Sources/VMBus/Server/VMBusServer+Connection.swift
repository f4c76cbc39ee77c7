extension VMBusServer {
    /// A contact while there is one means that the guest started anew, as after a kexec: everything is released first
    /// (`docs/protocol/vmbus.md 1.5`).
    mutating func initiateContact(_ contact: InitiateContact, _ actions: inout [VMBusAction]) {
        switch connection {
        case .disconnected: answer(contact, &actions)
        case .connected: beginDisconnect(next: .contact(contact), &actions)
        case .disconnecting: connection = .disconnecting(next: .contact(contact))
        }
    }

    /// Releases everything, then answers; a guest without a connection has nothing to wait for and is answered at once.
    mutating func unload(_ actions: inout [VMBusAction]) {
        switch connection {
        case .disconnected: actions.append(.send(.unloadResponse))
        case .connected: beginDisconnect(next: .answerUnload, &actions)
        case .disconnecting: connection = .disconnecting(next: .answerUnload)
        }
    }

    /// Takes everything from the guest; finishes when no device has an answer outstanding.
    mutating func beginDisconnect(next: DisconnectContinuation, _ actions: inout [VMBusAction]) {
        connection = .disconnecting(next: next)
        var index = 0
        while index < channels.count {
            let count = channels.count
            apply(.clientReleased, at: index, by: nil, &actions)
            if channels.count == count {
                index += 1
            }
        }
        finishDisconnectIfIdle(&actions)
    }

    /// Ends a disconnect once the last device has answered.
    mutating func finishDisconnectIfIdle(_ actions: inout [VMBusAction]) {
        guard case .disconnecting(let next) = connection, !channels.contains(where: \.state.awaitsDevice) else {
            return
        }
        connection = .disconnected
        actions.append(.reset)
        switch next {
        case .nothing: break
        case .answerUnload: actions.append(.send(.unloadResponse))
        case .contact(let contact): answer(contact, &actions)
        }
    }

    /// Accepts or refuses a contact (`docs/protocol/vmbus.md 1.5`).
    private mutating func answer(_ contact: InitiateContact, _ actions: inout [VMBusAction]) {
        let version = contact.version
        guard version <= configuration.maximumVersion, ProtocolVersion.served.contains(version) else {
            return actions.append(.send(.versionResponse(VersionResponse(isSupported: false))))
        }
        let hasSource = version < .v5_0 || contact.interruptSource == InitiateContact.messageInterruptSource
        let hasTrustLevel = version < .v5_1 || contact.trustLevel == 0
        guard hasSource, hasTrustLevel else {
            let error = VMBusProtocolError.badMessageTarget(
                interruptSource: contact.interruptSource, trustLevel: contact.trustLevel)
            actions.append(.protocolError(error))
            return actions.append(.send(.versionResponse(VersionResponse(isSupported: false))))
        }
        let selected = version < .v5_0 ? version.rawValue : configuration.messageConnectionID
        guard (contact.parentToChildMonitorPage == 0) == (contact.childToParentMonitorPage == 0) else {
            actions.append(.protocolError(.oneMonitorPage))
            let response = VersionResponse(
                isSupported: true, outcome: .unknownFailure, selectedVersionOrConnectionID: selected)
            return actions.append(.send(.versionResponse(response)))
        }
        connection = .connected(
            ConnectionState.Connection(version: version, targetVP: version < .v3_0 ? 0 : contact.targetVP))
        actions.append(.connected(version))
        let response = VersionResponse(isSupported: true, selectedVersionOrConnectionID: selected)
        actions.append(.send(.versionResponse(response)))
    }

    /// No service of the host can be reached by hvsock; before 4.1 there is no message to say so.
    func refuseConnection(
        _ request: TLConnectRequest, _ agreed: ConnectionState.Connection, _ actions: inout [VMBusAction]
    ) {
        guard agreed.version >= .v4_1 else { return }
        let result = TLConnectResult(endpoint: request.endpoint, service: request.service, status: .connectionRefused)
        actions.append(.send(.tlConnectResult(result)))
    }
}
