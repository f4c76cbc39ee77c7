import Carriers
import Testing

@Suite struct FrameParserTests {
    private static let conversation = FrameTests.frames.flatMap(\.frame.bytes)

    /// What a parser finds, as text, when the bytes come in these pieces.
    private func texts(_ pieces: [ArraySlice<UInt8>]) throws(CarrierViolation) -> [String] {
        var result: [String] = []
        var parser = FrameParser()
        for piece in pieces {
            try parser.parse(unsafe piece.span.bytes) { _ in
            } body: { (header, payload) throws(CarrierViolation) in
                if header.type.isFromGuest {
                    result.append(describe(try GuestFrame(header, payload)))
                } else {
                    result.append(describe(try HostFrame(header, payload)))
                }
                return true
            }
        }
        #expect(parser.keptBytes == 0 && parser.partialHeader == nil)
        return result
    }

    @Test func everySplitGivesTheSameFrames() throws {
        let bytes = Self.conversation
        let expected = FrameTests.frames.map(\.text)
        #expect(try texts([bytes[...]]) == expected)
        #expect(try texts(bytes.indices.map { bytes[$0...$0] }) == expected)
        for split in bytes.indices {
            #expect(try texts([bytes[..<split], bytes[split...]]) == expected)
        }
        for size in 2...64 {
            let pieces = stride(from: 0, to: bytes.count, by: size).map { bytes[$0..<min($0 + size, bytes.count)] }
            #expect(try texts(pieces) == expected)
        }
    }

    @Test func stopsWhereItIsToldTo() throws {
        let bytes = Self.conversation
        let expected = FrameTests.frames.map(\.text)
        for size in [1, 17, 100, bytes.count] {
            var parser = FrameParser()
            var result: [String] = []
            func parse(_ piece: ArraySlice<UInt8>) throws(CarrierViolation) -> Bool {
                try parser.parse(unsafe piece.span.bytes) { _ in
                } body: { (header, payload) throws(CarrierViolation) in
                    result.append(
                        header.type.isFromGuest
                            ? describe(try GuestFrame(header, payload)) : describe(try HostFrame(header, payload)))
                    return false
                }
            }
            for start in stride(from: 0, to: bytes.count, by: size) {
                var found = result.count
                var isComplete = try parse(bytes[start..<min(start + size, bytes.count)])
                #expect(result.count <= found + 1)
                while !isComplete {
                    found = result.count
                    isComplete = try parse([])
                    #expect(result.count <= found + 1)
                }
            }
            #expect(result == expected)
        }
    }

    @Test func theHeaderIsCheckedBeforeThePayloadCame() {
        let bytes = Frame.ping([UInt8](repeating: 0, count: 1000), tag: 0).bytes
        var parser = FrameParser()
        let found = violation { () throws(CarrierViolation) in
            let start = bytes[..<16]
            try parser.parse(unsafe start.span.bytes) { (header) throws(CarrierViolation) in
                throw .notAdmitted(header.type)
            } body: { _, _ in
                true
            }
        }
        #expect(found == .notAdmitted(.ping))
    }

    @Test func knowsWhatItWaitsFor() throws {
        let bytes = Frame.ping([1, 2, 3], tag: 9).bytes
        var parser = FrameParser()
        func feed(_ piece: ArraySlice<UInt8>) throws {
            try parser.parse(unsafe piece.span.bytes) { _ in
            } body: { _, _ in
                true
            }
        }
        try feed(bytes[..<15])
        #expect(parser.keptBytes == 15 && parser.partialHeader == nil)
        try feed(bytes[15..<17])
        #expect(parser.keptBytes == 17 && parser.partialHeader?.tag == 9)
        try feed(bytes[17...])
        #expect(parser.keptBytes == 0)
    }

    @Test func theLargestFrameArrivesWhole() throws {
        let payload = (0..<FrameHeader.maximumPayloadBytes).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let bytes = Frame.ping(payload, tag: 1).bytes + Frame.ping([4], tag: 2).bytes
        var parser = FrameParser()
        var found: [[UInt8]] = []
        for start in stride(from: 0, to: bytes.count, by: 65536) {
            let piece = bytes[start..<min(start + 65536, bytes.count)]
            try parser.parse(unsafe piece.span.bytes) { _ in
            } body: { _, payload in
                found.append(array(payload))
                return true
            }
        }
        #expect(found == [payload, [4]])
    }

    /// What the fuzzer drives, on damaged conversations from a fixed seed.
    @Test func damagedConversationsAreFoundTheSameInPieces() {
        var state: UInt64 = 0x1234_5678_9abc_def1
        func random(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(bound))
        }
        for _ in 0..<300 {
            var bytes = [UInt8(random(256))] + Self.conversation
            for _ in 0..<random(4) { bytes[random(bytes.count)] = UInt8(random(256)) }
            bytes.removeLast(random(40))
            unsafe FrameExercise.run(bytes.span.bytes)
        }
    }
}
