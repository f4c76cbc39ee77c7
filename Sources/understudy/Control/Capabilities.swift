import ArgumentParser
import Configuration
import Control
import Host

/// Says what the program can do, for programs.
struct Capabilities: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print what is served, and how faithfully, as JSON.",
        discussion: """
            The version, the ways to connect, the adapters, and of every command of the protocol how faithful the answer \
            is: documented, observed, inferred, partial or refused. docs/control.md describes the fields.

            Exit status: 0 printed, 64 wrong option or configuration.
            """)

    @Option(help: ArgumentHelp("Show the adapters of this configuration file.", valueName: "file"))
    var config: String?

    func run() throws { print(JSONLine.pretty(try Settings(orExitWithProblemsOf: config).capabilities)) }
}
