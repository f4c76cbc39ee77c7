import Testing

@testable import Host

@Suite struct LineDifferenceTests {
    private let old = [UInt8](repeating: 0, count: 300)

    private func changed(_ positions: Int...) -> [UInt8] {
        var bytes = old
        for position in positions { bytes[position] = 1 }
        return bytes
    }

    @Test func nothing() {
        #expect(LineDifference.ranges(from: old, to: old) == [])
        #expect(LineDifference.ranges(from: [], to: []) == [])
    }

    @Test func wholeLines() {
        #expect(LineDifference.ranges(from: old, to: changed(0)) == [0..<64])
        #expect(LineDifference.ranges(from: old, to: changed(63)) == [0..<64])
        #expect(LineDifference.ranges(from: old, to: changed(64)) == [64..<128])
    }

    @Test func neighboursAreOne() {
        #expect(LineDifference.ranges(from: old, to: changed(63, 64)) == [0..<128])
        #expect(LineDifference.ranges(from: old, to: changed(0, 128)) == [0..<64, 128..<192])
    }

    /// The last line may be shorter than the others.
    @Test func end() {
        #expect(LineDifference.ranges(from: old, to: changed(299)) == [256..<300])
        #expect(LineDifference.ranges(from: old, to: changed(200, 256)) == [192..<300])
    }

    @Test func everything() {
        #expect(LineDifference.ranges(from: old, to: [UInt8](repeating: 1, count: 300)) == [0..<300])
    }
}
