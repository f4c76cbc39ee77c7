/// An example kernel, or a few that work together, with a plain reference.
public struct KernelReference: Sendable {
    /// As in Kernels/README.md, with the folder: "OpenCL/sgemm_tiled".
    public let name: String
    let build: @Sendable (inout CaseGenerator) -> KernelCase

    /// A case of random sizes, group sizes and contents; the same for the same seed.
    public func makeCase(seed: UInt64) -> KernelCase {
        var generator = CaseGenerator(seed: seed)
        return build(&generator)
    }

    /// All of the example kernels.
    public static let all: [KernelReference] =
        vectors + matrices + bodies + planes + counters + transforms + digests + attention
}

/// The two languages of the example kernels, where one reference serves both.
enum Flavour: String {
    case openCL = "OpenCL"
    case glsl = "GLSL"

    /// A launch of the kernel that both languages have.
    func launch(
        _ kernel: String, in file: String, groups: Extent, of groupSize: Extent, _ arguments: [KernelArgument]
    ) -> KernelLaunch {
        KernelLaunch(
            module: "\(rawValue)/\(file)", entryPoint: self == .openCL ? kernel : "main", groupSize: groupSize,
            groups: groups, arguments: arguments)
    }
}
