public import Configuration

/// Everything that a server is started with.
public struct ServerOptions: Sendable {
    /// What the configuration file and the command line say.
    public var settings: Settings
    /// The program of the worker processes.
    public var workerExecutable: String
    /// Threads that run work-groups in each worker.
    public var lanes: Int

    /// Options from settings; the worker's program and the number of lanes are used where the settings name none.
    public init(settings: Settings, workerExecutable: String, lanes: Int) {
        self.settings = settings
        self.workerExecutable = settings.workers.executable ?? workerExecutable
        self.lanes = settings.workers.lanes ?? lanes
    }
}
