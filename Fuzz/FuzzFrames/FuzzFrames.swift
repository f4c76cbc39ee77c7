internal import Carriers

/// libFuzzer's entry: what a peer sends on a stream, which arrives in pieces (docs/protocol/carrier.md).
///
/// Build with `FUZZ=1 swift build -c release --product FuzzFrames --sanitize fuzzer`. The first byte is the size of the
/// pieces.
@c(LLVMFuzzerTestOneInput)
public func fuzzFrames(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes that stay for the call; the copy is all that is used.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
    FrameExercise.run(unsafe input.span.bytes)
    return 0
}
