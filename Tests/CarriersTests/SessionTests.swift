@testable import Carriers
import Testing

@Suite struct SessionTests {
    private func check(_ session: StreamCarrierSession, _ type: FrameType, bytes: Int? = nil) -> CarrierViolation? {
        violation { () throws(CarrierViolation) in
            try session.check(FrameHeader(type, payloadBytes: bytes ?? type.minimumPayloadBytes))
        }
    }

    @Test func nothingButHelloIsLegalFirst() {
        let session = StreamCarrierSession(carriesDescriptors: true)
        for type in FrameType.allCases {
            switch type {
            case .hello: #expect(check(session, type) == nil)
            case _ where !type.isFromGuest: #expect(check(session, type) == .wrongDirection(type))
            default: #expect(check(session, type) == .notAdmitted(type))
            }
        }
        #expect(check(session, .hello, bytes: 65_520) == nil)
        #expect(check(session, .hello, bytes: 65_521) == .payloadTooLong(.hello, bytes: 65_521, limit: 65_520))
    }

    @Test func featuresMakeFramesLegal() {
        var session = StreamCarrierSession(carriesDescriptors: true)
        session.admit(granted: [], ioSpaceBytes: 0)
        let featured: [FrameType: CarrierFeatures] = [
            .shareMemory: .sharedMemory, .doorbell: .rings, .channelEvents: .ringEvents,
        ]
        for type in FrameType.allCases {
            if !type.isFromGuest {
                #expect(check(session, type) == .wrongDirection(type))
            } else if type == .hello {
                #expect(check(session, type) == .alreadyAdmitted)
            } else if let feature = featured[type] {
                #expect(check(session, type) == .featureNotGranted(type, feature))
            } else {
                #expect(check(session, type) == nil)
            }
        }
        var sharing = StreamCarrierSession(carriesDescriptors: true)
        sharing.admit(granted: .sharedMemory, ioSpaceBytes: 0)
        #expect(check(sharing, .shareMemory) == nil)
    }

    @Test func onlyWhatAllSidesCanDoIsGranted() {
        let all = CarrierFeatures(rawValue: .max)
        let direct = StreamCarrierSession(carriesDescriptors: true)
        #expect(direct.negotiate(wanted: all, offered: all) == [.sharedMemory, .sharedIOSpace])
        #expect(direct.negotiate(wanted: .sharedMemory, offered: all) == .sharedMemory)
        #expect(direct.negotiate(wanted: all, offered: .sharedIOSpace) == .sharedIOSpace)
        #expect(direct.negotiate(wanted: [.rings, .ringEvents], offered: all) == [])
        let distant = StreamCarrierSession(carriesDescriptors: false)
        #expect(distant.negotiate(wanted: all, offered: all) == [])
    }

    @Test func descriptorsNeedAFrameThatTakesThem() {
        func found(_ session: StreamCarrierSession, _ count: Int, _ bytes: Int, _ type: FrameType?) -> CarrierViolation?
        {
            violation { () throws(CarrierViolation) in
                try session.checkWaitingDescriptors(
                    count, partialBytes: bytes,
                    partial: type.map { FrameHeader($0, payloadBytes: $0.minimumPayloadBytes) })
            }
        }
        var session = StreamCarrierSession(carriesDescriptors: true)
        #expect(found(session, 0, 0, nil) == nil)
        #expect(found(session, 1, 20, .hello) == .unexpectedDescriptors(count: 1))
        session.admit(granted: .sharedMemory, ioSpaceBytes: 0)
        #expect(found(session, 1, 0, nil) == .unexpectedDescriptors(count: 1))
        #expect(found(session, 1, 5, nil) == nil)
        #expect(found(session, 64, 20, .shareMemory) == nil)
        #expect(found(session, 65, 20, .shareMemory) == .limit("memory regions", limit: 64))
        #expect(found(session, 2, 20, .ping) == .unexpectedDescriptors(count: 2))
        var plain = StreamCarrierSession(carriesDescriptors: true)
        plain.admit(granted: [], ioSpaceBytes: 0)
        #expect(found(plain, 1, 5, nil) == .unexpectedDescriptors(count: 1))
    }

    @Test func watchingIsBounded() throws {
        var limits = CarrierLimits()
        limits.watchedRanges = 2
        var session = StreamCarrierSession(limits: limits, carriesDescriptors: true)
        session.admit(granted: [], ioSpaceBytes: 0x10000)
        try session.watch(ByteRange(start: 0, length: 16), isOn: true)
        try session.watch(ByteRange(start: 0xfff0, length: 16), isOn: true)
        try session.watch(ByteRange(start: 16, length: 16), isOn: true)
        #expect(
            violation { () throws(CarrierViolation) in
                try session.watch(ByteRange(start: 0xfff0, length: 17), isOn: false)
            } == .badValue(.ioWatch, field: "end", value: 0x10001))
        #expect(
            violation { () throws(CarrierViolation) in try session.watch(ByteRange(start: 64, length: 1), isOn: true) }
                == .limit("watched ranges", limit: 2))
        #expect(CarrierViolation.limit("watched ranges", limit: 2).code == .resourceLimit)
    }

    /// Against a set of bytes, on operations from a fixed seed.
    @Test func watchedRangesAreASetOfBytes() {
        var state: UInt64 = 88_172_645_463_325_252
        func random(_ bound: UInt64) -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state % bound
        }
        var ranges = WatchedRanges()
        var bytes: Set<UInt64> = []
        for _ in 0..<2000 {
            let start = random(100)
            let range = start..<start + random(20)
            switch random(3) {
            case 0:
                ranges.insert(range)
                bytes.formUnion(range)
            case 1:
                ranges.remove(range)
                bytes.subtract(range)
            default:
                var parts: [UInt64] = []
                ranges.forEachPart(of: range) { parts += Array($0) }
                #expect(parts == range.filter { bytes.contains($0) })
            }
            #expect(zip(ranges.ranges, ranges.ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
            #expect(ranges.ranges.allSatisfy { !$0.isEmpty })
        }
    }
}
