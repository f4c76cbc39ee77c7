/// Collects the page lists of one GPADL from its header and bodies (`docs/protocol/vmbus.md 1.3`, `1.6`).
///
/// `rangeBufferLength` of the header is believed: words beyond it are padding.
struct GPADLAssembly: Hashable, Sendable {
    /// The number of ranges.
    let rangeCount: Int
    /// Pages of all ranges together: each word that is not the head of a range is a page number.
    let pageCount: Int

    private let wordCount: Int
    private var words: [UInt64] = []

    /// Begins with a header, whose counts are checked; its words are not looked at before the last have arrived.
    init(_ header: GPADLHeader) throws(GPADLError) {
        let bytes = Int(header.rangeBufferLength)
        guard bytes % 8 == 0 else { throw .badRangeBufferLength(bytes) }
        wordCount = bytes / 8
        rangeCount = Int(header.rangeCount)
        guard rangeCount >= 1, rangeCount * 2 <= wordCount else {
            throw .badRangeCount(ranges: rangeCount, bytes: bytes)
        }
        pageCount = wordCount - rangeCount
        append(header.words)
    }

    /// Whether all words have arrived.
    var isComplete: Bool { words.count == wordCount }

    /// Adds the words of a body; those beyond the end are padding.
    mutating func append(_ more: [UInt64]) {
        words.append(contentsOf: more.prefix(wordCount - words.count))
    }

    /// The ranges, once complete.
    func ranges() throws(GPADLError) -> [GuestPhysicalRange] {
        precondition(isComplete)
        var ranges: [GuestPhysicalRange] = []
        ranges.reserveCapacity(rangeCount)
        var position = 0
        for index in 0..<rangeCount {
            guard position < wordCount else { throw .pageCountMismatch(index: index, needed: 1, have: 0) }
            let byteCount = UInt32(truncatingIfNeeded: words[position])
            let byteOffset = UInt32(truncatingIfNeeded: words[position] >> 32)
            position += 1
            guard byteCount > 0 else { throw .emptyRange(index: index) }
            guard byteOffset < GuestPhysicalRange.pageSize else {
                throw .badByteOffset(index: index, offset: byteOffset)
            }
            let needed = GuestPhysicalRange.pageCount(byteOffset: byteOffset, byteCount: byteCount)
            let left = wordCount - position
            let isLast = index == rangeCount - 1
            guard isLast ? needed == left : needed <= left else {
                throw .pageCountMismatch(index: index, needed: needed, have: left)
            }
            let pages = words[position..<position + needed]
            if let page = pages.first(where: { $0 >= GPADLAssembly.pageNumberLimit }) { throw .badPageNumber(page) }
            ranges.append(GuestPhysicalRange(byteOffset: byteOffset, byteCount: byteCount, pages: Array(pages)))
            position += needed
        }
        return ranges
    }

    /// The first page number whose address would not fit 64 bits.
    private static let pageNumberLimit: UInt64 = 1 << 52
}
