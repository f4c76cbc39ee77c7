public import SoftGPU

/// The answer to `fences` (docs/control.md 5).
public struct FencesReply: Codable, Hashable, Sendable {
    /// The guest's number.
    public var guest: UInt32
    /// In the order of their processes and handles.
    public var fences: [FenceInspection]

    public init(guest: UInt32, fences: [FenceInspection]) {
        self.guest = guest
        self.fences = fences
    }
}
