/// Why a GPADL was refused (`docs/protocol/vmbus.md 1.10`).
public enum GPADLError: Error, Hashable, Sendable {
    /// Id 0 names no GPADL: it stands for "no ring" when a channel opens.
    case zeroID
    /// The id is in use.
    case duplicate
    /// No GPADL of this id is waiting for more pages.
    case notInProgress
    /// No GPADL of this id was made on this channel, or it has been torn down.
    case unknown
    /// The teardown was already asked for.
    case alreadyTearingDown
    /// No ranges, or more than their bytes can hold.
    case badRangeCount(ranges: Int, bytes: Int)
    /// The ranges' bytes are not whole 64-bit words.
    case badRangeBufferLength(Int)
    /// A message that adds no page.
    case emptyBody
    /// A range without bytes.
    case emptyRange(index: Int)
    /// A range that begins outside its first page.
    case badByteOffset(index: Int, offset: UInt32)
    /// A range's bytes need another number of pages than the list has.
    case pageCountMismatch(index: Int, needed: Int, have: Int)
    /// A page number whose address does not fit 64 bits.
    case badPageNumber(UInt64)
    /// More pages in one GPADL than allowed.
    case tooManyPages(limit: Int, asked: Int)
    /// More GPADLs than the guest may have.
    case tooManyGPADLs(limit: Int)
    /// More GPADLs begun and not finished than the guest may have.
    case tooManyInProgress(limit: Int)
    /// More pages in all GPADLs together than the guest may describe.
    case tooManyTotalPages(limit: Int, asked: Int)
}

extension GPADLError: CustomStringConvertible {
    /// One line for a log.
    public var description: String {
        switch self {
        case .zeroID: "id 0"
        case .duplicate: "id in use"
        case .notInProgress: "no GPADL in progress"
        case .unknown: "no such GPADL on the channel"
        case .alreadyTearingDown: "already being torn down"
        case .badRangeCount(let ranges, let bytes): "\(ranges) ranges in \(bytes) bytes"
        case .badRangeBufferLength(let bytes): "ranges of \(bytes) bytes"
        case .emptyBody: "body without pages"
        case .emptyRange(let index): "range \(index) is empty"
        case .badByteOffset(let index, let offset): "range \(index) begins at byte \(offset) of its page"
        case .pageCountMismatch(let index, let needed, let have): "range \(index) needs \(needed) pages, \(have) left"
        case .badPageNumber(let page): "page number 0x\(String(page, radix: 16))"
        case .tooManyPages(let limit, let asked): "\(asked) pages, at most \(limit) allowed"
        case .tooManyGPADLs(let limit): "more than \(limit) GPADLs"
        case .tooManyInProgress(let limit): "more than \(limit) unfinished GPADLs"
        case .tooManyTotalPages(let limit, let asked): "\(asked) pages in all, at most \(limit) allowed"
        }
    }
}
