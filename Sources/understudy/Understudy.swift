import ArgumentParser
import Control

/// The program: its commands, and what it says of itself.
@main
struct Understudy: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "understudy",
        abstract: "Stands in for the Windows host of GPU paravirtualization.",
        discussion: """
            A Linux guest with the dxgkrnl driver, or any program that speaks its protocol, connects over a unix \
            socket or vsock. Understudy offers it virtual GPUs over VMBus, keeps a software GPU behind them, runs \
            compute work on the CPU, and answers as Windows would. No Windows, no Hyper-V and no GPU is needed.

            Start with `understudy demo`.
            """,
        version: Version.text,
        subcommands: [Serve.self, Guests.self, Fences.self, Capabilities.self, Demo.self, Bench.self])
}

enum Version {
    /// As `--version` prints it.
    static let text = "understudy \(ServerVersion.number)"
}
