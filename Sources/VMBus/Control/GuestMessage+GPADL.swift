extension GuestMessage {
    /// The messages with which a guest describes memory to the host: one GPADL_HEADER and as many GPADL_BODY as the
    /// page numbers need (`docs/protocol/vmbus.md 1.3`); nil if the ranges are too long for the header's 16-bit length.
    public static func describing(
        _ ranges: [GuestPhysicalRange], gpadl: UInt32, relid: UInt32
    ) -> [GuestMessage]? {
        var words: [UInt64] = []
        for range in ranges {
            words.append(UInt64(range.byteCount) | UInt64(range.byteOffset) << 32)
            words.append(contentsOf: range.pages)
        }
        guard let length = UInt16(exactly: words.count * 8), let count = UInt16(exactly: ranges.count) else {
            return nil
        }
        var rest = words.dropFirst(GPADLHeader.maximumWords)
        let header = GPADLHeader(
            relid: relid, gpadl: gpadl, rangeBufferLength: length, rangeCount: count,
            words: Array(words.prefix(GPADLHeader.maximumWords)))
        var messages = [GuestMessage.gpadlHeader(header)]
        while !rest.isEmpty {
            messages.append(.gpadlBody(GPADLBody(gpadl: gpadl, words: Array(rest.prefix(GPADLBody.maximumWords)))))
            rest = rest.dropFirst(GPADLBody.maximumWords)
        }
        return messages
    }
}
