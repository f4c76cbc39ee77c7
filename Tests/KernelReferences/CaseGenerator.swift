/// Random sizes and contents, the same for the same seed (SplitMix64).
struct CaseGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// A size from 1 to a limit; small ones are as likely as large ones.
    mutating func size(upTo limit: Int) -> Int {
        let bits = Int.random(in: 0...(Int.bitWidth - limit.leadingZeroBitCount), using: &self)
        return Int.random(in: 1...min(limit, 1 << bits), using: &self)
    }

    mutating func powerOfTwo(upTo limit: Int) -> Int {
        1 << Int.random(in: 0...limit.trailingZeroBitCount, using: &self)
    }

    /// Items of a one-dimensional work-group: powers of two and others.
    mutating func groupSize() -> Int { [1, 2, 3, 8, 17, 32, 64, 100, 128, 256].randomElement(using: &self) ?? 1 }

    /// Items of a two-dimensional work-group.
    mutating func planeGroup() -> Extent {
        Extent([1, 2, 5, 8, 16].randomElement(using: &self) ?? 1, [1, 3, 4, 16].randomElement(using: &self) ?? 1)
    }

    /// Groups that have at least so many items, and at times one group more.
    mutating func groups(covering items: Int, of size: Int) -> Int {
        (items + size - 1) / size + (Int.random(in: 0..<4, using: &self) == 0 ? 1 : 0)
    }

    /// Groups of a plane that cover it, and at times one more row or column.
    mutating func groups(covering width: Int, by height: Int, of size: Extent) -> Extent {
        Extent(groups(covering: width, of: size.x), groups(covering: height, of: size.y))
    }

    mutating func words(_ count: Int) -> [UInt32] {
        (0..<count).map { _ in UInt32.random(in: .min ... .max, using: &self) }
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &self) }
    }

    mutating func floats(_ count: Int, in range: ClosedRange<Float> = -1...1) -> [Float] {
        (0..<count).map { _ in Float.random(in: range, using: &self) }
    }
}
