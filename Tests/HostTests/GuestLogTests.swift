import DXGProtocol
import Logging
import Testing

@testable import Host
@testable import SoftGPU

/// The log: a guest cannot fill it, nor write lines of its own into it.
@Suite struct GuestLogTests {
    private let lines = RecordingLog.Lines()
    private let log: GuestLog
    private let second: UInt64 = 1_000_000_000
    private let guest = GuestID(rawValue: 1)

    init() {
        let lines = lines
        log = GuestLog(logger: Logger(label: "test") { _ in RecordingLog(lines) })
    }

    @Test func tenLinesInFiveSeconds() {
        for number in 0..<25 { log.guest(guest, .info, "line \(number)", at: 100 * second + UInt64(number)) }
        #expect(lines.all == (0..<10).map { "info line \($0) guest=1" })
        log.guest(guest, .info, "later", at: 105 * second)
        #expect(lines.all.suffix(2) == ["warning 15 lines left out guest=1", "info later guest=1"])
    }

    @Test func guestsHaveTheirOwnLimits() {
        for number in 0..<20 { log.guest(guest, .info, "line \(number)", at: second) }
        log.guest(GuestID(rawValue: 2), .info, "mine", at: second)
        #expect(lines.all.last == "info mine guest=2")
    }

    @Test func linesBelowTheLevelDoNotCount() {
        for _ in 0..<20 { log.guest(guest, .debug, "not shown", at: second) }
        log.guest(guest, .info, "shown", at: second)
        #expect(lines.all == ["info shown guest=1"])
    }

    /// What was left out is told when the guest goes, too, and not twice.
    @Test func guestThatGoes() {
        for number in 0..<12 { log.guest(guest, .info, "line \(number)", at: second) }
        log.forget(guest)
        #expect(lines.all.last == "warning 2 lines left out guest=1")
        log.forget(guest)
        log.guest(guest, .info, "anew", at: 20 * second)
        #expect(lines.all.count == 12)
    }

    @Test func whatTheModelSays() {
        log.diagnostic(
            Diagnostic(
                severity: .warning, guest: guest, process: (D3DKMTHandle(index: 1, unique: 1), 42),
                command: "CREATEDEVICE", status: .invalidParameter, reason: "no such adapter"), at: second)
        #expect(lines.all.count == 1)
        let line = lines.all.first ?? ""
        for part in ["warning no such adapter", "command=CREATEDEVICE", "guest=1", "pid=42"] {
            #expect(line.contains(part))
        }
    }

    @Test func textsOfGuests() {
        #expect("vm-1".quotedForLog == "'vm-1'")
        #expect("a\nb\u{1b}[31m".quotedForLog == "'a\\u{a}b\\u{1b}[31m'")
        #expect("it's \\".quotedForLog == "'it\\'s \\\\'")
        #expect("\u{202e}abc\u{2028}".quotedForLog == "'\\u{202e}abc\\u{2028}'")
        #expect("grün 雨".quotedForLog == "'grün 雨'")
        #expect(String(repeating: "x", count: 70_000).quotedForLog == "'" + String(repeating: "x", count: 64) + "…'")
    }
}
