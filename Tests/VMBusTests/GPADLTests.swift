import Testing
import VMBus

struct GPADLTests {
    private let relid = Fixture.globalRelid

    private func created(_ id: UInt32, _ status: MessageStatus = .success) -> VMBusAction {
        .send(.gpadlCreated(GPADLCreated(relid: relid, gpadl: id, status: status)))
    }

    private func refused(_ id: UInt32, _ error: GPADLError, by type: ControlMessageType = .gpadlHeader) -> [VMBusAction]
    {
        [.protocolError(.gpadl(type, gpadl: id, error)), created(id, .failure)]
    }

    private func header(
        _ id: UInt32, bytes: UInt16, ranges: UInt16 = 1, words: [UInt64], relid: UInt32 = Fixture.globalRelid
    ) -> GuestMessage {
        .gpadlHeader(
            GPADLHeader(relid: relid, gpadl: id, rangeBufferLength: bytes, rangeCount: ranges, words: words))
    }

    @Test func `The longest GPADL arrives in many messages`() throws {
        var server = try Fixture.connected()
        let range = GuestPhysicalRange(pages: (0..<8190).map { UInt64($0 * 3) })
        let messages = try #require(GuestMessage.describing([range], gpadl: 5, relid: relid))
        #expect(messages.count == 1 + (8191 - 27 + 27) / 28)
        for message in messages.dropLast() {
            #expect(server.receive(message) == [])
        }
        #expect(
            server.receive(messages[messages.count - 1])
                == [.gpadlCreated(id: 5, relid: relid, ranges: [range]), created(5)])
        #expect(server.describedPages == 8190)
    }

    @Test func `Several GPADLs may be in progress at once`() throws {
        var server = try Fixture.connected()
        let ranges = (0..<3).map { number in
            GuestPhysicalRange(pages: (0..<60).map { UInt64(number * 100 + $0) })
        }
        let messages = try ranges.indices.map { index in
            try #require(GuestMessage.describing([ranges[index]], gpadl: UInt32(index + 1), relid: relid))
        }
        for part in 0..<2 {
            for guest in messages {
                #expect(server.receive(guest[part]) == [])
            }
        }
        for (index, guest) in messages.enumerated().reversed() {
            let id = UInt32(index + 1)
            #expect(
                server.receive(guest[2])
                    == [.gpadlCreated(id: id, relid: relid, ranges: [ranges[index]]), created(id)])
        }
    }

    @Test func `Several ranges in one GPADL keep their order and offsets`() throws {
        var server = try Fixture.connected()
        let ranges = [
            GuestPhysicalRange(byteOffset: 0xffe, byteCount: 2, pages: [9]),
            GuestPhysicalRange(byteOffset: 0xfff, byteCount: 2, pages: [8, 7]),
            GuestPhysicalRange(byteOffset: 0, byteCount: 4097, pages: [6, (1 << 52) - 1]),
        ]
        let message = try #require(GuestMessage.describing(ranges, gpadl: 1, relid: relid))[0]
        #expect(server.receive(message) == [.gpadlCreated(id: 1, relid: relid, ranges: ranges), created(1)])
        #expect(server.describedPages == 5)
    }

    @Test func `Padding behind the declared length is ignored`() throws {
        var server = try Fixture.connected()
        let range = GuestPhysicalRange(pages: [3])
        #expect(
            server.receive(header(1, bytes: 16, words: [4096, 3, 0xdead, 0xbeef]))
                == [.gpadlCreated(id: 1, relid: relid, ranges: [range]), created(1)])
        let long = GuestPhysicalRange(pages: (0..<30).map { UInt64($0) })
        let messages = try #require(GuestMessage.describing([long], gpadl: 2, relid: relid))
        _ = server.receive(messages[0])
        guard case .gpadlBody(var body) = messages[1] else { return #expect(Bool(false), "no body") }
        body.words.append(0xdead)
        #expect(
            server.receive(.gpadlBody(body))
                == [.gpadlCreated(id: 2, relid: relid, ranges: [long]), created(2)])
    }

    static let malformed: [(bytes: UInt16, ranges: UInt16, words: [UInt64], error: GPADLError)] = [
        (16, 0, [4096, 1], .badRangeCount(ranges: 0, bytes: 16)),
        (0, 1, [], .badRangeCount(ranges: 1, bytes: 0)),
        (8, 1, [4096], .badRangeCount(ranges: 1, bytes: 8)),
        (16, 2, [4096, 1], .badRangeCount(ranges: 2, bytes: 16)),
        (16, .max, [4096, 1], .badRangeCount(ranges: 65535, bytes: 16)),
        (17, 1, [4096, 1], .badRangeBufferLength(17)),
        (16, 1, [0, 1], .emptyRange(index: 0)),
        (16, 1, [4096 | 4096 << 32, 1], .badByteOffset(index: 0, offset: 4096)),
        (16, 1, [0xffff_ffff_0000_0001, 1], .badByteOffset(index: 0, offset: .max)),
        (16, 1, [0x0000_0fff_ffff_ffff, 1], .pageCountMismatch(index: 0, needed: 1_048_577, have: 1)),
        (16, 1, [4097, 1], .pageCountMismatch(index: 0, needed: 2, have: 1)),
        (24, 1, [4096, 1, 2], .pageCountMismatch(index: 0, needed: 1, have: 2)),
        (32, 2, [8192, 1, 2, 4096], .pageCountMismatch(index: 1, needed: 1, have: 0)),
        (32, 2, [12288, 1, 2, 4096], .pageCountMismatch(index: 1, needed: 1, have: 0)),
        (40, 2, [4096, 1, 4096, 2, 3], .pageCountMismatch(index: 1, needed: 1, have: 2)),
        (16, 1, [4096, 1 << 52], .badPageNumber(1 << 52)),
        (16, 1, [4096, .max], .badPageNumber(.max)),
    ]

    @Test(arguments: malformed.indices)
    func `Malformed ranges are refused with the numbers and leave nothing`(index: Int) throws {
        let (bytes, ranges, words, error) = Self.malformed[index]
        var server = try Fixture.connected()
        #expect(server.receive(header(1, bytes: bytes, ranges: ranges, words: words)) == refused(1, error))
        #expect(server.gpadlCount == 0)
        #expect(server.describedPages == 0)
        #expect(server.receive(header(1, bytes: 16, words: [4096, 1])).last == created(1), "the id is free")
    }

    @Test func `Ids are unique in a connection and never 0`() throws {
        var server = try Fixture.connected()
        _ = server.receive(Fixture.ring(5, relid: relid))
        #expect(server.receive(Fixture.ring(5, relid: relid)) == refused(5, .duplicate))
        #expect(
            server.receive(Fixture.ring(5, relid: Fixture.vgpuRelid)) == [
                .protocolError(.gpadl(.gpadlHeader, gpadl: 5, .duplicate)),
                .send(.gpadlCreated(GPADLCreated(relid: Fixture.vgpuRelid, gpadl: 5, status: .failure))),
            ])
        #expect(server.receive(Fixture.ring(0, relid: relid)) == refused(0, .zeroID))
        #expect(server.gpadlCount == 1)
    }

    @Test func `A body belongs to a header that waits for it`() throws {
        var server = try Fixture.connected()
        let body = { (words: [UInt64]) in GuestMessage.gpadlBody(GPADLBody(gpadl: 5, words: words)) }
        #expect(server.receive(body([1])) == [.protocolError(.gpadl(.gpadlBody, gpadl: 5, .notInProgress))])
        _ = server.receive(header(5, bytes: 24, words: [8192, 1]))
        #expect(server.receive(body([])) == [.protocolError(.gpadl(.gpadlBody, gpadl: 5, .emptyBody))])
        #expect(server.receive(body([2])).last == created(5))
        #expect(server.receive(body([3])) == [.protocolError(.gpadl(.gpadlBody, gpadl: 5, .notInProgress))])
    }

    @Test func `Ranges that turn out malformed with the last body are refused then`() throws {
        var server = try Fixture.connected()
        _ = server.receive(header(5, bytes: 24, words: [8192, 1]))
        let body = GuestMessage.gpadlBody(GPADLBody(gpadl: 5, words: [.max]))
        #expect(server.receive(body) == refused(5, .badPageNumber(.max), by: .gpadlBody))
        #expect(server.gpadlCount == 0)
        #expect(server.describedPages == 0)
    }

    @Test func `A teardown names the channel of the header`() throws {
        var server = try Fixture.connected()
        _ = server.receive(Fixture.ring(5, relid: relid))
        let unknown = VMBusAction.protocolError(.gpadl(.gpadlTeardown, gpadl: 5, .unknown))
        #expect(server.receive(.gpadlTeardown(GPADLTeardown(relid: Fixture.vgpuRelid, gpadl: 5))) == [unknown])
        let teardown = GuestMessage.gpadlTeardown(GPADLTeardown(relid: relid, gpadl: 5))
        let tornDown: [VMBusAction] = [.gpadlTornDown(id: 5), .send(.gpadlTorndown(GPADLTorndown(gpadl: 5)))]
        #expect(server.receive(teardown) == tornDown)
        #expect(server.receive(teardown) == [unknown], "once")
        #expect(server.describedPages == 0)
    }

    @Test func `A second teardown while the first waits is an error`() throws {
        var server = try Fixture.opened()
        let teardown = GuestMessage.gpadlTeardown(GPADLTeardown(relid: relid, gpadl: 7))
        #expect(server.receive(teardown) == [])
        #expect(server.receive(teardown) == [.protocolError(.gpadl(.gpadlTeardown, gpadl: 7, .alreadyTearingDown))])
        #expect(server.receive(Fixture.ring(7, relid: relid)) == refused(7, .duplicate))
    }

    @Test func `An unfinished GPADL can be given up`() throws {
        var server = try Fixture.connected()
        _ = server.receive(header(5, bytes: 800, words: [4096 * 99]))
        #expect(
            server.receive(.gpadlTeardown(GPADLTeardown(relid: relid, gpadl: 5)))
                == [.send(.gpadlTorndown(GPADLTorndown(gpadl: 5)))], "the owner never knew it")
        #expect(server.describedPages == 0)
        let body = GuestMessage.gpadlBody(GPADLBody(gpadl: 5, words: [1]))
        #expect(server.receive(body) == [.protocolError(.gpadl(.gpadlBody, gpadl: 5, .notInProgress))])
    }

    @Test func `A GPADL begun before a rescind succeeds quietly after it`() throws {
        var server = try Fixture.connected()
        _ = server.receive(header(5, bytes: 24, words: [8192, 1]))
        _ = server.rescind(Fixture.global.key)
        #expect(server.receive(.gpadlBody(GPADLBody(gpadl: 5, words: [2]))) == [created(5)])
    }

    @Test func `The number of GPADLs is limited`() throws {
        var server = try Fixture.connected { $0.limits.maximumGPADLs = 2 }
        #expect(server.receive(Fixture.ring(1, relid: relid)).last == created(1))
        #expect(server.receive(Fixture.ring(2, relid: relid)).last == created(2))
        #expect(server.receive(Fixture.ring(3, relid: relid)) == refused(3, .tooManyGPADLs(limit: 2)))
        _ = server.receive(.gpadlTeardown(GPADLTeardown(relid: relid, gpadl: 1)))
        #expect(server.receive(Fixture.ring(3, relid: relid)).last == created(3))
    }

    @Test func `The number of unfinished GPADLs is limited`() throws {
        var server = try Fixture.connected { $0.limits.maximumGPADLsInProgress = 2 }
        let begin = { (id: UInt32) in self.header(id, bytes: 24, words: [8192, 1]) }
        #expect(server.receive(begin(1)) == [])
        #expect(server.receive(begin(2)) == [])
        #expect(server.receive(begin(3)) == refused(3, .tooManyInProgress(limit: 2)))
        _ = server.receive(.gpadlBody(GPADLBody(gpadl: 1, words: [2])))
        #expect(server.receive(begin(3)) == [])
    }

    @Test func `Pages are limited, in one GPADL and in all`() throws {
        var server = try Fixture.connected {
            $0.limits.maximumPagesPerGPADL = 10
            $0.limits.maximumTotalPages = 25
        }
        #expect(
            server.receive(Fixture.ring(1, relid: relid, pages: 11)) == refused(1, .tooManyPages(limit: 10, asked: 11)))
        #expect(server.receive(Fixture.ring(1, relid: relid, pages: 10)).last == created(1))
        #expect(server.receive(Fixture.ring(2, relid: relid, pages: 10)).last == created(2))
        #expect(
            server.receive(Fixture.ring(3, relid: relid, pages: 6))
                == refused(3, .tooManyTotalPages(limit: 25, asked: 26)))
        #expect(server.receive(Fixture.ring(3, relid: relid, pages: 5)).last == created(3))
        #expect(server.describedPages == 25)
        #expect(
            server.receive(header(4, bytes: 24, words: [8192])) == refused(4, .tooManyTotalPages(limit: 25, asked: 27)),
            "pages that were only announced count as well")
    }
}
