import ArgumentParser
import Control
import SoftGPU

/// Shows why fences of a guest do not retire.
struct Fences: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the fences that a guest waits for, and what holds them up.",
        discussion: """
            For each fence that somebody waits for: who does, the signals that are queued for it, and what blocks those.

            Exit status: 0 shown, 1 the server could not be asked or has no such guest, 64 wrong option.
            """)

    @OptionGroup var arguments: ControlArguments

    @Option(help: ArgumentHelp("The guest's number, as `understudy guests` shows it.", valueName: "number"))
    var guest: UInt32

    @Flag(help: "Show the fences that nobody waits for, too.")
    var all = false

    func run() throws {
        try arguments.run(.fences(guest: guest, all: all)) { (reply: FencesReply) in
            reply.fences.isEmpty ? "Nobody waits for a fence." : reply.fences.map(Self.text).joined(separator: "\n")
        }
    }

    private static func text(_ fence: FenceInspection) -> String {
        let shared = fence.isShared ? ", shared by \(fence.processes.count) processes" : ""
        var lines = ["\(fence.kind) \(fence.name.text), \(fence.role), is \(fence.value)\(shared)"]
        for waiter in fence.waiters {
            let who = waiter.event.map { "event \($0) of process \(waiter.process)" } ?? waiter.queue?.text ?? "a queue"
            lines.append("  \(who) waits for \(waiter.target)")
        }
        for signaller in fence.signallers {
            lines.append(
                "  \(signaller.queue.text) will signal \(signaller.value), after \(signaller.packetsAhead) packets")
            lines.append("    now: \(signaller.blockedBy.text)")
        }
        if fence.signallers.isEmpty, !fence.waiters.isEmpty {
            lines.append(
                fence.isGPUWritable
                    ? "  no signal is queued; GPU code may write it" : "  no signal is queued: a CPU has to signal it")
        }
        return lines.joined(separator: "\n")
    }
}
