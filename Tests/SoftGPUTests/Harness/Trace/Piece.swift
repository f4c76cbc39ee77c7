@testable import SoftGPU

/// A part of an address space and what is seen there: a file from an offset on, or zeros.
struct Piece: Hashable {
    let start: UInt64
    var end: UInt64
    let file: MemoryFile?
    let offset: UInt64

    init(_ start: UInt64, _ end: UInt64, _ span: MemorySpan?) {
        self.start = start
        self.end = end
        file = span?.file
        offset = span?.offset ?? 0
    }

    static func joined(_ pieces: [Piece]) -> [Piece] {
        var result: [Piece] = []
        for piece in pieces {
            if let last = result.last, last.end == piece.start, last.file == piece.file,
                piece.file == nil || last.offset + (last.end - last.start) == piece.offset
            {
                result[result.count - 1].end = piece.end
            } else {
                result.append(piece)
            }
        }
        return result
    }
}
