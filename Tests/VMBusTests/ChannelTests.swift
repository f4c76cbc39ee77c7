import Testing
import VMBus

struct ChannelTests {
    private let relid = Fixture.globalRelid
    private let key = Fixture.global.key

    private func result(_ status: MessageStatus, openID: UInt32 = Fixture.globalRelid) -> VMBusAction {
        .send(.openChannelResult(OpenChannelResult(relid: relid, openID: openID, status: status)))
    }

    @Test func `A channel without a ring opens in packet mode`() throws {
        var server = try Fixture.connected()
        var request = Fixture.open(relid)
        request.openID = 77
        request.targetVP = .max
        request.userData = [UInt8](repeating: 5, count: 120)
        let actions = server.receive(.openChannel(request))
        guard case .open(let opening) = actions.first, actions.count == 1 else {
            return #expect(Bool(false), "\(actions)")
        }
        #expect(opening.key == key)
        #expect(opening.relid == relid)
        #expect(opening.targetVP == .max)
        #expect(opening.ring == nil)
        #expect(opening.userData == request.userData)
        #expect(server.opened(relid) == [result(.success, openID: 77)])
        #expect(server.state(of: key) == .open)
    }

    @Test func `A channel with a ring tells where both rings are`() throws {
        var server = try Fixture.connected()
        let ring = GuestPhysicalRange(pages: Array(0x1000..<0x1080))
        for message in try #require(GuestMessage.describing([ring], gpadl: 9, relid: relid)) {
            _ = server.receive(message)
        }
        let actions = server.receive(.openChannel(Fixture.open(relid, ring: 9, downstream: 64)))
        guard case .open(let opening) = actions.first else { return #expect(Bool(false), "\(actions)") }
        #expect(opening.ring?.gpadl == 9)
        #expect(opening.ring?.pageCount == 128)
        #expect(opening.ring?.downstreamPageOffset == 64)
    }

    @Test func `A device that cannot open is a failed open`() throws {
        var server = try Fixture.connected()
        _ = server.receive(.openChannel(Fixture.open(relid)))
        #expect(server.opened(relid, success: false) == [result(.failure)])
        #expect(server.state(of: key) == .closed)
        #expect(server.receive(.openChannel(Fixture.open(relid))).count == 1, "and may be tried again")
    }

    static let badRings: [(ring: UInt32, downstream: UInt32, error: RingError)] = [
        (99, 4, .notAvailable),
        (8, 4, .notAvailable),
        (10, 4, .notWholePages),
        (11, 4, .notWholePages),
        (12, 2, .notAvailable),
        (7, 0, .badDownstreamPageOffset(0, pages: 8)),
        (7, 1, .badDownstreamPageOffset(1, pages: 8)),
        (7, 7, .badDownstreamPageOffset(7, pages: 8)),
        (7, 8, .badDownstreamPageOffset(8, pages: 8)),
        (7, .max, .badDownstreamPageOffset(.max, pages: 8)),
    ]

