import DXGProtocol
import Linux
import SoftGPU
import Testing
import VMBus

@testable import Configuration

/// What right files mean.
@Suite struct SettingsTests {
    @Test(arguments: ["", "limits:\n", "listeners:\nguests: []\nguest: {}\n"])
    func silenceMeansDefaults(_ text: String) throws {
        #expect(try Settings(text).entries == Settings().entries)
    }

    @Test func everyKindOfValueIsRead() throws {
        let settings = try Settings(
            """
            listeners:
              - endpoint: unix:/run/gpu.sock
                permissions: 0660
                users: [0, 1000]
              - endpoint: vsock:any:5000
                allow-loopback: true
                token: open sesame
            guest:
              interface-version: 27
              guest-page-mapping: false
              vmbus-version: 4.1
              io-space: 256MiB
              limits: {memory: 1TiB, processes: 3, messages-per-second: 1000}
            limits: {guests: 7, workers: 0x10}
            timeouts: {packet: none}
            workers: {executable: /opt/worker, lanes: 4, abort-patience: 50ms}
            log: {level: debug, format: json}
            pid-file: /run/gpu.pid
            drain-time: 1500ms
            """)
        #expect(settings.listeners.map(\.endpoint) == [.unix(path: "/run/gpu.sock"), .vsock(cid: .max, port: 5000)])
        #expect(settings.listeners[0].permissions == 0o660)
        #expect(settings.listeners[0].users == [0, 1000])
        #expect(settings.listeners[1].allowsLoopback)
        #expect(settings.listeners[1].token == Secret(Array("open sesame".utf8)))
        #expect(settings.guest.interfaceVersion == 27)
        #expect(settings.guest.hostCapabilities == [])
        #expect(settings.guest.vmbus.maximumVersion == .v4_1)
        #expect(settings.guest.ioSpaceMegabytes == 256)
        #expect(settings.guest.limits.model.memory == 1 << 40)
        #expect(settings.guest.limits.model.processes == 3)
        #expect(settings.guest.limits.messagesPerSecond == 1000)
        #expect(settings.limits.guests == 7)
        #expect(settings.limits.workers == 16)
        #expect(settings.timeouts.packetNanoseconds == .max)
        #expect(settings.workers.executable == "/opt/worker")
        #expect(settings.workers.lanes == 4)
        #expect(settings.workers.abortPatienceNanoseconds == 50_000_000)
        #expect(settings.log.level == .debug)
        #expect(settings.log.format == .json)
        #expect(settings.pidFile == "/run/gpu.pid")
        #expect(settings.drainNanoseconds == 1_500_000_000)
    }

    /// A named guest starts from the default one wherever that stands in the file.
    @Test func namedGuestsChangeTheDefault() throws {
        let settings = try Settings(
            """
            guests:
              - name: alpha
                id: 01234567-89ab-cdef-0123-456789abcdef
                limits: {processes: 2}
              - name: beta
                async-messages: false
            guest:
              async-messages: true
              limits: {memory: 2GiB}
            """)
        let (alpha, beta) = (settings.guests[0], settings.guests[1])
        #expect(alpha.id == GUID("01234567-89ab-cdef-0123-456789abcdef"))
        #expect(alpha.settings.asyncMessages)
        #expect(alpha.settings.limits.model.memory == 2 << 30)
        #expect(alpha.settings.limits.model.processes == 2)
        #expect(!beta.settings.asyncMessages)
        #expect(beta.settings.limits.model.processes == Limits().processes)
    }

    /// RAM in files: relative to the folder, and a named guest's own.
    @Test func guestsHaveRAM() throws {
        let text = """
            guest: {guest-memory: /dev/shm/any}
            guests:
            - {name: a, guest-memory: ram/a, machine-type: pc}
            - {name: b, guest-memory: none}
            - {name: c}
            - {name: d}
            """
        let settings = try Settings(parsing: Array(text.utf8), file: "/etc/u/main.yaml", files: MemoryFiles())
        let guests = settings.guests.map(\.settings)
        #expect(guests.map(\.memoryFile) == ["/etc/u/ram/a", nil, "/dev/shm/any", "/dev/shm/any"])
        #expect(guests.map(\.machineType) == [.pc, .q35, .q35, .q35])
        #expect(GuestSettings().memoryFile == nil)
    }

