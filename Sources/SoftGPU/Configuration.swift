public import DXGProtocol

/// What one physical adapter of this host is: the same for every guest that it is offered to.
public struct AdapterProfile: Sendable {
    /// For people, as ADAPTERREGISTRYINFO tells it.
    public var name: String
    /// PCI function type 1414:008a (compute accelerator) instead of 1414:008e (docs/protocol/vmbus.md 1.11).
    public var isComputeOnly: Bool
    /// Bytes of segment 1, memory segment group LOCAL.
    public var localMemory: UInt64
    /// Bytes of segment 2, memory segment group NON_LOCAL.
    public var nonLocalMemory: UInt64
    public var nodes: [NodeProfile]
    /// QUERYADAPTERINFO DRIVERVERSION, such as 2900 for WDDM 2.9.
    public var wddmVersion: UInt32
    /// Whether hardware queues work (docs/protocol/semantics.md 17, WDDM_2_7_CAPS).
    public var hardwareScheduling: Bool
    public var hostLUID: LUID
    /// ADAPTERGUID: 16 bytes in wire order.
    public var guid: [UInt8]
    /// PCI ids as PHYSICALADAPTERDEVICEIDS gives them.
    public var deviceIDs = DeviceIDs()
    /// What QUERYREGISTRY finds.
    public var registry: [RegistryValue] = []
    /// QUERYREGISTRY's path of the driver's directory.
    public var driverStorePath = "C:\\Windows\\System32\\DriverStore\\FileRepository\\understudy"
    /// QUERYREGISTRY's path of the kernel-mode driver's image.
    public var driverImagePath = "C:\\Windows\\System32\\drivers\\understudy.sys"
    /// Path of the Direct3D user-mode driver that UMDRIVERNAME gives; nil where there is none.
    public var userModeDriverPath: String?

    public init(
        name: String = "Understudy Software GPU", isComputeOnly: Bool = false, localMemory: UInt64 = 4 << 30,
        nonLocalMemory: UInt64 = 4 << 30, nodes: [NodeProfile] = [.render, .copy, .compute], wddmVersion: UInt32 = 3000,
        hardwareScheduling: Bool = true, hostLUID: LUID, guid: [UInt8]
    ) {
        self.name = name
        self.isComputeOnly = isComputeOnly
        self.localMemory = localMemory
        self.nonLocalMemory = nonLocalMemory
        self.nodes = nodes
        self.wddmVersion = wddmVersion
        self.hardwareScheduling = hardwareScheduling
        self.hostLUID = hostLUID
        self.guid = guid
    }
}

/// PCI ids of an adapter (docs/protocol/semantics.md 17, PHYSICALADAPTERDEVICEIDS).
public struct DeviceIDs: Hashable, Sendable {
    /// Microsoft.
    public var vendor: UInt32 = 0x1414
    /// nil for that of the guest's PCI function.
    public var device: UInt32?
    /// Vendor of the board; 0 for none.
    public var subvendor: UInt32 = 0
    /// Device id of the board; 0 for none.
    public var subsystem: UInt32 = 0
    /// Revision of the device.
    public var revision: UInt32 = 0
    /// D3DKMT bus type; 3 is PCI Express.
    public var busType: UInt32 = 3

    public init() {}
}

/// One value of an adapter's registry (docs/protocol/semantics.md 17, QUERYREGISTRY).
public struct RegistryValue: Hashable, Sendable {
    /// Where the value is looked up.
    public enum Key: UInt32, Hashable, Sendable {
        case service = 0
        case adapter = 1
    }

    /// A value in one of the registry's types.
    public enum Content: Hashable, Sendable {
        case dword(UInt32)
        case qword(UInt64)
        case string(String)
        case binary([UInt8])
    }

    public var key: Key
    /// Compared without regard to ASCII case, as the registry does.
    public var name: String
    public var content: Content

    public init(key: Key, name: String, content: Content) {
        self.key = key
        self.name = name
        self.content = content
    }
}

/// One node (engine) of an adapter.
public struct NodeProfile: Sendable {
    /// For people, as NODEMETADATA tells it.
    public var name: String
    /// DXGK_ENGINE_TYPE (docs/protocol/semantics.md 17, NODEMETADATA).
    public var engineType: UInt32

    public init(name: String, engineType: UInt32) {
        self.name = name
        self.engineType = engineType
    }

    public static let render = NodeProfile(name: "3D", engineType: 1)
    public static let compute = NodeProfile(name: "Compute", engineType: 0)
    public static let copy = NodeProfile(name: "Copy", engineType: 6)
}