    @Test(arguments: badRings.indices)
    func `Memory that cannot be a ring is refused without asking the device`(index: Int) throws {
        let (ring, downstream, error) = Self.badRings[index]
        var server = try Fixture.connected()
        _ = server.receive(Fixture.ring(7, relid: relid))
        _ = server.receive(Fixture.ring(8, relid: Fixture.vgpuRelid))
        let two = [GuestPhysicalRange(pages: [1, 2, 3, 4]), GuestPhysicalRange(pages: [5, 6, 7, 8])]
        _ = server.receive(try #require(GuestMessage.describing(two, gpadl: 10, relid: relid))[0])
        let odd = GuestPhysicalRange(byteOffset: 8, byteCount: 0x7ff8, pages: [1, 2, 3, 4, 5, 6, 7, 8])
        _ = server.receive(try #require(GuestMessage.describing([odd], gpadl: 11, relid: relid))[0])
        let long = GuestPhysicalRange(pages: [UInt64](repeating: 1, count: 64))
        _ = server.receive(try #require(GuestMessage.describing([long], gpadl: 12, relid: relid))[0])
        let actions = server.receive(.openChannel(Fixture.open(relid, ring: ring, downstream: downstream)))
        #expect(actions == [.protocolError(.badRing(relid: relid, gpadl: ring, error)), result(.failure)])
        #expect(server.state(of: key) == .closed)
    }

    @Test func `The smallest ring has a control page and a data page each way`() throws {
        var server = try Fixture.connected()
        _ = server.receive(Fixture.ring(7, relid: relid, pages: 4))
        #expect(server.receive(.openChannel(Fixture.open(relid, ring: 7, downstream: 2))).count == 1)
    }

    @Test func `Closing has no answer, but the ring is torn down only after it`() throws {
        var server = try Fixture.opened()
        #expect(server.receive(.gpadlTeardown(GPADLTeardown(relid: relid, gpadl: 7))) == [])
        #expect(server.receive(.closeChannel(relid: relid)) == [.close(key, relid: relid)])
        #expect(server.closed(relid) == [.gpadlTornDown(id: 7), .send(.gpadlTorndown(GPADLTorndown(gpadl: 7)))])
        #expect(server.state(of: key) == .closed)
    }

    @Test func `A teardown after the close is answered at once`() throws {
        var server = try Fixture.opened()
        _ = server.receive(.closeChannel(relid: relid))
        #expect(server.closed(relid) == [])
        #expect(
            server.receive(.gpadlTeardown(GPADLTeardown(relid: relid, gpadl: 7)))
                == [.gpadlTornDown(id: 7), .send(.gpadlTorndown(GPADLTorndown(gpadl: 7)))])
    }

    @Test func `A failed open lets go of the ring`() throws {
        var server = try Fixture.connected()
        _ = server.receive(Fixture.ring(7, relid: relid))
        _ = server.receive(.openChannel(Fixture.open(relid, ring: 7)))
        #expect(server.receive(.gpadlTeardown(GPADLTeardown(relid: relid, gpadl: 7))) == [])
        #expect(
            server.opened(relid, success: false)
                == [result(.failure), .gpadlTornDown(id: 7), .send(.gpadlTorndown(GPADLTorndown(gpadl: 7)))])
    }

    @Test func `An open during a close waits for it and gets the new ring`() throws {
        var server = try Fixture.opened()
        _ = server.receive(.closeChannel(relid: relid))
        _ = server.receive(Fixture.ring(8, relid: relid, pages: 16))
        #expect(server.receive(.openChannel(Fixture.open(relid, ring: 8, downstream: 8))) == [])
        #expect(server.state(of: key) == .closingReopen)
        #expect(server.receive(.gpadlTeardown(GPADLTeardown(relid: relid, gpadl: 7))) == [])
        #expect(server.receive(.gpadlTeardown(GPADLTeardown(relid: relid, gpadl: 8))) == [])
        let actions = server.closed(relid)
        guard case .open(let opening) = actions.first else { return #expect(Bool(false), "\(actions)") }
        #expect(opening.ring?.gpadl == 8)
        #expect(
            actions.dropFirst() == [.gpadlTornDown(id: 7), .send(.gpadlTorndown(GPADLTorndown(gpadl: 7)))],
            "the old ring is free, the new one is not")
        #expect(server.opened(relid) == [result(.success)])
        #expect(server.gpadlCount == 1)
    }

    @Test func `A ring that is being torn down opens no channel`() throws {
        var server = try Fixture.opened()
        _ = server.receive(.closeChannel(relid: relid))
        _ = server.receive(.gpadlTeardown(GPADLTeardown(relid: relid, gpadl: 7)))
        #expect(
            server.receive(.openChannel(Fixture.open(relid, ring: 7)))
                == [.protocolError(.badRing(relid: relid, gpadl: 7, .notAvailable)), result(.failure)])
        #expect(server.state(of: key) == .closing)
    }

