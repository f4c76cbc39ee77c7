import DXGProtocol
import Testing

@testable import SoftGPU

/// The model's own containers against naive ones.
@Suite struct ContainerTests {
    @Test(arguments: [1, 2, 3] as [UInt64])
    func rangeMapAgainstCells(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var map = RangeMap<Int>()
        // The value of a cell says which number of its range it is.
        var cells: [Int?] = Array(repeating: nil, count: 64)
        for _ in 0..<2_000 {
            let start = random.below(63)
            let end = start + 1 + random.below(64 - start)
            if random.chance(50), cells[start..<end].allSatisfy({ $0 == nil }) {
                map.insert(UInt64(start), UInt64(end), 0)
                for cell in start..<end { cells[cell] = cell - start }
            } else {
                let before = map.entries.filter { $0.start < UInt64(end) && $0.end > UInt64(start) }
                let removed = map.carve(UInt64(start), UInt64(end)) { $0 + Int($1) }
                #expect(removed.map(\.start) == before.map(\.start))
                for cell in start..<end { cells[cell] = nil }
            }
            for cell in 0..<64 {
                let entry = map.entry(containing: UInt64(cell))
                #expect(entry.map { $0.value + cell - Int($0.start) } == cells[cell])
            }
            let isFree = cells[start..<end].allSatisfy { $0 == nil }
            #expect(map.isFree(UInt64(start), UInt64(end)) == isFree)
            let length = 1 + random.below(8)
            let alignment = 1 << random.below(4)
            let naive = stride(from: 0, through: 64 - length, by: alignment).first { candidate in
                cells[candidate..<candidate + length].allSatisfy { $0 == nil }
            }
            let found = map.firstGap(length: UInt64(length), alignment: UInt64(alignment), lower: 0, upper: 64)
            #expect(found == naive.map(UInt64.init))
        }
    }

    @Test func gapsAtTheEndOfNumbers() {
        var map = RangeMap<Void>()
        map.insert(.max - 8192, .max - 4096, ())
        #expect(map.firstGap(length: 8192, alignment: 4096, lower: .max - 8192, upper: .max) == nil)
        #expect(map.firstGap(length: 1, alignment: 1, lower: .max - 8192, upper: .max) == UInt64.max - 4096)
        #expect(map.firstGap(length: 10, alignment: 1 << 20, lower: .max - 4, upper: .max) == nil)
    }

    @Test(arguments: [1, 2] as [UInt64])
    func pagesHaveOneOwner(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var allocator = PageAllocator(capacity: 64 * pageSize, lateness: 4)
        var owned: [UInt64: UInt64] = [:]
        var pages = Array(repeating: false, count: 64)
        for _ in 0..<3_000 {
            if random.chance(60) {
                let count = 1 + random.below(6)
                let alignment = pageSize << UInt64(random.below(3))
                guard let start = allocator.allocate(UInt64(count) * pageSize, alignment: alignment) else { continue }
                #expect(start % alignment == 0)
                for page in 0..<count {
                    let index = Int(start / pageSize) + page
                    #expect(!pages[index])
                    pages[index] = true
                }
                owned[start] = UInt64(count)
            } else if let start = owned.keys.sorted().randomElement(using: &random) {
                for page in 0..<owned.removeValue(forKey: start)! { pages[Int(start / pageSize + page)] = false }
                allocator.free(start)
            }
            #expect(allocator.used == UInt64(pages.count { $0 }) * pageSize)
        }
    }

    @Test func freedPagesWait() {
        var allocator = PageAllocator(capacity: 8 * pageSize, lateness: 3)
        var starts = (0..<4).map { _ in allocator.allocate(pageSize) }
        allocator.free(0)
        starts += (4..<8).map { _ in allocator.allocate(pageSize) }
        #expect(starts == (0..<8).map { $0 * pageSize })
        // Nothing else is left: the wait ends early.
        let last = allocator.allocate(pageSize)
        #expect(last == 0)
        let none = allocator.allocate(pageSize)
        #expect(none == nil)
    }

    @Test func handlesAreReusedLateAndDifferently() {
        var table = HandleTable<Int>(uniques: [1, 3], limit: 100, lateness: 4)
        let first = table.insert(1)!
        #expect(first == D3DKMTHandle(index: 1, unique: 1))
        var seen: Set<D3DKMTHandle> = [first]
        table.remove(first)
        #expect(table[first] == nil)
        for value in 0..<4 {
            let handle = table.insert(value)!
            #expect(handle.index != first.index)
            let isNew = seen.insert(handle).inserted
            #expect(isNew)
            table.remove(handle)
        }
        let again = table.insert(9)!
        #expect(again.index == first.index)
        #expect(again != first)
        #expect(table[first] == nil && table[again] == 9)
        let isRemoved = table.remove(first)
        #expect(!isRemoved)
        #expect(table.count == 1)
    }

    @Test func handleTableHasALimit() {
        var table = HandleTable<Int>(uniques: [1], limit: 3, lateness: 2)
        let handles = (0..<3).map { table.insert($0)! }
        let refused = table.insert(3)
        #expect(refused == nil)
        table.remove(handles[1])
        table.insert(4)
        #expect(table.objects == [0, 2, 4])
    }

    @Test func handleTableAgainstADictionary() {
        var random = SeededGenerator(seed: 5)
        var table = HandleTable<Int>(uniques: [1, 3], limit: 50, lateness: 8)
        var naive: [D3DKMTHandle: Int] = [:]
        var stale: [D3DKMTHandle] = []
        for step in 0..<5_000 {
            if random.chance(50), let handle = table.insert(step) {
                let old = naive.updateValue(step, forKey: handle)
                #expect(old == nil)
                stale.removeAll { $0 == handle }
            } else if let handle = naive.keys.sorted().randomElement(using: &random) {
                table.remove(handle)
                naive[handle] = nil
                stale.append(handle)
            }
            #expect(table.count == naive.count)
            if let handle = stale.randomElement(using: &random) { #expect(table[handle] == nil) }
            if let handle = naive.keys.sorted().randomElement(using: &random) {
                #expect(table[handle] == naive[handle])
            }
        }
    }

    @Test func objectsInOrder() {
        final class Thing: Ordered {
            let order: UInt64
            init(_ order: UInt64) { self.order = order }
        }
        var random = SeededGenerator(seed: 8)
        var list = OrderedList<Thing>()
        var naive: [Thing] = []
        for order in 0..<1_000 as Range<UInt64> {
            let thing = Thing(order)
            list.append(thing)
            naive.append(thing)
            if random.chance(60), let gone = naive.randomElement(using: &random) {
                list.remove(gone)
                list.remove(gone)
                naive.removeAll { $0 === gone }
            }
        }
        #expect(list.elements.map(\.order) == naive.map(\.order))
    }
}
