import DXGProtocol
import Logging
import SoftGPU

/// The log. Lines that a guest can cause are limited per guest, and what was left out is counted.
final class GuestLog {
    private let logger: Logger
    private var budgets: [GuestID: Budget] = [:]

    /// Ten lines per five seconds and guest.
    private static let burst = 10
    private static let period: UInt64 = 5_000_000_000

    private struct Budget {
        var periodStart: UInt64
        var used = 0
        var dropped = 0
    }

    init(logger: Logger) { self.logger = logger }

    /// Something about the server itself.
    func server(_ level: Logger.Level, _ message: @autoclosure () -> String) {
        logger.log(level: level, "\(message())")
    }

    /// What the model says about a guest.
    func diagnostic(_ diagnostic: Diagnostic, at time: UInt64) {
        var metadata: Logger.Metadata = [:]
        if let process = diagnostic.process {
            metadata["process"] = "\(process.handle)"
            metadata["pid"] = "\(process.pid)"
        }
        if !diagnostic.command.isEmpty { metadata["command"] = "\(diagnostic.command)" }
        if let status = diagnostic.status { metadata["status"] = "\(status)" }
        let level: Logger.Level =
            switch diagnostic.severity {
            case .debug: .debug
            case .info: .info
            case .warning: .warning
            }
        guest(diagnostic.guest, level, diagnostic.reason, metadata, at: time)
    }

    /// Something that a guest did.
    func guest(
        _ guest: GuestID, _ level: Logger.Level, _ reason: @autoclosure () -> String, _ metadata: Logger.Metadata = [:],
        at time: UInt64
    ) {
        guard level >= logger.logLevel else { return }
        var budget = budgets[guest] ?? Budget(periodStart: time)
        if time &- budget.periodStart >= Self.period {
            tellDropped(guest, budget)
            budget = Budget(periodStart: time)
        }
        budget.used += 1
        if budget.used > Self.burst {
            budget.dropped += 1
        } else {
            var metadata = metadata
            metadata["guest"] = "\(guest.rawValue)"
            logger.log(level: level, "\(reason())", metadata: metadata)
        }
        budgets[guest] = budget
    }

    /// The guest is gone.
    func forget(_ guest: GuestID) {
        if let budget = budgets.removeValue(forKey: guest) { tellDropped(guest, budget) }
    }

    private func tellDropped(_ guest: GuestID, _ budget: Budget) {
        guard budget.dropped > 0 else { return }
        logger.warning("\(budget.dropped) lines left out", metadata: ["guest": "\(guest.rawValue)"])
    }
}
