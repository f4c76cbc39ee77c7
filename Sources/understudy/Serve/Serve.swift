import ArgumentParser
import Configuration
import Host
import Linux
import SoftGPU
import VMBus

/// Runs a server until it is told to stop.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a server for guests.",
        discussion: """
            Listeners accept when the ready line is written. SIGTERM or SIGINT lets running work end, ends the guests \
            and exits with status 0; a second one ends at once.

            Options on the command line stand above the configuration file's.

            Exit status: 0 stopped as asked, 64 wrong option or configuration, 71 the system refused something, such \
            as a listener.
            """)

    @Option(
        help: ArgumentHelp("Read settings from a file, such as config/understudy.yaml.", valueName: "file"))
    var config: String?

    @Option(
        name: .customLong("listen"),
        help: ArgumentHelp(
            "Where guests connect, in place of the configuration file's listeners; may be repeated.",
            discussion: """
                unix:PATH, vsock:CID:PORT (CID a number or any), hybrid:PATH:PORT (guests of Firecracker or Cloud \
                Hypervisor, which connect to PATH_PORT), hybrid-dial:PATH:PORT (connect to PATH and ask for PORT), \
                ivshmem:PATH (QEMU's ivshmem-doorbell device, for guests with Understudy's bus module).
                """,
            valueName: "endpoint"),
        transform: { try Endpoint(parsing: $0) })
    var endpoints: [Endpoint] = []

    @Option(help: ArgumentHelp("Write a line to this open descriptor when all listeners accept.", valueName: "number"))
    var readyFd: Int32?

    @Option(
        help: ArgumentHelp("Answer `understudy guests` and `understudy fences` at this unix socket.", valueName: "path")
    )
    var control: String?

    @OptionGroup(title: "Adapter") var adapter: AdapterArguments

    @OptionGroup(title: "Guests") var guest: GuestArguments

    @Option(
        help: ArgumentHelp(
            "Log lines from this level on: trace, debug, info, notice, warning, error, critical.", valueName: "level"),
        transform: Serve.level)
    var logLevel: LogSettings.Level?

    func validate() throws {
        if let control, !ControlSettings.pathBytes.contains(control.utf8.count) {
            throw ValidationError(
                "--control '\(control)': a path of \(ControlSettings.pathBytes.lowerBound) to \(ControlSettings.pathBytes.upperBound) bytes"
            )
        }
    }

    @Sendable private static func level(_ text: String) throws -> LogSettings.Level {
        guard let level = LogSettings.Level(rawValue: text) else {
            throw ValidationError("one of " + LogSettings.Level.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return level
    }

    func run() throws {
        var settings = try Settings(orExitWithProblemsOf: config)
        if !endpoints.isEmpty { settings.listeners = endpoints.map { ListenerSettings(endpoint: $0) } }
        guard !settings.listeners.isEmpty else {
            throw ValidationError(
                "Nowhere to listen: give --listen, such as unix:/tmp/gpu.sock, or 'listeners' in --config")
        }
        try adapter.apply(to: &settings)
        guest.apply(to: &settings)
        if let control { settings.control.path = control }
        if let logLevel { settings.log.level = logLevel }
        try ServerProcess.run(settings: settings, readyDescriptor: readyFd)
    }
}

/// What every guest finds.
struct AdapterArguments: ParsableArguments {
    @Option(
        name: .customLong("adapter"),
        help: ArgumentHelp(
            "An adapter's profile, such as compute, in place of the configuration file's adapters; may be repeated.",
            valueName: "profile"))
    var profiles: [String] = []

    @Option(
        help: ArgumentHelp(
            "The folder of the profiles of --adapter, in place of the configuration file's; without either 'adapters'.",
            valueName: "folder"))
    var adapterProfiles: String?

    @Option(help: ArgumentHelp("Mebibytes of each adapter's memory, and as much of shared memory.", valueName: "MiB"))
    var memory: UInt64?

    @Option(
        help: ArgumentHelp("Threads that run work-groups in each worker; 0 is one per processor.", valueName: "count"))
    var lanes: Int?

    @Flag(help: "Be a compute accelerator (PCI 1414:008a) instead of a GPU (1414:008e).")
    var computeOnly = false

    @Option(
        help: ArgumentHelp(
            "Milliseconds that a packet may run before its device is lost; 0 is no limit.", valueName: "ms"))
    var timeout: UInt64?

    func validate() throws {
        if let memory, !(1...1_048_576).contains(memory) {
            throw ValidationError("--memory \(memory): 1 to 1048576 MiB")
        }
        if let lanes, !(0...64).contains(lanes) { throw ValidationError("--lanes \(lanes): 0 to 64") }
        if let adapterProfiles, profiles.isEmpty {
            throw ValidationError("--adapter-profiles '\(adapterProfiles)': only together with --adapter")
        }
        if let timeout, timeout > 86_400_000 { throw ValidationError("--timeout \(timeout): 0 to 86400000 ms") }
    }

    func apply(to settings: inout Settings) throws {
        if !profiles.isEmpty { try settings.replaceAdaptersOrExit(with: profiles, in: adapterProfiles) }
        for index in settings.adapters.indices {
            if let memory {
                settings.adapters[index].memory = memory << 20
                settings.adapters[index].nonLocalMemory = memory << 20
            }
            if computeOnly { settings.adapters[index].isComputeOnly = true }
        }
        if let lanes { settings.workers.lanes = lanes == 0 ? nil : lanes }
        if let timeout { settings.timeouts.packetNanoseconds = timeout == 0 ? .max : timeout * 1_000_000 }
    }
}

/// How the host presents itself to guests that no section of the configuration file names.
struct GuestArguments: ParsableArguments {
    @Option(help: ArgumentHelp("GPU-PV interface version that is offered: 40 or 27.", valueName: "version"))
    var interfaceVersion: UInt32?

    @Option(
        help: ArgumentHelp("Highest VMBus version that is accepted: 2.4 to 5.3.", valueName: "version"),
        transform: GuestArguments.version)
    var vmbusVersion: ProtocolVersion?

    @Flag(help: "Let guests send work without waiting for replies (async_msg_enabled).")
    var asyncMessages = false

    @Flag(help: "Take existing system memory by GPADL instead of by lists of pages.")
    var gpadlMemory = false

    @Option(help: ArgumentHelp("Mebibytes of IO space per guest, which its CPUs can map.", valueName: "MiB"))
    var ioSpace: UInt16?

    func validate() throws {
        if let interfaceVersion, interfaceVersion != 27, interfaceVersion != 40 {
            throw ValidationError("--interface-version \(interfaceVersion): 27 or 40")
        }
        if let ioSpace, ioSpace < 1 { throw ValidationError("--io-space \(ioSpace): 1 to 65535 MiB") }
    }

    @Sendable private static func version(_ text: String) throws -> ProtocolVersion {
        guard let version = ProtocolVersion(text), ProtocolVersion.served.contains(version) else {
            throw ValidationError("one of " + ProtocolVersion.served.map(\.description).joined(separator: ", "))
        }
        return version
    }

    func apply(to settings: inout Settings) {
        apply(to: &settings.guest)
        for index in settings.guests.indices { apply(to: &settings.guests[index].settings) }
    }

    private func apply(to guest: inout GuestSettings) {
        if let interfaceVersion { guest.interfaceVersion = interfaceVersion }
        if let vmbusVersion { guest.maximumVMBusVersion = vmbusVersion }
        if asyncMessages { guest.asyncMessages = true }
        if gpadlMemory { guest.mapsGuestPages = false }
        if let ioSpace { guest.ioSpaceBytes = UInt64(ioSpace) << 20 }
    }
}
