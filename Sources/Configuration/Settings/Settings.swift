import Linux
public import SoftGPU

/// Everything that a server is told by its configuration file.
public struct Settings: Sendable {
    /// Where guests connect, in the order in which the listeners are made. A server listens nowhere unless told.
    public var listeners: [ListenerSettings] = []
    /// What a guest gets that is not named, and what a named one gets where its own section is silent.
    public var guest = GuestSettings()
    /// The guests that the host knows.
    public var guests: [NamedGuest] = []
    /// The folder of the adapter profiles.
    public var adapterProfiles = "adapters"
    /// The adapters of the host.
    public var adapters = [AdapterSettings()]
    public var limits = ServerLimits()
    public var timeouts = TimeoutPolicy()
    public var workers = WorkerSettings()
    public var log = LogSettings()
    public var control = ControlSettings()
    /// Where the server writes its process number while it runs.
    public var pidFile: String?
    /// How long a draining server waits for running work before it ends the guests, in nanoseconds.
    public var drainNanoseconds: UInt64 = 2_000_000_000

    static let maximumAdapters = 16

    /// The settings of a server that nobody configured.
    public init() {}

    /// Reads a configuration file and the files that it names.
    public init(
        file path: String, files: any ConfigurationFiles = SystemFiles()
    ) throws(ConfigurationError) {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try files.read(path, maximum: YAMLReader.maximumBytes + 1)
        } catch {
            let text = "the file is not readable (\(error))"
            throw ConfigurationError(problems: [ConfigurationProblem(file: path, line: nil, path: "", text: text)])
        }
        try self.init(parsing: bytes, file: path, files: files)
    }

    /// Reads a configuration of which the text is at hand.
    ///
    /// - Parameters:
    ///   - text: UTF-8.
    ///   - path: its name in messages; relative paths in it start in the folder of this file.
    ///   - files: where token files and adapter profiles are read from.
    public init(
        parsing text: [UInt8], file path: String, files: any ConfigurationFiles = SystemFiles()
    ) throws(ConfigurationError) {
        let file = FileReading(name: path, files: files)
        adapterProfiles = file.resolve(adapterProfiles)
        if let document = file.document(text) {
            Self.schema.read(document, into: &self, at: file.root)
        }
        try file.finish()
    }

    /// Every key with the value that it has, secrets left out: what a server really runs with.
    public var entries: [SettingsEntry] { Self.schema.list(self, at: "") }

    /// Every key that there is.
    public static var descriptions: [SettingDescription] { schema.describe(Settings(), at: "") }

    /// What the model is made of.
    public var modelOptions: SoftGPUOptions {
        var options = SoftGPUOptions(adapters: adapters.enumerated().map { $1.modelProfile(index: $0) })
        options.timeouts = timeouts
        return options
    }

    /// Which of the host's adapters a guest is offered, in the order of its virtual GPUs.
    public func adapterIndices(of guest: GuestSettings) -> [Int] {
        guard let names = guest.adapters else { return Array(adapters.indices) }
        return names.compactMap { name in adapters.firstIndex { $0.name == name } }
    }
}
