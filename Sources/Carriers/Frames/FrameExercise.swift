/// Drives the parser and both decoders with bytes of any kind: what a fuzzer calls.
public enum FrameExercise {
    /// The first byte tells in pieces of what size the rest arrives. Stops the program if the frames that are found
    /// depend on that.
    public static func run(_ input: RawSpan) {
        guard input.byteCount > 1 else { return }
        let bytes = input.extracting(droppingFirst: 1)
        let piece = Int(input.integer(at: 0, as: UInt8.self)) + 1
        precondition(frames(in: bytes, piece: bytes.byteCount) == frames(in: bytes, piece: piece))
    }

    /// What was found: the headers, and the violation that ended it.
    private struct Finding: Equatable {
        var headers: [FrameHeader] = []
        var payloadSum: UInt64 = 0
        var violation: CarrierViolation?
    }

    private static func frames(in bytes: RawSpan, piece: Int) -> Finding {
        var finding = Finding()
        var parser = FrameParser()
        var position = 0
        do throws(CarrierViolation) {
            while position < bytes.byteCount {
                let end = min(position + piece, bytes.byteCount)
                try parser.parse(bytes.extracting(position..<end)) { _ in
                } body: { (header, payload) throws(CarrierViolation) in
                    finding.headers.append(header)
                    for byte in payload.array() { finding.payloadSum = finding.payloadSum &* 31 &+ UInt64(byte) }
                    if header.type.isFromGuest { _ = try GuestFrame(header, payload) }
                    if header.type.isFromHost { _ = try HostFrame(header, payload) }
                    return true
                }
                position = end
            }
        } catch {
            finding.violation = error
        }
        return finding
    }
}
