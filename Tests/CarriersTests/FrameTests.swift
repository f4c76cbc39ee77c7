import Carriers
import Testing
import VMBus

@Suite struct FrameTests {
    static let identifier = GUID(0x0011_2233, 0x4455, 0x6677, 0x8899_aabb_ccdd_eeff)

    /// One frame of every type, with what the decoder has to make of it.
    static let frames: [(frame: Frame, text: String)] = [
        (
            .hello(
                Hello(wantedFeatures: [.sharedMemory, .rings], guestID: identifier, name: "gäst", token: [1, 2, 3])),
            "hello 1.0 features 5 \(identifier) gäst [1, 2, 3]"
        ),
        (
            .welcome(
                Welcome(grantedFeatures: .sharedIOSpace, guestID: identifier, ioSpaceBytes: 1 << 33, functionCount: 2)),
            "welcome 1.0 features 2 \(identifier) 8589934592 2"
        ),
        (.refused(.guestLimit, text: "voll: größer"), "refused 4 voll: größer"),
        (.message([UInt8](0..<8)), "message [0, 1, 2, 3, 4, 5, 6, 7]"),
        (.packet([UInt8](0..<16), relid: 9), "packet 9 [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]"),
        (.doorbell(relid: 7), "doorbell 7"),
        (
            .configurationRead(ConfigurationAddress(function: 3, offset: 0xd4, width: 2), tag: 5),
            "configurationRead 3 212 2 tag 5"
        ),
        (.configurationValue(0xdead_beef, tag: 5), "configurationValue 3735928559 tag 5"),
        (
            .configurationWrite(ConfigurationAddress(function: 1, offset: 4, width: 4), value: 77, tag: .max),
            "configurationWrite 1 4 4 77 tag 4294967295"
        ),
        (.memoryRead(ByteRange(start: 1 << 40, length: 4096), tag: 1), "memoryRead 1099511627776 4096 tag 1"),
        (.memoryData(status: 0, [9, 8], tag: 1), "memoryData 0 [9, 8] tag 1"),
        (.memoryWrite(address: 4096, [7], tag: 2), "memoryWrite 4096 [7] tag 2"),
        (.memoryDone(status: -14, tag: 2), "memoryDone -14 tag 2"),
        (.ioRead(ByteRange(start: 65536, length: 0), tag: 3), "ioRead 65536 0 tag 3"),
        (.ioData(status: -22, [], tag: 3), "ioData -22 [] tag 3"),
        (.ioWrite(offset: 8, [1, 2, 3], tag: 4), "ioWrite 8 [1, 2, 3] tag 4"),
        (.ioDone(status: 0, tag: 4), "ioDone 0 tag 4"),
        (.ioWatch(ByteRange(start: 4096, length: 4096), isOn: true), "ioWatch 4096 4096 true"),
        (.ioChanged(offset: 4104, [1, 0]), "ioChanged 4104 [1, 0]"),
        (
            .shareMemory([
                MemoryRegion(base: 0, bytes: 4096, fileOffset: 8192),
                MemoryRegion(base: 1 << 32, bytes: 1 << 30, fileOffset: 0),
            ]),
            "shareMemory 0 4096 8192; 4294967296 1073741824 0"
        ),
        (.ioSpace(bytes: 1 << 20), "ioSpace 1048576"),
        (.channelEvents(relid: 6), "channelEvents 6"),
        (.ping([5], tag: 8), "ping [5] tag 8"),
        (.pong([], tag: 8), "pong [] tag 8"),
    ]

    @Test func everyTypeIsCovered() throws {
        let types = try Self.frames.map { try FrameHeader(decoding: unsafe $0.frame.head.span.bytes).type }
        #expect(types == FrameType.allCases)
        #expect(types.map(\.rawValue) == Array(1...24))
    }

