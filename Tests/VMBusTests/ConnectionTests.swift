import Testing
import VMBus

struct ConnectionTests {
    private static func response(_ version: ProtocolVersion) -> VMBusAction {
        let number: UInt32 = version < .v5_0 ? version.rawValue : 4
        return .send(.versionResponse(VersionResponse(isSupported: true, selectedVersionOrConnectionID: number)))
    }

    private static let unsupported = VMBusAction.send(.versionResponse(VersionResponse(isSupported: false)))

    @Test(arguments: ProtocolVersion.served)
    func `Every served version is accepted, with the number that it carries`(version: ProtocolVersion) throws {
        var server = try Fixture.server()
        let actions = server.receive(.initiateContact(InitiateContact(version: version, targetVP: 3)))
        #expect(actions == [.connected(version), Self.response(version)])
        guard case .connected(let agreed) = server.connection else {
            return #expect(Bool(false), "not connected")
        }
        #expect(agreed.version == version)
        #expect(agreed.targetVP == (version < .v3_0 ? 0 : 3), "the target is honoured from 3.0")
    }

    @Test(arguments: ProtocolVersion.served, ProtocolVersion.served)
    func `The maximum is a matter of configuration`(maximum: ProtocolVersion, asked: ProtocolVersion) throws {
        var server = try Fixture.server { $0.maximumVersion = maximum }
        let actions = server.receive(.initiateContact(InitiateContact(version: asked)))
        #expect(actions == (asked <= maximum ? [.connected(asked), Self.response(asked)] : [Self.unsupported]))
    }

    @Test(arguments: [0, 13, 0x0001_0001, 0x0002_0003, 0x0004_0002, 0x0006_0000, UInt32.max])
    func `Other versions are answered unsupported`(number: UInt32) throws {
        var server = try Fixture.server()
        var contact = InitiateContact(version: .v5_3)
        contact.version = ProtocolVersion(rawValue: number)
        #expect(server.receive(.initiateContact(contact)) == [Self.unsupported])
        #expect(server.connection == .disconnected)
    }

    @Test func `A guest steps down until a version is accepted`() throws {
        var server = try Fixture.server { $0.maximumVersion = .v4_1 }
        for version in [ProtocolVersion.v5_3, .v5_2, .v5_1, .v5_0] {
            #expect(server.receive(.initiateContact(InitiateContact(version: version))) == [Self.unsupported])
        }
        let actions = server.receive(.initiateContact(InitiateContact(version: .v4_1)))
        #expect(actions == [.connected(.v4_1), Self.response(.v4_1)])
    }