    @Test func `Messages out of place are reported and change nothing`() throws {
        var server = try Fixture.connected()
        #expect(
            server.receive(.closeChannel(relid: relid))
                == [.protocolError(.wrongChannelState(.closeChannel, relid: relid, .closed))])
        #expect(
            server.receive(.relidReleased(relid: relid))
                == [.protocolError(.wrongChannelState(.relidReleased, relid: relid, .closed))])
        _ = server.receive(.openChannel(Fixture.open(relid)))
        #expect(
            server.receive(.openChannel(Fixture.open(relid)))
                == [.protocolError(.wrongChannelState(.openChannel, relid: relid, .opening))])
        for relid in [UInt32(0), 3, 2047, 2048, .max] {
            #expect(
                server.receive(.openChannel(Fixture.open(relid)))
                    == [.protocolError(.unknownChannel(.openChannel, relid: relid))])
            #expect(
                server.receive(.closeChannel(relid: relid))
                    == [.protocolError(.unknownChannel(.closeChannel, relid: relid))])
            #expect(
                server.receive(Fixture.ring(1, relid: relid))
                    == [.protocolError(.unknownChannel(.gpadlHeader, relid: relid))])
        }
    }

    @Test(arguments: ProtocolVersion.served.filter { $0 >= .v4_1 })
    func `A modified target reaches the device and is answered from 5.3`(version: ProtocolVersion) throws {
        var server = try Fixture.opened(version)
        let modify = GuestMessage.modifyChannel(ModifyChannel(relid: relid, targetVP: 5))
        let response = { (status: MessageStatus) -> [VMBusAction] in
            let message = ModifyChannelResponse(relid: self.relid, status: status)
            return version >= .v5_3 ? [.send(.modifyChannelResponse(message))] : []
        }
        #expect(server.receive(modify) == [.modify(key, relid: relid, targetVP: 5)] + response(.success))
        _ = server.receive(.closeChannel(relid: relid))
        #expect(
            server.receive(modify)
                == [.protocolError(.wrongChannelState(.modifyChannel, relid: relid, .closing))] + response(.failure))
    }

    @Test func `A rescinded channel is gone when its relid is released, and not before`() throws {
        var server = try Fixture.opened()
        #expect(server.rescind(key) == [.send(.rescindChannelOffer(relid: relid))])
        #expect(server.rescind(key) == [])
        #expect(server.receive(.closeChannel(relid: relid)) == [], "it crossed the rescind")
        let other = ChannelOffer(interfaceType: GUID(0xffff_ffff, 0, 0, 0), instance: .zero)
        #expect(
            try server.add(other) == [.send(.offerChannel(OfferChannel(offer: other, relid: 3, connectionID: 0x2003)))],
            "the relid is not free yet")
        #expect(
            server.receive(.gpadlTeardown(GPADLTeardown(relid: relid, gpadl: 7)))
                == [.gpadlTornDown(id: 7), .send(.gpadlTorndown(GPADLTorndown(gpadl: 7)))])
        #expect(server.receive(.relidReleased(relid: relid)) == [])
        #expect(server.state(of: key) == nil)
        let another = ChannelOffer(interfaceType: GUID(0xffff_fffe, 0, 0, 0), instance: .zero)
        #expect(
            try server.add(another)
                == [.send(.offerChannel(OfferChannel(offer: another, relid: relid, connectionID: 0x2002)))])
    }

    @Test func `What was on its way to a rescinded channel is accepted quietly`() throws {
        var server = try Fixture.connected()
        _ = server.rescind(key)
        #expect(
            server.receive(Fixture.ring(7, relid: relid))
                == [.send(.gpadlCreated(GPADLCreated(relid: relid, gpadl: 7, status: .success)))],
            "success at once, and nothing for the device that is gone")
        #expect(server.receive(.openChannel(Fixture.open(relid, ring: 7))) == [])
        #expect(server.receive(.closeChannel(relid: relid)) == [])
        #expect(
            server.receive(.gpadlTeardown(GPADLTeardown(relid: relid, gpadl: 7)))
                == [.send(.gpadlTorndown(GPADLTorndown(gpadl: 7)))])
        #expect(server.receive(.relidReleased(relid: relid)) == [])
    }

    @Test func `An open that is pending is answered before the rescind`() throws {
        var server = try Fixture.connected()
        _ = server.receive(.openChannel(Fixture.open(relid)))
        let rescind = VMBusAction.send(.rescindChannelOffer(relid: relid))
        #expect(server.rescind(key) == [result(.failure), rescind])
        #expect(server.opened(relid) == [], "the late answer finds nobody waiting")

        var reopening = try Fixture.opened()
        _ = reopening.receive(.closeChannel(relid: relid))
        var request = Fixture.open(relid)
        request.openID = 5
        _ = reopening.receive(.openChannel(request))
        #expect(reopening.rescind(key) == [result(.failure, openID: 5), rescind])
        #expect(reopening.closed(relid) == [])
    }

    @Test func `A rescinded ring is free for the teardown that waited`() throws {
        var server = try Fixture.opened()
        _ = server.receive(.gpadlTeardown(GPADLTeardown(relid: relid, gpadl: 7)))
        #expect(
            server.rescind(key) == [
                .send(.rescindChannelOffer(relid: relid)), .gpadlTornDown(id: 7),
                .send(.gpadlTorndown(GPADLTorndown(gpadl: 7))),
            ])
    }

    @Test func `A device that comes back is offered once the old relid is released`() throws {
        var server = try Fixture.opened()
        _ = server.rescind(key)
        var again = Fixture.global
        again.mmioMegabytes = 64
        #expect(try server.add(again) == [])
        #expect(server.state(of: key) == .reoffered)
        #expect(throws: OfferError.duplicate(key)) { try server.add(again) }
        #expect(
            server.receive(.relidReleased(relid: relid)) == [
                .gpadlTornDown(id: 7),
                .send(.offerChannel(OfferChannel(offer: again, relid: relid, connectionID: 0x2002))),
            ], "memory that the guest did not tear down goes with the relid")
        #expect(server.state(of: key) == .closed)
    }

    @Test func `A device that comes back and goes again is not rescinded twice`() throws {
        var server = try Fixture.connected()
        _ = server.rescind(key)
        _ = try server.add(Fixture.global)
        #expect(server.rescind(key) == [])
        #expect(server.receive(.relidReleased(relid: relid)) == [])
        #expect(server.state(of: key) == nil)
    }

    @Test func `A channel added before the guest asks for offers waits for that`() throws {
        var server = try Fixture.server()
        _ = server.receive(.initiateContact(InitiateContact(version: .v5_3)))
        #expect(try server.add(.dxgVGPU(instance: GUID(1, 0, 0, 0))) == [])
        #expect(server.receive(.requestOffers).count == 4)
        #expect(try server.add(.dxgVGPU(instance: GUID(2, 0, 0, 0))).count == 1, "and from then on is offered at once")
    }

    @Test func `An open that was queued is forgotten with its connection`() throws {
        var server = try Fixture.opened()
        _ = server.receive(.closeChannel(relid: relid))
        _ = server.receive(Fixture.ring(8, relid: relid))
        _ = server.receive(.openChannel(Fixture.open(relid, ring: 8)))
        _ = server.disconnect()
        #expect(server.closed(relid) == [.gpadlTornDown(id: 7), .gpadlTornDown(id: 8), .reset], "no second open")
        _ = server.receive(.initiateContact(InitiateContact(version: .v5_3)))
        _ = server.receive(.requestOffers)
        _ = server.receive(Fixture.ring(8, relid: relid))
        #expect(
            server.receive(.gpadlTeardown(GPADLTeardown(relid: relid, gpadl: 8)))
                == [.gpadlTornDown(id: 8), .send(.gpadlTorndown(GPADLTorndown(gpadl: 8)))], "nobody holds it")
    }

    @Test func `Offers are limited, distinct, and give the driver its IO space`() throws {
        var server = try Fixture.server { $0.limits.maximumChannels = 3 }
        #expect(throws: OfferError.duplicate(Fixture.vgpu.key)) { try server.add(Fixture.vgpu) }
        let bare = ChannelOffer(interfaceType: .dxgGlobalChannel, instance: .zero)
        #expect(throws: OfferError.missingIOSpace) { try server.add(bare) }
        _ = try server.add(.dxgVGPU(instance: GUID(1, 0, 0, 0)))
        #expect(throws: OfferError.tooManyChannels(limit: 3)) { try server.add(.dxgVGPU(instance: GUID(2, 0, 0, 0))) }
        #expect(server.rescind(Fixture.vgpu.key) == [], "not announced, so nobody is told")
        _ = try server.add(.dxgVGPU(instance: GUID(2, 0, 0, 0)))
    }

    @Test func `All 2047 relids are given out and no more`() throws {
        var server = VMBusServer()
        for number in 1...UInt32(2047) {
            _ = try server.add(.dxgVGPU(instance: GUID(number, 0, 0, 0)))
        }
        _ = server.receive(.initiateContact(InitiateContact(version: .v5_3)))
        #expect(server.receive(.requestOffers).count == 2048)
        #expect(server.channelSummaries.compactMap(\.relid) == Array(1...2047))
        #expect(throws: OfferError.tooManyChannels(limit: 2047)) { try server.add(Fixture.global) }
    }

    @Test func `A guest that goes away while a device opens gets it closed again`() throws {
        var server = try Fixture.connected()
        _ = server.receive(.openChannel(Fixture.open(relid)))
        #expect(server.disconnect() == [])
        #expect(server.state(of: key) == .openingClientRelease)
        #expect(server.opened(relid) == [.close(key, relid: relid)])
        #expect(server.closed(relid) == [.reset])

        var failing = try Fixture.connected()
        _ = failing.receive(.openChannel(Fixture.open(relid)))
        _ = failing.disconnect()
        #expect(failing.opened(relid, success: false) == [.reset])
    }

    @Test func `A device that goes while the guest is gone ends the wait`() throws {
        var server = try Fixture.opened()
        _ = server.receive(.unload)
        #expect(server.rescind(key) == [.gpadlTornDown(id: 7), .reset, .send(.unloadResponse)])
        #expect(server.state(of: key) == nil)
    }
}
