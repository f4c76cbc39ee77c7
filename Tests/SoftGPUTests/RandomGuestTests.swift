import Testing

@testable import SoftGPU

/// Long random sessions: the checker and the audit find nothing, and a seed is a trace.
@Suite struct RandomGuestTests {
    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func nothingIsFound(seed: UInt64) {
        let random = RandomGuest(seed: seed)
        random.run(10_000)
        random.finish()
    }
}
