import ArgumentParser
import Guest
import Linux

/// A guest that computes, to see that everything works.
struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a guest that computes on the software GPU.",
        discussion: """
            Starts a private server unless --connect names one. Runs saxpy and a tiled matrix product as code objects \
            on the software GPU, checks every element against a plain loop on the CPU, and prints how long it took.

            Exit status: 0 all results are right, 1 something is not, 64 wrong option.
            """)

    @Option(
        help: ArgumentHelp("Use the server at this endpoint: unix:PATH or vsock:CID:PORT.", valueName: "endpoint"),
        transform: { try Endpoint(parsing: $0) })
    var connect: Endpoint?

    @Flag(help: "Small problems: a check of health, in well under a second.")
    var quick = false

    func run() throws {
        do {
            try DemoProgram.run(endpoint: connect, isQuick: quick)
        } catch {
            TextLine.write("understudy demo: \(error)")
            throw ExitCode.failure
        }
    }
}

/// The demo itself, outside the main actor's reach like all that uses a loop.
enum DemoProgram {
    static func run(endpoint: Endpoint?, isQuick: Bool) throws {
        ProcessControl.unblockSignals()
        let server = endpoint == nil ? try PrivateServer() : nil
        defer { if let server { try? server.stop() } }
        guard let endpoint = endpoint ?? server?.endpoint else { return }
        let guest = try DemoGuest(endpoint: endpoint)
        try guest.describe()
        try Saxpy(count: isQuick ? 1 << 16 : 1 << 24).run(on: guest, rounds: isQuick ? 1 : 5)
        try MatrixProduct(size: isQuick ? 128 : 1024).run(on: guest, rounds: isQuick ? 1 : 3)
        try guest.end()
        try server?.stop()
        print("All results are right.")
    }
}