/// How long work may run before the device is in error (docs/protocol/semantics.md 5.1, TDR). Where Windows has a time
/// of its own, the default is ten times that, because a software GPU is slow.
public struct TimeoutPolicy: Sendable {
    /// Nanoseconds that one packet may run: TdrDelay, on Windows 2 s.
    public var packetNanoseconds: UInt64 = 20_000_000_000
    /// Nanoseconds that a packet may take to leave its node once it was told to stop: TdrDdiDelay, on Windows 5 s.
    /// After that the whole virtual GPU is reset.
    public var resetNanoseconds: UInt64 = 50_000_000_000
    /// Whether a node can be reset on its own, as since Windows 8. Otherwise every timeout resets the virtual GPU, so
    /// that a user-mode driver can be tested with devices that are lost through no fault of theirs.
    public var resetsNodesAlone = true
    /// A guest's virtual GPU goes offline where more of its packets than this run into the timeout within the window:
    /// TdrLimitCount.
    public var limit = 5
    /// The window, in nanoseconds: TdrLimitTime.
    public var windowNanoseconds: UInt64 = 60_000_000_000

    public init() {}
}

/// What one guest may take up. Every limit has a defined answer when it is reached.
public struct Limits: Sendable {
    /// Processes with an open `/dev/dxg` at a time; CREATEPROCESS fails beyond.
    public var processes = 1024
    /// Handles of one process; the create command fails beyond.
    public var objectsPerProcess = 1 << 20
    /// Handles of all processes together; the create command fails beyond.
    public var objects = 1 << 22
    /// Shared fences and resources of the guest; the create command fails beyond.
    public var sharedObjects = 1 << 16
    /// Fences that the CPU waits of one process name which have not fired; NO_MEMORY beyond (docs/protocol/semantics.md
    /// 8.5).
    public var waitersPerProcess = 1 << 16
    /// Packets in all queues of one process, each counted once for everything that it names; NO_MEMORY beyond, or a
    /// lost device where the command has no reply.
    public var queuedPacketsPerProcess = 1 << 17
    /// Mappings of one GPU address space: each is one or more of the kernel's, of which a process has 65 530.
    public var mappingsPerAddressSpace = 28_000
    /// Bytes of all allocations of the guest, backed or not; creation fails beyond.
    public var memory: UInt64 = 16 << 30

    public init() {}
}

/// What the model must know of a guest when it connects.
public struct GuestOptions: Sendable {
    /// Bytes of the guest's IO space file.
    public var ioSpaceBytes: UInt64
    /// Bytes of the guest's local memory file.
    public var localBytes: UInt64
    /// GETINTERNALADAPTERINFO's async_msg_enabled; only under interface version 40 (docs/protocol/semantics.md 1.6).
    public var asyncMessages: Bool
    /// Nanoseconds that a paging operation takes. 0 does every operation at once, as memory of a host can; more makes
    /// them asynchronous, as drivers know it from hardware (docs/protocol/semantics.md 9.1).
    public var pagingNanoseconds: UInt64 = 0
    /// Lets the GPU touch memory that is mapped but not resident, as much hardware does for a while; otherwise that is
    /// a page fault (docs/protocol/semantics.md 12.1).
    public var allowsNonResidentAccess = false
    public var limits: Limits
    /// Its virtual GPUs, in the order of their channels and PCI functions.
    public var adapters: [VirtualAdapterOptions]

    public init(
        ioSpaceBytes: UInt64, localBytes: UInt64, asyncMessages: Bool = false, limits: Limits = Limits(),
        adapters: [VirtualAdapterOptions]
    ) {
        self.ioSpaceBytes = ioSpaceBytes
        self.localBytes = localBytes
        self.asyncMessages = asyncMessages
        self.limits = limits
        self.adapters = adapters
    }
}

/// One virtual GPU of a guest.
public struct VirtualAdapterOptions: Sendable {
    /// Index into ``SoftGPUOptions/adapters``.
    public var physicalAdapter: Int
    /// Configuration space 0xD4 and the extended header: routes messages (docs/protocol/semantics.md 1.1).
    public var vgpuLUID: LUID

    public init(physicalAdapter: Int, vgpuLUID: LUID) {
        self.physicalAdapter = physicalAdapter
        self.vgpuLUID = vgpuLUID
    }
}

/// What the model is made of.
public struct SoftGPUOptions: Sendable {
    public var adapters: [AdapterProfile]
    public var timeouts = TimeoutPolicy()

    public init(adapters: [AdapterProfile]) { self.adapters = adapters }
}

/// A region of guest memory that the guest shared by descriptor (docs/protocol/carrier.md, SHARE_MEMORY).
public struct GuestMemoryRegion: Sendable {
    /// The first guest physical address.
    public let base: UInt64
    /// In bytes.
    public let length: UInt64

    public init(base: UInt64, length: UInt64) {
        self.base = base
        self.length = length
    }
}
