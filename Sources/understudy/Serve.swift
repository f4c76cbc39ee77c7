import ArgumentParser
import EventLoop
import Host
import Linux
import Logging
import SoftGPU
import VMBus

/// Runs a server until it is told to stop.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a server for guests.",
        discussion: """
            Listeners accept when the ready line is written. SIGTERM or SIGINT lets running work end, ends the guests \
            and exits with status 0; a second one ends at once.

            Exit status: 0 stopped as asked, 64 wrong option, 71 the system refused something, such as a listener.
            """)

    @Option(
        name: .customLong("listen"),
        help: ArgumentHelp(
            "Where guests connect; may be repeated.",
            discussion: """
                unix:PATH, vsock:CID:PORT (CID a number or any), hybrid:PATH:PORT (guests of Firecracker or Cloud \
                Hypervisor, which connect to PATH_PORT), hybrid-dial:PATH:PORT (connect to PATH and ask for PORT).
                """,
            valueName: "endpoint"),
        transform: { try Endpoint(parsing: $0) })
    var endpoints: [Endpoint] = []

    @Option(help: ArgumentHelp("Write a line to this open descriptor when all listeners accept.", valueName: "number"))
    var readyFd: Int32?

    @OptionGroup var adapter: AdapterArguments

    @OptionGroup var guest: GuestArguments

    @Option(
        help: ArgumentHelp("Log lines from this level on: trace, debug, info, warning, error.", valueName: "level"),
        transform: Serve.level)
    var logLevel: Logger.Level = .info

    @Sendable private static func level(_ text: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: text) else {
            throw ValidationError("one of " + Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return level
    }

    func validate() throws {
        guard !endpoints.isEmpty else {
            throw ValidationError("--listen is needed at least once, such as unix:/tmp/gpu.sock")
        }
    }

    func run() throws {
        try ServerProcess.run(
            endpoints: endpoints, readyDescriptor: readyFd, adapter: adapter, guest: guest, logLevel: logLevel)
    }
}

/// What every guest finds.
struct AdapterArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Mebibytes of GPU memory, and as much again of shared memory.", valueName: "MiB"))
    var memory: UInt64 = 4096

    @Option(help: ArgumentHelp("Threads that run work-groups; 0 is one per processor.", valueName: "count"))
    var lanes: Int = 0

    @Flag(help: "Be a compute accelerator (PCI 1414:008a) instead of a GPU (1414:008e).")
    var computeOnly = false

    @Option(
        help: ArgumentHelp(
            "Milliseconds that a packet may run before its device is lost; 0 is no limit.", valueName: "ms"))
    var timeout: UInt64 = 20_000

    func validate() throws {
        guard (1...1_048_576).contains(memory) else { throw ValidationError("--memory \(memory): 1 to 1048576 MiB") }
        guard (0...64).contains(lanes) else { throw ValidationError("--lanes \(lanes): 0 to 64") }
        guard timeout <= 86_400_000 else { throw ValidationError("--timeout \(timeout): 0 to 86400000 ms") }
    }

    var profile: AdapterProfile {
        var profile = AdapterProfile.standard
        profile.localMemory = memory << 20
        profile.nonLocalMemory = memory << 20
        profile.isComputeOnly = computeOnly
        return profile
    }
}

/// How the host presents itself to guests.
struct GuestArguments: ParsableArguments {
    @Option(help: ArgumentHelp("GPU-PV interface version that is offered: 40 or 27.", valueName: "version"))
    var interfaceVersion: UInt32 = 40

    @Option(
        help: ArgumentHelp("Highest VMBus version that is accepted: 2.4 to 5.3.", valueName: "version"),
        transform: GuestArguments.version)
    var vmbusVersion: ProtocolVersion = .v5_3

    @Flag(help: "Let guests send work without waiting for replies (async_msg_enabled).")
    var asyncMessages = false

    @Flag(help: "Take existing system memory by GPADL instead of by lists of pages.")
    var gpadlMemory = false

    @Option(help: ArgumentHelp("Mebibytes of IO space per guest, which its CPUs can map.", valueName: "MiB"))
    var ioSpace: UInt16 = 1024

    func validate() throws {
        guard interfaceVersion == 27 || interfaceVersion == 40 else {
            throw ValidationError("--interface-version \(interfaceVersion): 27 or 40")
        }
        guard ioSpace >= 1 else { throw ValidationError("--io-space \(ioSpace): 1 to 65535 MiB") }
    }

    @Sendable private static func version(_ text: String) throws -> ProtocolVersion {
        guard let version = ProtocolVersion(text), ProtocolVersion.served.contains(version) else {
            throw ValidationError("one of " + ProtocolVersion.served.map(\.description).joined(separator: ", "))
        }
        return version
    }

    var defaults: GuestDefaults {
        var defaults = GuestDefaults()
        defaults.interfaceVersion = interfaceVersion
        defaults.maximumVMBusVersion = vmbusVersion
        defaults.asyncMessages = asyncMessages
        defaults.mapsGuestPages = !gpadlMemory
        defaults.ioSpaceMegabytes = ioSpace
        return defaults
    }
}
