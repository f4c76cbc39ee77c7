internal import Workers

/// libFuzzer's entry: bytes in GPU memory that a dispatch calls a code object.
///
/// Build with `FUZZ=1 swift build -c release --product FuzzCodeObject --sanitize fuzzer`. Whatever the checker lets
/// through is laid out here as the host would, within the bounds that it promises. The first byte chooses between the
/// input as it is and a good file with the input's changes.
@c(LLVMFuzzerTestOneInput)
public func fuzzCodeObject(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes that stay for the call; the copy is all that is used.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
    guard let choice = input.first else { return 0 }
    let file = choice % 4 == 0 ? Array(input.dropFirst()) : GoodFile.changed(by: input.dropFirst())
    guard let object = try? CodeObject(unsafe file.span.bytes) else {
        precondition(file != GoodFile.bytes, "the good file is refused")
        return 0
    }
    let image = object.imageBytes
    precondition(image > 0 && image <= CodeObject.maximumImageBytes && image % 4096 == 0)
    precondition(object.alignment >= 4096 && object.alignment <= CodeObject.maximumAlignment)
    precondition(object.segments.count <= CodeObject.maximumSegments)
    var end: UInt64 = 0
    for segment in object.segments {
        precondition(segment.address >= end)
        end = segment.address + segment.bytes
        precondition(end <= image && segment.fileBytes <= segment.bytes)
        precondition(!segment.isWritable || !segment.isExecutable)
        _ = file[Int(segment.fileOffset)..<Int(segment.fileOffset + segment.fileBytes)]
    }
    for relocation in object.relocations {
        let target = relocation.target
        let holders = object.segments.filter { target >= $0.address && target + 8 <= $0.address + $0.bytes }
        precondition(holders.count == 1 && holders[0].isWritable)
    }
    precondition(object.entry == 0 || object.isExecutable(object.entry))
    return 0
}
