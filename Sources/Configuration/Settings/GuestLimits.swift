public import SoftGPU

/// What one guest may take up.
public struct GuestLimits: Sendable {
    /// What it may have in the model.
    public var model = Limits()
    /// Frames that are taken from it in a second; nil: as many as it sends.
    public var messagesPerSecond: UInt64?
    /// Worker processes at a time, one for each of its GPU address spaces; nil: as many as it has.
    public var workers: Int?

    public init() {}

    static let schema = Schema<GuestLimits>(fields: [
        .value("processes", \.model.processes, .number(1...65_536)),
        .value("objects-per-process", \.model.objectsPerProcess, .number(16...1 << 23)),
        .value("objects", \.model.objects, .number(16...1 << 26)),
        .value("shared-objects", \.model.sharedObjects, .number(0...1 << 23)),
        .value("waiters-per-process", \.model.waitersPerProcess, .number(1...1 << 24)),
        .value("queued-packets-per-process", \.model.queuedPacketsPerProcess, .number(1...1 << 24)),
        .value("mappings-per-address-space", \.model.mappingsPerAddressSpace, .number(16...60_000)),
        .value("memory", \.model.memory, .size(1 << 20...16 << 40, step: 1 << 20)),
        .value("messages-per-second", \.messagesPerSecond, .optional(.number(1...1_000_000_000), or: "none")),
        .value("workers", \.workers, .optional(.number(1...65_536), or: "none")),
    ])
}
