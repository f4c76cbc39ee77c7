import Testing
import WorkerProtocol

@testable import Workers

@Suite struct MappingTableTests {
    private func mapping(
        _ pages: Range<UInt64>, file: Int = 0, offset: UInt64, access: GPUAccess = .readWrite
    ) -> GPUMapping {
        GPUMapping(
            address: pages.lowerBound << 12, length: UInt64(pages.count) << 12, file: file, offset: offset << 12,
            access: access)
    }

    @Test func joinsNeighboursThatContinueEachOther() {
        var table = MappingTable()
        table.insert(mapping(10..<12, offset: 100))
        table.insert(mapping(14..<16, offset: 104))
        table.insert(mapping(12..<14, offset: 102))
        #expect(table.mappings == [mapping(10..<16, offset: 100)])
        table.insert(mapping(16..<17, offset: 107))
        table.insert(mapping(9..<10, file: 1, offset: 99))
        table.insert(mapping(17..<18, offset: 108, access: .read))
        #expect(table.mappings.count == 4)
    }

    @Test func cutsWhatItReplaces() {
        var table = MappingTable()
        table.insert(mapping(10..<20, offset: 0))
        table.insert(mapping(13..<15, file: 1, offset: 7))
        #expect(
            table.mappings
                == [mapping(10..<13, offset: 0), mapping(13..<15, file: 1, offset: 7), mapping(15..<20, offset: 5)])
        table.remove(12 << 12..<16 << 12)
        #expect(table.mappings == [mapping(10..<12, offset: 0), mapping(16..<20, offset: 6)])
        table.insert(mapping(12..<16, offset: 2))
        #expect(table.mappings == [mapping(10..<20, offset: 0)])
        table.remove(0..<100 << 12)
        #expect(table.mappings.isEmpty)
    }

    @Test func findsThePiecesOfARange() {
        var table = MappingTable()
        table.insert(mapping(10..<12, offset: 0))
        table.insert(mapping(12..<14, file: 1, offset: 9))
        table.insert(mapping(14..<15, offset: 3, access: []))
        let (pieces, missing) = table.pieces(of: 0xa800..<0xd010)
        #expect(missing == nil)
        #expect(pieces.map(\.address) == [0xa800, 0xc000])
        #expect(pieces.map(\.length) == [0x1800, 0x1010])
        #expect(pieces.map(\.offset) == [0x800, 0x9000])
        #expect(table.pieces(of: 0x9000..<0xb000).missing == 0x9000)
        #expect(table.pieces(of: 0xd000..<0xf000).missing == 0xe000)
        #expect(table.pieces(of: 0xd000..<0x10000).missing == 0xe000)
    }

    /// Thousands of mappings, in any order of coming and going.
    @Test func holdsMany() {
        var table = MappingTable()
        let count: UInt64 = 5000
        // Every number below 5000 once, in an order that jumps about.
        let order = (0..<count).map { $0 * 2741 % count }
        for (done, page) in order.enumerated() {
            table.insert(mapping(page * 2..<page * 2 + 1, offset: page))
            #expect(table.count == done + 1)
        }
        #expect(table.mappings == (0..<count).map { mapping($0 * 2..<$0 * 2 + 1, offset: $0) })
        #expect(table.pieces(of: 0x2000 * 4321..<0x2000 * 4321 + 8).pieces.map(\.offset) == [4321 << 12])
        for page in order where page % 3 != 0 { table.remove(page << 13..<(page << 13) + 4096) }
        #expect(table.mappings.map(\.offset) == (0..<count).filter { $0 % 3 == 0 }.map { $0 << 12 })
        table.insert(mapping(100..<9000, file: 1, offset: 0))
        #expect(table.mappings == table.mappings.sorted { $0.address < $1.address })
        #expect(table.pieces(of: 100 << 12..<9000 << 12).pieces.count == 1)
        table.remove(0..<count << 13)
        #expect(table.count == 0)
    }

    /// Any order of insertions and removals leaves what page by page bookkeeping leaves.
    @Test func agreesWithPages() {
        var table = MappingTable()
        var pages: [UInt64: GPUMapping] = [:]
        var state: UInt64 = 1
        func next(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        for _ in 0..<3000 {
            let start = next(60)
            let range = start..<start + 1 + next(12)
            let removes = next(3) == 0
            // Few files and offsets, so that neighbours often continue each other.
            let file = Int(next(2))
            let delta = next(2) * 5
            if removes {
                table.remove(range.lowerBound << 12..<range.upperBound << 12)
            } else {
                table.insert(mapping(range, file: file, offset: start + delta))
            }
            for page in range {
                pages[page] = removes ? nil : mapping(page..<page + 1, file: file, offset: page + delta)
            }
            var expected: [GPUMapping] = []
            for page in 0..<80 as Range<UInt64> {
                guard let mapping = pages[page] else { continue }
                if let joined = expected.last?.joined(with: mapping) {
                    expected[expected.count - 1] = joined
                } else {
                    expected.append(mapping)
                }
            }
            #expect(table.mappings == expected)
        }
    }
}
