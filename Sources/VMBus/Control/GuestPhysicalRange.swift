/// A range of guest memory as a GPADL describes it: bytes that begin inside the first of a list of pages
/// (`docs/protocol/vmbus.md 1.3`).
public struct GuestPhysicalRange: Hashable, Sendable {
    /// Bytes of a guest page.
    public static let pageSize = 4096

    /// Where the bytes begin in the first page, 0 to 4095.
    public var byteOffset: UInt32
    /// The number of bytes.
    public var byteCount: UInt32
    /// The page numbers, in the order of the bytes; each is below 2^52.
    public var pages: [UInt64]

    /// Makes a range; `pages` should hold `pageCount(byteOffset:byteCount:)` numbers.
    public init(byteOffset: UInt32, byteCount: UInt32, pages: [UInt64]) {
        self.byteOffset = byteOffset
        self.byteCount = byteCount
        self.pages = pages
    }

    /// A range of whole pages; at most 2^20 - 1 of them.
    public init(pages: [UInt64]) {
        self.init(byteOffset: 0, byteCount: UInt32(pages.count * GuestPhysicalRange.pageSize), pages: pages)
    }

    /// How many pages a range touches.
    public static func pageCount(byteOffset: UInt32, byteCount: UInt32) -> Int {
        let end = UInt64(byteOffset) + UInt64(byteCount)
        return Int((end + UInt64(pageSize - 1)) / UInt64(pageSize))
    }
}
