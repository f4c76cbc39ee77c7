internal import WorkerProtocol

/// libFuzzer's entry: a command buffer as a guest writes it, and a record as a worker sends it.
///
/// Build with `FUZZ=1 swift build -c release --product FuzzCommands --sanitize fuzzer`. The first byte chooses.
@c(LLVMFuzzerTestOneInput)
public func fuzzCommands(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes that stay for the call; the copy is all that is used.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
    guard let choice = input.first else { return 0 }
    let bytes = Array(input.dropFirst())
    if choice % 2 == 0 {
        runCommands(bytes)
    } else {
        checkRecord(bytes)
    }
    return 0
}

/// Goes through packets as an engine does. Every one leads forward and stays in the buffer.
private func runCommands(_ buffer: [UInt8]) {
    var offset = 0
    while offset < buffer.count {
        let remaining = UInt64(buffer.count - offset)
        let bytes = unsafe buffer.span.bytes.extracting(offset..<buffer.count)
        precondition(CommandPacket.prefix(ofHeader: bytes, remaining: remaining) <= bytes.byteCount)
        guard let decoded = try? CommandPacket.decode(bytes, remaining: remaining) else { return }
        precondition(decoded.size >= 8 && decoded.size <= remaining)
        offset += Int(decoded.size)
    }
}

/// A record that is understood is the only one with its meaning.
private func checkRecord(_ bytes: [UInt8]) {
    guard let record = try? Record(unsafe bytes.span.bytes) else {
        precondition(bytes.count < Record.size)
        return
    }
    var again: [UInt8] = []
    if let decoded = try? WorkerRecord(record) {
        decoded.record.append(to: &again)
    } else if let decoded = try? HostRecord(record) {
        decoded.record.append(to: &again)
    } else {
        return
    }
    precondition(again == Array(bytes.prefix(Record.size)))
}
