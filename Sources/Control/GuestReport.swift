public import SoftGPU

/// One connected guest (docs/control.md 4).
public struct GuestReport: Codable, Hashable, Sendable {
    /// The number that the log calls it by, too; never used again while the server runs.
    public var guest: UInt32
    /// What the host calls it; the guest's own words where no configuration names it.
    public var name: String
    /// The id that it goes by.
    public var id: String
    /// Who is at the other end of its connection.
    public var peer: String
    /// Since it was admitted.
    public var connectedMilliseconds: UInt64
    /// Processes of the host that run its GPU address spaces.
    public var workers: Int
    /// What it has on the software GPU.
    public var gpu: GuestInspection

    public init(
        guest: UInt32, name: String, id: String, peer: String, connectedMilliseconds: UInt64, workers: Int,
        gpu: GuestInspection
    ) {
        self.guest = guest
        self.name = name
        self.id = id
        self.peer = peer
        self.connectedMilliseconds = connectedMilliseconds
        self.workers = workers
        self.gpu = gpu
    }
}