    @Test(arguments: frames.indices)
    func decodesWhatItEncodes(_ index: Int) throws {
        let (frame, text) = Self.frames[index]
        let bytes = frame.bytes
        let header = try FrameHeader(decoding: unsafe bytes.span.bytes)
        #expect(header.payloadBytes == bytes.count - FrameHeader.bytes)
        let payload = Array(bytes[FrameHeader.bytes...])
        #expect(header.type.isFromGuest || header.type.isFromHost)
        if header.type.isFromGuest {
            #expect(describe(try GuestFrame(header, unsafe payload.span.bytes)) == text)
        } else {
            #expect(
                violation { () throws(CarrierViolation) in _ = try GuestFrame(header, unsafe payload.span.bytes) }
                    == .wrongDirection(header.type))
        }
        if header.type.isFromHost {
            #expect(describe(try HostFrame(header, unsafe payload.span.bytes)) == text)
        } else {
            #expect(
                violation { () throws(CarrierViolation) in _ = try HostFrame(header, unsafe payload.span.bytes) }
                    == .wrongDirection(header.type))
        }
    }

    /// The bytes of docs/protocol/carrier.md, written by hand.
    @Test func theBytesAreThoseOfTheProtocol() {
        let hello = Frame.hello(Hello(wantedFeatures: .sharedIOSpace, guestID: Self.identifier, name: "a", token: [9]))
        #expect(
            hello.bytes == [
                38, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                0x53, 0x44, 0x59, 0x31, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
                0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
                1, 0, 1, 0, 0x61, 9,
            ])
        #expect(
            Frame.ioWatch(ByteRange(start: 0x1000, length: 0x2000), isOn: true).bytes == [
                16, 0, 0, 0, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 1, 0, 0, 0,
            ])
        #expect(
            Frame.packet([UInt8](repeating: 1, count: 16), relid: 0x0102_0304).head == [
                16, 0, 0, 0, 5, 0, 0, 0, 4, 3, 2, 1, 0, 0, 0, 0,
            ])
    }

    @Test(arguments: FrameType.allCases)
    func headersAreChecked(_ type: FrameType) {
        func header(
            _ length: Int, type number: UInt16, flags: UInt8 = 0, relid: UInt8 = 0, tag: UInt8 = 0
        ) -> CarrierViolation? {
            let bytes: [UInt8] =
                (0..<4).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) }
                + [UInt8(truncatingIfNeeded: number), UInt8(number >> 8), flags, 0, relid, 0, 0, 0, tag, 0, 0, 0]
            return violation { () throws(CarrierViolation) in _ = try FrameHeader(decoding: unsafe bytes.span.bytes) }
        }
        let least = type.minimumPayloadBytes
        let most = type.maximumPayloadBytes
        #expect(header(least, type: type.rawValue) == nil)
        #expect(header(most, type: type.rawValue) == nil)
        #expect(
            header(most + 1, type: type.rawValue) == .payloadTooLong(type, bytes: UInt32(most + 1), limit: most))
        if least > 0 {
            #expect(
                header(least - 1, type: type.rawValue)
                    == .payloadTooShort(type, bytes: least - 1, needed: UInt64(least)))
        }
        #expect(header(least, type: type.rawValue, flags: 1) == .badValue(type, field: "flags", value: 1))
        #expect(
            header(least, type: type.rawValue, relid: 2)
                == (type.hasRelid ? nil : .badValue(type, field: "relid", value: 2)))
        #expect(
            header(least, type: type.rawValue, tag: 3) == (type.hasTag ? nil : .badValue(type, field: "tag", value: 3)))
        #expect(header(least, type: type.rawValue + 0x100) == .unknownType(type.rawValue + 0x100))
        #expect(header(0, type: 0) == .unknownType(0))
        #expect(header(0, type: 25) == .unknownType(25))
    }

    /// A frame with some bytes of its payload replaced or cut, and how it is refused.
    static let malformed: [(frame: Frame, offset: Int, bytes: [UInt8], cut: Int, violation: CarrierViolation)] = [
        (frames[0].frame, 0, [0x54], 0, .badValue(.hello, field: "magic", value: 0x3159_4454)),
        (frames[0].frame, 4, [2], 0, .version(major: 2, minor: 0)),
        (frames[0].frame, 4, [0, 0, 7], 0, .version(major: 0, minor: 7)),
        (frames[0].frame, 36, [0xff], 0, .badText(.hello, field: "name")),
        (frames[0].frame, 0, [], 1, .payloadTooShort(.hello, bytes: 43, needed: 44)),
        (frames[0].frame, 32, [0xff, 0xff, 0xff, 0xff], 0, .payloadTooShort(.hello, bytes: 44, needed: 131_106)),
        (.packet([UInt8](0..<16), relid: 1), 0, [], -4, .badValue(.packet, field: "length", value: 20)),
        (frames[6].frame, 6, [3], 0, .badValue(.configurationRead, field: "width", value: 3)),
        (frames[8].frame, 6, [0], 0, .badValue(.configurationWrite, field: "width", value: 0)),
        (frames[10].frame, 0, [1], 0, .badValue(.memoryData, field: "status", value: 1)),
        (
            frames[12].frame, 0, [0, 0, 0, 0x80], 0,
            .badValue(.memoryDone, field: "status", value: 0x8000_0000)
        ),
        (
            frames[13].frame, 0, [UInt8](repeating: 0xff, count: 12), 0,
            .badValue(.ioRead, field: "offset", value: .max)
        ),
        (frames[15].frame, 8, [2], 0, .wrongLength(.ioWrite, bytes: 3, expected: 2)),
        (frames[15].frame, 8, [0xff, 0xff, 0xff, 0xff], 0, .wrongLength(.ioWrite, bytes: 3, expected: 0xffff_ffff)),
        (frames[17].frame, 12, [2], 0, .badValue(.ioWatch, field: "on", value: 2)),
        (frames[17].frame, 0, [UInt8](repeating: 0xff, count: 8), 0, .badValue(.ioWatch, field: "offset", value: .max)),
        (frames[19].frame, 0, [3], 0, .payloadTooShort(.shareMemory, bytes: 56, needed: 80)),
        (
            frames[19].frame, 0, [0xff, 0xff, 0xff, 0xff], 0,
            .payloadTooShort(.shareMemory, bytes: 56, needed: 103_079_215_088)
        ),
    ]

    @Test(arguments: malformed.indices)
    func malformedPayloadsAreRefused(_ index: Int) throws {
        let (frame, offset, bytes, cut, expected) = Self.malformed[index]
        var payload = Array(frame.bytes[FrameHeader.bytes...])
        payload.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        if cut > 0 { payload.removeLast(cut) } else { payload += [UInt8](repeating: 0, count: -cut) }
        let type = try FrameHeader(decoding: unsafe frame.head.span.bytes).type
        let header = FrameHeader(type, payloadBytes: payload.count)
        #expect(
            violation { () throws(CarrierViolation) in _ = try GuestFrame(header, unsafe payload.span.bytes) }
                == expected)
        #expect(expected.description.contains("\(type)") || type == .hello)
    }

    /// A later minor version may append fields.
    @Test func longerPayloadsAreAccepted() throws {
        for (frame, text) in Self.frames.prefix(2) {
            let payload = Array(frame.bytes[FrameHeader.bytes...]) + [1, 2, 3]
            let type = try FrameHeader(decoding: unsafe frame.head.span.bytes).type
            let header = FrameHeader(type, payloadBytes: payload.count)
            let decoded =
                type.isFromGuest
                ? describe(try GuestFrame(header, unsafe payload.span.bytes))
                : describe(try HostFrame(header, unsafe payload.span.bytes))
            #expect(decoded == text)
        }
    }
}
