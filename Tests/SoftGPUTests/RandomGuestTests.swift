import Testing

@testable import SoftGPU

/// Long random sessions: 100 000 commands in all, of which the checker and the audit find nothing, and a seed is a
/// trace.
@Suite struct RandomGuestTests {
    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func nothingIsFound(seed: UInt64) { _ = Self.run(seed: seed, commands: 10_000) }

    @Test func aSeedIsATrace() {
        let hash = Self.run(seed: 77, commands: 2_000)
        #expect(Self.run(seed: 77, commands: 2_000) == hash)
        #expect(Self.run(seed: 78, commands: 2_000) != hash)
    }

    /// Gives the hash of the trace.
    private static func run(seed: UInt64, commands: Int) -> UInt64 {
        let random = RandomGuest(seed: seed)
        random.run(commands)
        random.finish()
        return random.host.checker.hash
    }
}