    /// A machine's RAM is all below the hole only while it is small.
    @Test(arguments: [(.q35, 2816, 2048), (.pc, 3584, 3072)] as [(MachineType, UInt64, UInt64)])
    func machinesHaveHoles(machine: MachineType, all: UInt64, most: UInt64) {
        let (limit, page) = (all << 20, 4096 as UInt64)
        #expect(machine.bytesBelowHole(ofTotal: 0) == 0)
        #expect(machine.bytesBelowHole(ofTotal: limit - page) == limit - page)
        for bytes in [limit, limit + page, 1 << 50] { #expect(machine.bytesBelowHole(ofTotal: bytes) == most << 20) }
    }

    /// Every limit that the model has can be set.
    @Test func noLimitOfTheModelIsForgotten() throws {
        let count = Mirror(reflecting: Limits()).children.count
        // Those beyond the model's are two.
        #expect(GuestLimits.schema.fields.count == count + 2)
        #expect(TimeoutPolicy.schema.fields.count == Mirror(reflecting: TimeoutPolicy()).children.count)
    }

    @Test func adaptersStartFromProfiles() throws {
        let files = MemoryFiles(files: [
            "/etc/u/cards/small.yaml": "name: small\nmemory: 64MiB\nnodes: [{name: N, type: crypto}]\n",
            "/etc/u/cards/default.yaml": "name: default\nmemory: 1GiB\n",
        ])
        let text = """
            adapter-profiles: cards
            adapters:
              - small
              - {name: other, profile: small, memory: 128MiB, compute-only: true, wddm-version: 2.9}
              - name: third
                guid: 01234567-89ab-cdef-0123-456789abcdef
                registry:
                  - {name: Number, dword: 0xff}
                  - {key: service, name: Bytes, binary: 00ff}
            guest: {adapters: [third, small]}
            """
        let settings = try Settings(parsing: Array(text.utf8), file: "/etc/u/main.yaml", files: files)
        #expect(settings.adapters.map(\.name) == ["small", "other", "third"])
        #expect(settings.adapters.map(\.memory) == [64 << 20, 128 << 20, 1 << 30])
        #expect(settings.adapters[1].nodes.map(\.engineType) == [8])
        #expect(
            settings.adapters[2].registry == [
                RegistryValue(key: .adapter, name: "Number", content: .dword(255)),
                RegistryValue(key: .service, name: "Bytes", content: .binary([0, 255])),
            ])
        #expect(settings.adapterIndices(of: settings.guest) == [2, 0])
        #expect(settings.adapterIndices(of: GuestSettings()) == [0, 1, 2])
        let model = settings.modelOptions.adapters
        #expect(model.map(\.isComputeOnly) == [false, true, false])
        #expect(model.map(\.wddmVersion) == [3000, 2900, 3000])
        #expect(Set(model.map(\.hostLUID)).count == 3)
        #expect(Set(model.map(\.guid)).count == 3)
        #expect(model[2].guid == GUID("01234567-89ab-cdef-0123-456789abcdef")?.wireBytes)
    }

    /// The folder's `default` is what a file without adapters gets too.
    @Test func defaultProfileCanBeReplaced() throws {
        let files = MemoryFiles(files: ["adapters/default.yaml": "name: default\ndescription: Mine\n"])
        #expect(try Settings("", files: files).adapters.map(\.description) == ["Mine"])
        #expect(try Settings("").adapters.map(\.description) == ["Understudy Software GPU"])
    }

