internal import CSoftGPU
public import DXGProtocol

/// One allocation that a process wants.
public struct AllocationRequest: Hashable, Sendable {
    /// What the user-mode driver tells the host of it.
    public var privateDriverData: [UInt8]

    /// The page numbers of guest memory that the allocation is made over, if it is.
    public var existingPages: [UInt64]?

    /// Bit 0 primary, bit 1 stereo, bit 2 override priority.
    public var flags: UInt32 = 0

    /// An allocation that private data describe, over existing memory if there are pages.
    public init(privateDriverData: [UInt8], existingPages: [UInt64]? = nil) {
        self.privateDriverData = privateDriverData
        self.existingPages = existingPages
    }

    /// An allocation of the software GPU, in its contract's words (understudy_softgpu.h).
    public static func memory(
        bytes: UInt64, isLocal: Bool = true, isCPUVisible: Bool = true, isCached: Bool = true, alignment: UInt64 = 0
    ) -> AllocationRequest {
        var blob = softgpu_allocation()
        blob.header.magic = SOFTGPU_MAGIC
        blob.header.version = UInt16(SOFTGPU_VERSION)
        blob.header.kind = UInt16(SOFTGPU_BLOB_ALLOCATION.rawValue)
        blob.header.size = UInt32(MemoryLayout<softgpu_allocation>.size)
        blob.size = bytes
        blob.alignment = alignment
        blob.heap = isLocal ? SOFTGPU_HEAP_LOCAL.rawValue : SOFTGPU_HEAP_NON_LOCAL.rawValue
        blob.flags =
            (isCPUVisible ? SOFTGPU_ALLOCATION_CPU_VISIBLE.rawValue : 0)
            | (isCached ? SOFTGPU_ALLOCATION_CACHED.rawValue : 0)
        // SAFETY: the structure has no padding, which its declaration checks, and is copied inside the call.
        return AllocationRequest(privateDriverData: unsafe withUnsafeBytes(of: blob) { unsafe [UInt8]($0) })
    }

    /// An allocation over pages of the guest's memory.
    public static func existingMemory(pages: [UInt64]) -> AllocationRequest {
        var request = memory(bytes: UInt64(pages.count) * 4096, isLocal: false)
        request.existingPages = pages
        return request
    }
}

/// How allocations are made (docs/protocol/semantics.md 10, CMD 4).
public struct AllocationFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Makes a resource of the allocations.
    public static let createResource = AllocationFlags(rawValue: 1 << 0)

    /// The resource can be shared; needs `createResource`.
    public static let createShared = AllocationFlags(rawValue: 1 << 1)

    /// The allocation's memory is the guest's; set for requests with pages.
    public static let existingSystemMemory = AllocationFlags(rawValue: 1 << 5)

    /// Shared by handles with security, the only way that Linux has.
    public static let ntSecuritySharing = AllocationFlags(rawValue: 1 << 6)

    /// User mode only reads.
    public static let readOnly = AllocationFlags(rawValue: 1 << 7)

    /// Other adapters open it too.
    public static let crossAdapter = AllocationFlags(rawValue: 1 << 11)

    /// The resource data are a `CreateStandardAllocation` structure, and no driver describes the allocation.
    public static let standardAllocation = AllocationFlags(rawValue: 1 << 16)
}

/// An allocation as the host made it.
public struct CreatedAllocation: Hashable, Sendable {
    /// The name in the process.
    public let handle: D3DKMTHandle

    /// In bytes.
    public let size: UInt64

    /// Whether the guest maps it write-back when it is locked.
    public let isCached: Bool

    /// Whether its memory is the guest's own.
    public let isExistingMemory: Bool

    /// The private data as the host left them.
    public let privateDriverData: [UInt8]
}

/// Allocations made by one call.
public struct CreatedAllocations: Hashable, Sendable {
    /// The resource that they are in; none for stand-alone allocations.
    public let resource: D3DKMTHandle

    /// A name of the whole machine; Linux makes no use of it.
    public let globalShare: D3DKMTHandle

    /// In the order of the requests.
    public let allocations: [CreatedAllocation]
}

/// An allocation's memory while it is locked.
public struct LockedMemory: Sendable {
    let ioSpace: IOSpace

    /// Its guest physical address.
    public let address: UInt64

    /// Its size in bytes.
    public let count: UInt64

    /// Reads bytes.
    public func read(at offset: UInt64 = 0, count: Int) throws(GuestError) -> [UInt8] {
        try check(offset, count)
        return try ioSpace.read(at: address + offset, count: count)
    }

    /// Writes bytes.
    public func write(_ bytes: [UInt8], at offset: UInt64 = 0) throws(GuestError) {
        try check(offset, bytes.count)
        try ioSpace.write(bytes, at: address + offset)
    }

    /// Loads the word at an offset that is a multiple of 8, with acquire order.
    public func loadUInt64(at offset: UInt64) throws(GuestError) -> UInt64 {
        try check(offset, 8)
        return try ioSpace.loadUInt64(at: address + offset)
    }

    /// Stores the word at an offset that is a multiple of 8, with release order.
    public func storeUInt64(_ value: UInt64, at offset: UInt64) throws(GuestError) {
        try check(offset, 8)
        try ioSpace.storeUInt64(value, at: address + offset)
    }

    private func check(_ offset: UInt64, _ length: Int) throws(GuestError) {
        guard length >= 0, offset <= count, count - offset >= UInt64(length) else {
            throw .invalidRequest("\(length) bytes at \(offset) of \(count) locked bytes")
        }
    }
}