    @Test func `Messages to another interrupt source or trust level are refused`() throws {
        var server = try Fixture.server()
        var contact = InitiateContact(version: .v5_0)
        contact.target = 3
        #expect(
            server.receive(.initiateContact(contact)) == [
                .protocolError(.badMessageTarget(interruptSource: 3, trustLevel: 0)), Self.unsupported,
            ])
        contact.target = 0x0102
        #expect(server.receive(.initiateContact(contact)).first == .connected(.v5_0), "no trust level before 5.1")
        var later = InitiateContact(version: .v5_1)
        later.target = 0x0102
        #expect(
            server.receive(.initiateContact(later)) == [
                .reset, .protocolError(.badMessageTarget(interruptSource: 2, trustLevel: 1)), Self.unsupported,
            ])
    }

    @Test func `Monitor pages come in pairs`() throws {
        var server = try Fixture.server()
        var contact = InitiateContact(version: .v5_3)
        contact.parentToChildMonitorPage = 0x1000
        let refusal = VersionResponse(isSupported: true, outcome: .unknownFailure, selectedVersionOrConnectionID: 4)
        #expect(
            server.receive(.initiateContact(contact))
                == [.protocolError(.oneMonitorPage), .send(.versionResponse(refusal))])
        #expect(server.connection == .disconnected)
        contact.childToParentMonitorPage = 0x2000
        #expect(server.receive(.initiateContact(contact)) == [.connected(.v5_3), Self.response(.v5_3)])
    }

    @Test func `Offers come sorted, once, with relids from 1`() throws {
        var server = try Fixture.server()
        let sub = ChannelOffer(
            interfaceType: .dxgVGPUChannel, instance: Fixture.vgpuInstance, subchannelIndex: 1)
        _ = try server.add(sub)
        _ = server.receive(.initiateContact(InitiateContact(version: .v5_3)))
        let expected: [VMBusAction] = [
            .send(.offerChannel(OfferChannel(offer: Fixture.vgpu, relid: 1, connectionID: 0x2001))),
            .send(.offerChannel(OfferChannel(offer: sub, relid: 2, connectionID: 0x2002))),
            .send(.offerChannel(OfferChannel(offer: Fixture.global, relid: 3, connectionID: 0x2003))),
            .send(.allOffersDelivered),
        ]
        #expect(server.receive(.requestOffers) == expected)
        #expect(server.receive(.requestOffers) == [.protocolError(.offersAlreadyRequested)])
        _ = server.receive(.initiateContact(InitiateContact(version: .v5_3)))
        #expect(server.receive(.requestOffers) == expected, "a new connection gets the same relids")
    }

    @Test func `Nothing but contact and unload is heard without a connection`() throws {
        var server = try Fixture.server()
        for (message, _) in ControlMessageTests.guestMessages {
            switch message {
            case .initiateContact, .unload: continue
            default: #expect(server.receive(message) == [.protocolError(.notConnected(message.type))])
            }
        }
        #expect(server.receive(.unload) == [.send(.unloadResponse)])
    }

    @Test func `A version has only its own messages`() throws {
        var old = try Fixture.connected(.v3_0)
        let connect = GuestMessage.tlConnectRequest(TLConnectRequest(endpoint: .zero, service: .zero))
        let modify = GuestMessage.modifyChannel(ModifyChannel(relid: Fixture.globalRelid, targetVP: 1))
        #expect(old.receive(connect) == [.protocolError(.notInVersion(.tlConnectRequest, .v3_0))])
        #expect(old.receive(modify) == [.protocolError(.notInVersion(.modifyChannel, .v3_0))])
        var middle = try Fixture.connected(.v4_0)
        #expect(middle.receive(connect) == [], "4.0 can ask and cannot be told")
        #expect(middle.receive(modify) == [.protocolError(.notInVersion(.modifyChannel, .v4_0))])
    }

    @Test func `A socket connection to the host is refused`() throws {
        var server = try Fixture.connected(.v4_1)
        let request = TLConnectRequest(endpoint: GUID(1, 2, 3, 4), service: GUID(5, 6, 7, 8))
        let result = TLConnectResult(endpoint: request.endpoint, service: request.service, status: .connectionRefused)
        #expect(server.receive(.tlConnectRequest(request)) == [.send(.tlConnectResult(result))])
    }

    @Test func `Undecodable bytes are reported and change nothing`() throws {
        var server = try Fixture.opened()
        let before = server.channelSummaries
        #expect(server.receive(bytes: []) == [.protocolError(.undecodable(.truncated(needed: 8, have: 0)))])
        #expect(
            server.receive(bytes: HostMessage.allOffersDelivered.encoded())
                == [.protocolError(.undecodable(.wrongDirection(.allOffersDelivered)))])
        #expect(server.channelSummaries == before)
    }

    @Test func `Unload is answered when the last device has let go`() throws {
        var server = try Fixture.opened()
        #expect(server.receive(.unload) == [.close(Fixture.global.key, relid: Fixture.globalRelid)])
        #expect(server.connection == .disconnecting(next: .answerUnload))
        #expect(server.receive(.requestOffers) == [.protocolError(.notConnected(.requestOffers))])
        #expect(server.closed(Fixture.globalRelid) == [.gpadlTornDown(id: 7), .reset, .send(.unloadResponse)])
        #expect(server.connection == .disconnected)
        #expect(server.channelSummaries.allSatisfy { $0.state == .clientReleased && $0.relid == nil })
        #expect(server.gpadlCount == 0)
        #expect(server.describedPages == 0)
    }

    @Test func `A contact while connected releases everything and connects anew`() throws {
        var server = try Fixture.opened()
        let contact = InitiateContact(version: .v4_1)
        #expect(
            server.receive(.initiateContact(contact)) == [.close(Fixture.global.key, relid: Fixture.globalRelid)])
        #expect(
            server.closed(Fixture.globalRelid)
                == [.gpadlTornDown(id: 7), .reset, .connected(.v4_1), Self.response(.v4_1)])
        #expect(server.receive(.requestOffers).count == 3)
    }

    @Test func `A contact of an unsupported version while connected leaves no connection`() throws {
        var server = try Fixture.connected()
        var contact = InitiateContact(version: .v5_3)
        contact.version = ProtocolVersion(rawValue: 0x0006_0000)
        #expect(server.receive(.initiateContact(contact)) == [.reset, Self.unsupported])
        #expect(server.connection == .disconnected)
    }

    @Test func `The last wish while disconnecting counts`() throws {
        var server = try Fixture.opened()
        _ = server.receive(.unload)
        #expect(server.receive(.initiateContact(InitiateContact(version: .v5_3))) == [])
        #expect(server.receive(.initiateContact(InitiateContact(version: .v5_2))) == [])
        #expect(server.closed(Fixture.globalRelid).suffix(2) == [.connected(.v5_2), Self.response(.v5_2)])

        var unloading = try Fixture.opened()
        _ = unloading.receive(.initiateContact(InitiateContact(version: .v5_3)))
        #expect(unloading.receive(.unload) == [])
        #expect(unloading.closed(Fixture.globalRelid).last == .send(.unloadResponse))

        var gone = try Fixture.opened()
        _ = gone.receive(.unload)
        #expect(gone.disconnect() == [])
        #expect(gone.closed(Fixture.globalRelid) == [.gpadlTornDown(id: 7), .reset], "nobody to answer")
    }

    @Test func `A teardown that waited is not answered to a guest that started anew`() throws {
        var server = try Fixture.opened()
        _ = server.receive(.gpadlTeardown(GPADLTeardown(relid: Fixture.globalRelid, gpadl: 7)))
        _ = server.receive(.initiateContact(InitiateContact(version: .v5_3)))
        #expect(
            server.closed(Fixture.globalRelid)
                == [.gpadlTornDown(id: 7), .reset, .connected(.v5_3), Self.response(.v5_3)])
    }

    @Test func `A guest that is switched off sends nothing and leaves nothing`() throws {
        var server = try Fixture.opened()
        #expect(server.disconnect() == [.close(Fixture.global.key, relid: Fixture.globalRelid)])
        #expect(server.disconnect() == [])
        #expect(server.closed(Fixture.globalRelid) == [.gpadlTornDown(id: 7), .reset])
        #expect(server.disconnect() == [])
    }
}