    @Test func relativePathsStartInTheFolderOfTheFile() throws {
        let text = """
            listeners:
              - endpoint: unix:gpu.sock
              - endpoint: hybrid:vm:5000
              - endpoint: hybrid-dial:/abs/vm:5000
            guests: [{name: a, token-file: secrets/a}]
            pid-file: gpu.pid
            workers: {executable: bin/worker}
            """
        let files = MemoryFiles(files: ["/etc/u/secrets/a": "0123456789\n"])
        let settings = try Settings(parsing: Array(text.utf8), file: "/etc/u/main.yaml", files: files)
        #expect(
            settings.listeners.map(\.endpoint.description) == [
                "unix:/etc/u/gpu.sock", "hybrid:/etc/u/vm:5000", "hybrid-dial:/abs/vm:5000",
            ])
        #expect(settings.guests[0].token?.matches(Array("0123456789".utf8)) == true)
        #expect(settings.pidFile == "/etc/u/gpu.pid")
        #expect(settings.workers.executable == "/etc/u/bin/worker")
    }

    @Test func pathThatIsTooLongOnlyInItsFolderIsRefused() {
        let folder = String(repeating: "f", count: 100)
        let error = #expect(throws: ConfigurationError.self) {
            try Settings(
                parsing: Array("listeners: [{endpoint: 'unix:gpu.sock'}]".utf8), file: "/\(folder)/main.yaml",
                files: MemoryFiles())
        }
        #expect(error?.description.contains("has 110 bytes; at most 107 fit") == true)
    }

    @Test func secretsAreNotShown() throws {
        let settings = try Settings("guests: [{name: a, token: open sesame}]\n")
        #expect(!settings.entries.description.contains("sesame"))
        #expect(!"\(settings)".contains("sesame"))
        var dumped = ""
        dump(settings, to: &dumped)
        #expect(dumped.contains("(secret)"))
        #expect(!dumped.contains(" bytes:"))
    }

    @Test func guestOptionsReachTheModel() throws {
        let settings = try Settings(
            """
            guest:
              async-messages: true
              io-space: 8MiB
              paging-delay: 3ms
              non-resident-access: true
              limits: {memory: 3MiB}
            """)
        let adapter = VirtualAdapterOptions(physicalAdapter: 0, vgpuLUID: LUID(low: 1, high: 0))
        let options = settings.guest.modelOptions(adapters: [adapter])
        #expect(options.asyncMessages)
        #expect(options.ioSpaceBytes == 8 << 20)
        #expect(options.localBytes == 3 << 20)
        #expect(options.limits.memory == 3 << 20)
        #expect(options.pagingNanoseconds == 3_000_000)
        #expect(options.allowsNonResidentAccess)
        #expect(options.adapters.count == 1)
    }

    @Test func driversAndIdsReachTheModel() throws {
        let settings = try Settings(
            #"""
            adapters:
            - name: default
              device-ids: {vendor: 0x8086, device: 0x56a0, revision: 8}
              driver-store-path: 'C:\store'
              driver-image-path: 'C:\image.sys'
              user-mode-driver-path: 'C:\store\umd.dll'
            """#)
        let profile = settings.modelOptions.adapters[0]
        #expect(profile.deviceIDs.vendor == 0x8086)
        #expect(profile.deviceIDs.device == 0x56a0)
        #expect(profile.deviceIDs.subvendor == 0)
        #expect(profile.deviceIDs.revision == 8)
        #expect(profile.driverStorePath == "C:\\store")
        #expect(profile.driverImagePath == "C:\\image.sys")
        #expect(profile.userModeDriverPath == "C:\\store\\umd.dll")
        #expect(try Settings("limits: {guests: 9}\n").modelOptions.adapters[0].deviceIDs.device == nil)
    }

    /// What is shown of settings can be read again: the same entries come out.
    @Test func entriesAreWhatIsRead() throws {
        let text = """
            limits: {guests: 9}
            timeouts: {packet: none}
            log: {level: trace}
            guest: {adapters: [default], io-space: 3MiB}
            drain-time: 90s
            """
        let entries = try Settings(text).entries
        let shown = Dictionary(uniqueKeysWithValues: entries.map { ($0.path, $0.value) })
        #expect(shown["limits.guests"] == "9")
        #expect(shown["timeouts.packet"] == "none")
        #expect(shown["log.level"] == "trace")
        #expect(shown["guest.adapters"] == "[default]")
        #expect(shown["guest.io-space"] == "3MiB")
        #expect(shown["drain-time"] == "90s")
        #expect(shown["guests"] == "[]")
    }
}
