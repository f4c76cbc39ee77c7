public import DXGProtocol

/// What the model wants done in the world. Effects are carried out in the order of the list: it is the order in which
/// a guest may see them (docs/protocol/semantics.md 8.2, visibility at a signal).
public enum Effect: Sendable {
    /// Complete the request with this transaction id on the channel it came from. The bytes may be empty.
    case complete(GuestID, Channel, transaction: UInt64, [UInt8])
    /// Send an in-band packet on the guest's global channel (docs/protocol/semantics.md 1.7).
    case notify(GuestID, [UInt8])
    /// Store a fence value at an offset of the guest's IO space, with release order.
    case storeFence(GuestID, offset: UInt64, value: UInt64)

    /// Start the worker of an address space: that of a guest's process, by its handle, on the virtual GPU with this
    /// index.
    case openAddressSpace(AddressSpaceID, GuestID, process: D3DKMTHandle, adapter: Int)
    /// End the worker of an address space. Jobs that run in it end without a report.
    case closeAddressSpace(AddressSpaceID)
    /// Map memory at a GPU virtual address.
    case map(AddressSpaceID, address: UInt64, MemorySpan, GPUAccess)
    /// Map private zero pages at a GPU virtual address.
    case mapZero(AddressSpaceID, address: UInt64, length: UInt64)
    /// Make a range of GPU virtual addresses inaccessible.
    case unmap(AddressSpaceID, address: UInt64, length: UInt64)
    /// Report by ``SoftGPU/barrierPassed(_:at:)`` once all earlier maps and unmaps of these address spaces are done.
    case barrier(BarrierID, [AddressSpaceID])
    /// Give the memory back; it reads as zero afterwards.
    case discard(GuestID, MemorySpan)
    /// Stop moving bytes between guest pages and their shadow: the guest is about to take the pages away.
    case releaseGuestPages(GuestID, GuestPagesID)

    /// Run a command buffer; its end is reported by ``SoftGPU/jobEnded(_:outcome:fences:startedAt:endedAt:at:)``.
    case run(Job)
    /// Make a running job end soon; it still reports its end.
    case abort(JobID, AddressSpaceID)

    /// Take a virtual GPU away from its guest: rescind its channel (docs/protocol/semantics.md 5.1).
    case removeVirtualGPU(GuestID, index: Int)

    /// Say something about a guest in the log.
    case report(Diagnostic)
}

/// The VMBus channel of a guest that a message came by.
public enum Channel: Hashable, Sendable {
    /// The one channel of interface type `dde9cbc0-…` (docs/protocol/vmbus.md 1.11).
    case global
    /// The channel of the guest's virtual GPU with this index.
    case vgpu(Int)
}

/// A file of a guest that GPU memory lies in.
public enum MemoryFile: Hashable, Sendable {
    /// The guest's IO space: what the guest's CPU can map.
    case ioSpace
    /// The guest's GPU memory that no CPU of the guest can map.
    case local
    /// A region of the guest's own memory, by its place in the list that the guest shared.
    case guestMemory(region: Int)
}

/// A run of bytes in one of a guest's files. Offset and length are multiples of 4096.
public struct MemorySpan: Hashable, Sendable {
    public let file: MemoryFile
    /// In bytes from the start of the file.
    public let offset: UInt64
    /// In bytes.
    public let length: UInt64

    public init(file: MemoryFile, offset: UInt64, length: UInt64) {
        self.file = file
        self.offset = offset
        self.length = length
    }
}

/// What GPU code may do with a mapping. Reading is always allowed (docs/protocol/semantics.md 11.1).
public enum GPUAccess: Hashable, Sendable {
    case read
    case readWrite
}

/// Names existing system memory: guest pages that back an allocation.
public struct GuestPagesID: RawRepresentable, Hashable, Sendable, Comparable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static func < (a: GuestPagesID, b: GuestPagesID) -> Bool { a.rawValue < b.rawValue }
}

/// Existing system memory of a guest that shares no memory: before a job its bytes are fetched into the shadow,
/// afterwards what the job changed is written back.
public struct CoherentMemory: Sendable {
    public let id: GuestPagesID
    /// Guest page frame numbers of 4096-byte pages, one per page of the shadow.
    public let pages: [UInt64]
    public let shadow: MemorySpan
}

/// One command buffer to run in an address space.
public struct Job: Sendable {
    public let id: JobID
    public let space: AddressSpaceID
    public let guest: GuestID
    /// The node (engine) that runs it. An address space has at most one job per node at a time.
    public let node: Int
    /// GPU virtual address of the first packet.
    public let commandBuffer: UInt64
    /// Bytes.
    public let length: UInt64
    /// Fetched before and written back after the job.
    public let coherent: [CoherentMemory]
    /// Offsets in the guest's IO space of the fences that the job could have written; their values come with its end.
    public let fenceOffsets: [UInt64]
}

/// How a job ended.
public enum JobOutcome: Hashable, Sendable {
    case completed
    /// A touch of memory that is not there; the address is missing where the processor gave none.
    case pageFault(address: UInt64?, isWrite: Bool)
    /// A command buffer or code object that cannot be executed.
    case invalidCommand(reason: String)
    /// The job was stopped by ``Effect/abort(_:_:)``.
    case aborted
    /// The worker was lost with the job; the memory it wrote is there, how far it came is unknown.
    case lost(reason: String)
    /// As ``lost(reason:)``, and another job was the cause: one that did not stop when it was told to.
    case casualty(reason: String)
}

/// Something about a guest that its operator should read.
public struct Diagnostic: Sendable {
    /// How much it matters: `warning` where something is lost.
    public enum Severity: Sendable { case debug, info, warning }

    public let severity: Severity
    public let guest: GuestID
    /// The guest's process, by the handle that CREATEPROCESS gave, and its pid; nil where no process is concerned.
    public let process: (handle: D3DKMTHandle, pid: UInt64)?
    /// The command as the protocol names it, such as `CREATEALLOCATION`; empty where no command is concerned.
    public let command: String
    public let status: NTStatus?
    /// What happened, with the numbers that were wrong.
    public let reason: String
}
