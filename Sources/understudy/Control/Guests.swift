import ArgumentParser
import Control
import SoftGPU

/// Shows who is connected to a running server, and what they have.
struct Guests: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the guests of a running server.",
        discussion: """
            For each guest its virtual GPUs, its processes, their objects, and their memory against the budget.

            Exit status: 0 shown, 1 the server could not be asked, 64 wrong option.
            """)

    @OptionGroup var arguments: ControlArguments

    func run() throws {
        try arguments.run(.guests) { (reply: GuestsReply) in
            reply.guests.isEmpty ? "No guest is connected." : reply.guests.map(Self.text).joined(separator: "\n")
        }
    }

    private static func text(_ guest: GuestReport) -> String {
        let gpu = guest.gpu
        var lines = [
            "guest \(guest.guest) '\(guest.name)' from \(guest.peer), \(guest.connectedMilliseconds / 1000) s, "
                + "interface \(gpu.interfaceVersion), \(guest.workers) workers",
            "  memory \(mebibytes(gpu.memory)), IO space \(mebibytes(gpu.ioSpace)), "
                + "objects \(gpu.objects.used) of \(gpu.objects.limit), "
                + "shared \(gpu.sharedObjects.used) of \(gpu.sharedObjects.limit)",
        ]
        for adapter in gpu.adapters {
            lines.append("  vGPU \(adapter.index) '\(adapter.name)' \(adapter.state), \(adapter.timeouts) timeouts")
        }
        for process in gpu.processes { lines += text(process) }
        return lines.joined(separator: "\n")
    }

    private static func text(_ process: ProcessInspection) -> [String] {
        let objects = process.objects
        var lines = [
            "  process \(process.pid) '\(process.name)' \(process.handle): \(objects.devices) devices, "
                + "\(objects.contexts) contexts, \(objects.hwQueues) hardware queues, "
                + "\(objects.allocations) allocations, \(objects.syncObjects) fences, "
                + "\(process.waiters) waiters, \(process.queuedPackets) packets"
        ]
        for memory in process.memory where memory.committed > 0 || memory.reserved > 0 {
            lines.append(
                "    vGPU \(memory.adapter) \(memory.group): resident \(memory.resident >> 20) of a budget of "
                    + "\(memory.budget >> 20) MiB, committed \(memory.committed >> 20) MiB, "
                    + "reserved \(memory.reserved >> 20) MiB")
        }
        for device in process.devices where !device.queues.isEmpty || device.state != "active" {
            lines.append("    device \(device.handle) \(device.state)")
            lines += device.queues.map { "      \($0.text)" }
        }
        return lines
    }

    private static func mebibytes(_ amount: GuestInspection.Amount) -> String {
        "\(amount.used >> 20) of \(amount.limit >> 20) MiB"
    }
}
