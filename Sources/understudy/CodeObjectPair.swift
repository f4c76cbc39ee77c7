import Linux

/// A kernel of the demo, compiled twice.
struct CodeObjectPair {
    /// SHA-256 of the source that both were made from.
    let sourceDigest: String
    /// For any x86-64 processor, in base64.
    let baseline: String
    /// For one with AVX2 and FMA, in base64.
    let avx2: String

    /// The ELF file that this machine runs best.
    var bytes: [UInt8] { Base64.decode(Processor.hasAVX2 ? avx2 : baseline) }
}
