extension KernelReference {
    /// SHA-256.
    static let digests: [KernelReference] = [
        KernelReference(name: "OpenCL/sha256") { sha256(&$0, .openCL, groupSize: nil) },
        KernelReference(name: "GLSL/sha256") { sha256(&$0, .glsl, groupSize: 32) },
    ]

    private static func sha256(_ generator: inout CaseGenerator, _ flavour: Flavour, groupSize: Int?) -> KernelCase {
        let count = generator.size(upTo: 40), items = groupSize ?? generator.groupSize()
        let length = Int.random(in: 0...200, using: &generator)
        let stride = length + Int.random(in: 0...9, using: &generator)
        // Whole words, and at least one: nothing is as long as an empty message.
        let messages = generator.bytes((count * stride / 4 + 1) * 4)
        let digests = (0..<count).flatMap { SHA256.digest(of: Array(messages[$0 * stride..<$0 * stride + length])) }
        return KernelCase(
            buffers: [
                .input(messages),
                KernelBuffer(initial: Bytes.zeros(words: digests.count), expectation: .exactly(Bytes.of(digests))),
            ],
            launches: [
                flavour.launch(
                    "sha256", in: "sha256", groups: Extent(generator.groups(covering: count, of: items)),
                    of: Extent(items),
                    [.buffer(0), .buffer(1), .word(UInt32(count)), .word(UInt32(length)), .word(UInt32(stride))])
            ])
    }
}
