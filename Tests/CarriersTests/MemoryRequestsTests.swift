@testable import Carriers
import Glibc
import Linux
import Testing

@Suite struct MemoryRequestsTests {
    private let requests = MemoryRequests(maximumRequests: 4, maximumParts: 2)

    /// The next frame's tag and text; a write's bytes are left out.
    private func next() -> (tag: UInt32, text: String)? {
        guard let frame = requests.nextFrame() else { return nil }
        var result: (UInt32, String)?
        var parser = FrameParser()
        let bytes = frame.bytes
        _ = try? parser.parse(unsafe bytes.span.bytes) { _ in
        } body: { (header, payload) throws(CarrierViolation) in
            switch try HostFrame(header, payload) {
            case .memoryRead(let range, let tag): result = (tag, "read \(range.start) \(range.length)")
            case .memoryWrite(let address, let bytes, let tag): result = (tag, "write \(address) \(bytes.byteCount)")
            default: Issue.record("unexpected \(header.type)")
            }
            return true
        }
        return result
    }

    private func answer(_ tag: UInt32, _ bytes: [UInt8], status: Int32 = 0) throws(CarrierViolation) {
        try requests.answer(status: status, data: unsafe bytes.span.bytes, tag: tag)
    }

    @Test func readsAndWrites() throws {
        var results: [String] = []
        requests.read(0x1000, 3) { results.append("read \((try? $0.get()) ?? [])") }
        requests.write(0x2000, [1, 2]) { results.append("write \($0)") }
        let read = try #require(next())
        let write = try #require(next())
        #expect(read.text == "read 4096 3" && write.text == "write 8192 2")
        #expect(read.tag != write.tag && read.tag != 0)
        #expect(next() == nil)
        try requests.answer(status: 0, tag: write.tag)
        try answer(read.tag, [7, 8, 9])
        #expect(results == ["write success([])", "read [7, 8, 9]"])
    }

    @Test func largeRequestsGoInPieces() throws {
        let part = MemoryRequests.maximumPartBytes
        #expect(part % 4096 == 0 && part + 16 <= FrameHeader.maximumPayloadBytes)
        var result: [UInt8] = []
        requests.read(4096, 2 * part + 5) { result = (try? $0.get()) ?? [] }
        let first = try #require(next())
        let second = try #require(next())
        // No more than two are on their way.
        #expect(next() == nil)
        try answer(second.tag, [UInt8](repeating: 2, count: part))
        let third = try #require(next())
        #expect(first.text == "read 4096 \(part)" && third.text == "read \(4096 + 2 * part) 5")
        try answer(third.tag, [3, 3, 3, 3, 3])
        #expect(result.isEmpty)
        try answer(first.tag, [UInt8](repeating: 1, count: part))
        #expect(result.count == 2 * part + 5)
        #expect(result[part - 1] == 1 && result[part] == 2 && result[2 * part] == 3)
    }

    @Test func aFailureEndsTheWholeRequest() throws {
        var failures: [SystemError] = []
        requests.write(0, [UInt8](repeating: 0, count: 5 * MemoryRequests.maximumPartBytes)) {
            if case .failure(let error) = $0 { failures.append(error) }
        }
        requests.read(0, 1) { _ in }
        let first = try #require(next())
        let second = try #require(next())
        try requests.answer(status: -EFAULT, tag: first.tag)
        #expect(failures.isEmpty)
        // The rest of it is not sent any more.
        #expect(next()?.text == "read 0 1")
        try requests.answer(status: 0, tag: second.tag)
        #expect(failures.map(\.code) == [EFAULT])
    }

    @Test func wrongAnswersAreViolations() throws {
        requests.read(0, 4) { _ in }
        requests.write(0, [1]) { _ in }
        let read = try #require(next()).tag
        let write = try #require(next()).tag
        func found(_ body: () throws(CarrierViolation) -> Void) -> CarrierViolation? { violation(body) }
        #expect(
            found { () throws(CarrierViolation) in try answer(99, []) } == .unknownTag(.memoryData, tag: 99))
        #expect(
            found { () throws(CarrierViolation) in try answer(write, []) } == .unknownTag(.memoryData, tag: write))
        #expect(
            found { () throws(CarrierViolation) in try requests.answer(status: 0, tag: read) }
                == .unknownTag(.memoryDone, tag: read))
        #expect(
            found { () throws(CarrierViolation) in try answer(read, [1, 2, 3]) }
                == .wrongLength(.memoryData, bytes: 3, expected: 4))
        // A tag is good for one answer.
        #expect(
            found { () throws(CarrierViolation) in try answer(read, [0, 0, 0, 0]) }
                == .unknownTag(.memoryData, tag: read))
        try requests.answer(status: 0, tag: write)
        requests.read(0, 4) { _ in }
        let failing = try #require(next()).tag
        #expect(
            found { () throws(CarrierViolation) in try answer(failing, [1], status: -5) }
                == .wrongLength(.memoryData, bytes: 1, expected: 0))
    }

    @Test func requestsAreBoundedAndMayAllFail() throws {
        var codes: [Int32] = []
        func record(_ result: Result<[UInt8], SystemError>) {
            if case .failure(let error) = result { codes.append(error.code) } else { codes.append(0) }
        }
        requests.read(5, 0, record)
        requests.read(.max, 2, record)
        #expect(codes == [0, EFAULT])
        for _ in 0..<5 { requests.read(0, 1, record) }
        #expect(codes == [0, EFAULT, ENOBUFS])
        _ = next()
        requests.failAll(SystemError(code: ENOTCONN, operation: "test"))
        #expect(codes == [0, EFAULT, ENOBUFS, ENOTCONN, ENOTCONN, ENOTCONN, ENOTCONN])
        #expect(next() == nil)
    }

    @Test func aCompletionMayAskAgain() throws {
        var count = 0
        func ask() {
            requests.read(UInt64(count), 1) { _ in
                count += 1
                if count < 3 { ask() }
            }
        }
        ask()
        while let frame = next() { try answer(frame.tag, [0]) }
        #expect(count == 3)
    }
}
