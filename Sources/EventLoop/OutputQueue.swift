internal import Glibc
internal import Linux

/// What a stream could not send yet, in order.
///
/// Small pieces are copied together, large arrays are kept as they are. Descriptors are duplicates of the queue's own
/// and go with the first byte of their piece.
struct OutputQueue: ~Copyable {
    private struct Piece {
        var bytes: [UInt8]
        var descriptors: [Int32]
        /// Whether later small pieces may be copied behind this one.
        var isOpen: Bool
    }

    private var pieces: [Piece] = []
    private var head = 0
    /// How much of the first piece is sent.
    private var sent = 0
    private var spare: [UInt8] = []

    /// The bytes that wait.
    private(set) var bytes = 0

    /// From this size on an array is kept instead of copied.
    private static let largeBytes = 8192
    /// Up to this size small pieces are put together.
    private static let coalescedBytes = 32768

    var isEmpty: Bool { bytes == 0 }

    deinit {
        for piece in pieces[head...] { Self.close(piece.descriptors) }
    }

    /// Adds bytes from `start` on.
    mutating func append(_ array: [UInt8], from start: Int = 0) {
        let count = array.count - start
        if count < Self.largeBytes {
            append(unsafe array.span.bytes.extracting(droppingFirst: start))
            return
        }
        if isEmpty && start > 0 {
            sent = start
            pieces.append(Piece(bytes: array, descriptors: [], isOpen: false))
        } else {
            pieces.append(Piece(bytes: start == 0 ? array : Array(array[start...]), descriptors: [], isOpen: false))
        }
        bytes += count
    }

    /// Adds a copy of the bytes.
    mutating func append(_ span: RawSpan) {
        if span.isEmpty { return }
        bytes += span.byteCount
        if let last = pieces.indices.last, last >= head, pieces[last].isOpen,
            pieces[last].bytes.count + span.byteCount <= Self.coalescedBytes
        {
            pieces[last].bytes.append(span)
            return
        }
        var piece = Piece(bytes: [], descriptors: [], isOpen: true)
        swap(&piece.bytes, &spare)
        piece.bytes.append(span)
        pieces.append(piece)
    }

    /// Starts a new piece whose first byte, which is added next, takes duplicates of these descriptors along.
    mutating func append(_ span: RawSpan, descriptors: [Int32]) throws(SystemError) {
        if descriptors.isEmpty { return append(span) }
        var duplicates: [Int32] = []
        do {
            for number in descriptors { duplicates.append(try FileDescriptor(duplicating: number).release()) }
        } catch {
            Self.close(duplicates)
            throw error
        }
        var piece = Piece(bytes: [], descriptors: duplicates, isOpen: true)
        piece.bytes.append(span)
        pieces.append(piece)
        bytes += span.byteCount
    }

    /// Sends as much as the socket takes. Says whether everything went.
    mutating func send(to socket: Int32) throws(SystemError) -> Bool {
        while head < pieces.count {
            var end = head + 1
            while end < pieces.count && end - head < Socket.maximumParts && pieces[end].descriptors.isEmpty { end += 1 }
            let count = try Socket.send(
                socket, head..<end, skipping: sent, descriptors: pieces[head].descriptors
            ) { pieces[$0].bytes }
            guard let count else { return false }
            remove(count)
        }
        return true
    }

    /// Forgets everything.
    mutating func removeAll() {
        for piece in pieces[head...] { Self.close(piece.descriptors) }
        pieces = []
        head = 0
        sent = 0
        bytes = 0
    }

    private mutating func remove(_ count: Int) {
        bytes -= count
        if !pieces[head].descriptors.isEmpty {
            Self.close(pieces[head].descriptors)
            pieces[head].descriptors = []
        }
        var left = count + sent
        while head < pieces.count && left >= pieces[head].bytes.count {
            left -= pieces[head].bytes.count
            if pieces[head].isOpen {
                swap(&spare, &pieces[head].bytes)
                spare.removeAll(keepingCapacity: true)
            }
            pieces[head].bytes = []
            head += 1
        }
        sent = left
        if head == pieces.count {
            pieces.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 64 && head * 2 >= pieces.count {
            pieces.removeSubrange(..<head)
            head = 0
        } else if sent > 0 {
            // What follows would otherwise be copied behind bytes that are gone already, without end.
            pieces[head].isOpen = false
        }
    }

    private static func close(_ descriptors: [Int32]) {
        for number in descriptors { _ = FileDescriptor(owning: number) }
    }
}

extension Array<UInt8> {
    /// Adds a copy of the bytes.
    mutating func append(_ span: RawSpan) {
        // SAFETY: the span's memory is read during the call only.
        unsafe span.withUnsafeBytes { unsafe append(contentsOf: $0) }
    }
}
