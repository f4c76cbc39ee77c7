import Testing
import VMBus

struct ControlMessageTests {
    /// One message of every kind that a guest may send, with the size of its structure.
    static let guestMessages: [(message: GuestMessage, size: Int)] = [
        (.requestOffers, 8),
        (
            .openChannel(
                OpenChannel(
                    relid: 1, openID: 2, ringGPADL: 3, targetVP: 4, downstreamPageOffset: 5,
                    userData: (0..<120).map { UInt8($0) })), 148
        ),
        (.closeChannel(relid: 0x0102_0304), 12),
        (.gpadlHeader(GPADLHeader(relid: 1, gpadl: 2, rangeBufferLength: 16, rangeCount: 1, words: [3, 4])), 36),
        (.gpadlBody(GPADLBody(gpadl: 2, words: [0x0102_0304_0506_0708], messageNumber: 9)), 24),
        (.gpadlTeardown(GPADLTeardown(relid: 1, gpadl: 0xe1e10)), 16),
        (.relidReleased(relid: 7), 12),
        (.initiateContact(InitiateContact(version: .v5_3, targetVP: 3)), 40),
        (.unload, 8),
        (.tlConnectRequest(TLConnectRequest(endpoint: GUID(1, 2, 3, 4), service: .dxgGlobalChannel)), 40),
        (
            .tlConnectRequest(
                TLConnectRequest(endpoint: GUID(1, 2, 3, 4), service: .zero, silo: .dxgVGPUChannel)), 56
        ),
        (.modifyChannel(ModifyChannel(relid: 1, targetVP: .max)), 16),
    ]

    /// One message of every kind that a host sends, with the full size of its structure.
    static let hostMessages: [(message: HostMessage, size: Int)] = [
        (
            .offerChannel(
                OfferChannel(
                    offer: ChannelOffer(
                        interfaceType: .dxgGlobalChannel, instance: GUID(9, 8, 7, 6), subchannelIndex: 5,
                        flags: .parentOffer, mmioMegabytes: 32, mmioMegabytesOptional: 2,
                        userDefined: (0..<120).map { UInt8($0) }),
                    relid: 2047, connectionID: 0x27ff)), 196
        ),
        (.rescindChannelOffer(relid: 3), 12),
        (.allOffersDelivered, 8),
        (.openChannelResult(OpenChannelResult(relid: 1, openID: 2, status: .failure)), 20),
        (.gpadlCreated(GPADLCreated(relid: 1, gpadl: 2, status: .success)), 20),
        (.gpadlTorndown(GPADLTorndown(gpadl: 0xe1e10)), 12),
        (.versionResponse(VersionResponse(isSupported: true, selectedVersionOrConnectionID: 4)), 16),
        (.unloadResponse, 8),
        (.tlConnectResult(TLConnectResult(endpoint: .zero, service: .zero, status: .connectionRefused)), 44),
        (.modifyChannelResponse(ModifyChannelResponse(relid: 1, status: .success)), 16),
    ]

    @Test(arguments: guestMessages.indices)
    func `A guest's message survives the wire in the size of its structure`(index: Int) throws {
        let (message, size) = Self.guestMessages[index]
        let encoded = message.encoded()
        #expect(encoded.count == size)
        #expect(try decodeGuest(encoded) == message)
    }

    @Test(arguments: hostMessages.indices)
    func `A host's message survives the wire in the size of its structure`(index: Int) throws {
        let (message, size) = Self.hostMessages[index]
        let encoded = message.encoded()
        #expect(encoded.count == size)
        #expect(encoded.count == message.type.size)
        #expect(try decodeHost(encoded) == message)
    }

    @Test(arguments: guestMessages.indices)
    func `Every shorter message is refused with the numbers`(index: Int) {
        let encoded = Self.guestMessages[index].message.encoded()
        let size = Self.guestMessages[index].message.type.size
        for length in 0..<size {
            let needed = length < 8 ? 8 : size
            #expect(throws: ControlMessageError.truncated(needed: needed, have: length)) {
                try decodeGuest(Array(encoded.prefix(length)))
            }
        }
    }

    @Test func `A message longer than a hypervisor message is refused`() throws {
        let body = GuestMessage.gpadlBody(GPADLBody(gpadl: 1, words: [UInt64](repeating: 5, count: 28))).encoded()
        #expect(body.count == 240)
        _ = try decodeGuest(body)
        #expect(throws: ControlMessageError.tooLong(limit: 240, have: 241)) { try decodeGuest(body + [0]) }
    }

    @Test(arguments: ControlMessageType.allCases)
    func `No side can send the other's kinds`(type: ControlMessageType) {
        var message = [UInt8](repeating: 0, count: 240)
        message[0] = UInt8(type.rawValue)
        switch type.sender {
        case .host:
            #expect(throws: ControlMessageError.wrongDirection(type)) { try decodeGuest(message) }
        case .guest:
            #expect(throws: ControlMessageError.wrongDirection(type)) { try decodeHost(message) }
        }
    }

    @Test(arguments: [
        ControlMessageType.openReservedChannel, .closeReservedChannel, .modifyConnection, .pause, .resume,
    ])
    func `What is not served is named`(type: ControlMessageType) {
        var message = [UInt8](repeating: 0, count: 240)
        message[0] = UInt8(type.rawValue)
        #expect(throws: ControlMessageError.unsupportedType(type)) { try decodeGuest(message) }
    }

    @Test(arguments: [0, 30, 256, UInt32.max])
    func `An unknown number is refused`(number: UInt32) {
        let message = (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } + [0, 0, 0, 0]
        #expect(throws: ControlMessageError.unknownType(number)) { try decodeGuest(message) }
    }

    @Test func `Offsets are those of the published structures`() {
        let offer = Self.hostMessages[0].message.encoded()
        #expect(Array(offer[8..<24]) == GUID.dxgGlobalChannel.wireBytes)
        #expect(Array(offer[24..<40]) == GUID(9, 8, 7, 6).wireBytes)
        #expect(Array(offer[40..<56]) == [UInt8](repeating: 0, count: 16))
        #expect(Array(offer[56..<60]) == [0x00, 0x02, 32, 0])
        #expect(Array(offer[60..<180]) == (0..<120).map { UInt8($0) })
        #expect(Array(offer[180..<196]) == [5, 0, 2, 0, 0xff, 0x07, 0, 0, 0, 0, 1, 0, 0xff, 0x27, 0, 0])

        let contact = GuestMessage.initiateContact(InitiateContact(version: .v5_3, targetVP: 3)).encoded()
        #expect(Array(contact[8..<24]) == [3, 0, 5, 0, 3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func `A driver's ring of 128 pages takes a header and four bodies`() throws {
        let range = GuestPhysicalRange(pages: Array(0x100..<0x180))
        let messages = try #require(GuestMessage.describing([range], gpadl: 0xe1e10, relid: 1))
        let words = try messages.map { message -> Int in
            switch message {
            case .gpadlHeader(let header):
                #expect(header.rangeBufferLength == 1032)
                return header.words.count
            case .gpadlBody(let body): return body.words.count
            default: throw ControlMessageError.unknownType(message.type.rawValue)
            }
        }
        #expect(words == [27, 28, 28, 28, 18])
        #expect(messages.allSatisfy { $0.encoded().count <= ControlMessageType.maximumMessageSize })
    }

    @Test func `Ranges beyond the 16-bit length cannot be described`() {
        let most = GuestPhysicalRange(pages: [UInt64](repeating: 1, count: 8190))
        #expect(GuestMessage.describing([most], gpadl: 1, relid: 1) != nil)
        let more = GuestPhysicalRange(pages: [UInt64](repeating: 1, count: 8191))
        #expect(GuestMessage.describing([more], gpadl: 1, relid: 1) == nil)
    }
}
