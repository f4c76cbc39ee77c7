/// An event of the guest that the host signals (docs/protocol/semantics.md 1.7).
public final class GuestEvent: Sendable {
    /// The number by which messages name the event.
    public let id: UInt64

    /// Whether the guest forgets the event with its first signal, as the Linux driver does for waits.
    public let isOneShot: Bool

    private let signals = Monitor((pending: UInt64(0), isLost: false))

    init(id: UInt64, isOneShot: Bool) {
        self.id = id
        self.isOneShot = isOneShot
    }

    /// How many signals came that nobody has waited for.
    public var pendingSignals: UInt64 { signals.read { $0.pending } }

    /// Waits for a signal and takes it.
    public func wait(until deadline: Deadline = .never) throws(GuestError) {
        let isSignalled = signals.wait(until: deadline) { state -> Bool? in
            if state.pending > 0 {
                state.pending -= 1
                return true
            }
            return state.isLost ? false : nil
        }
        guard let isSignalled else { throw .timedOut("event \(id)") }
        if !isSignalled { throw .disconnected(reason: "while waiting for event \(id)") }
    }

    func signal() { signals.update { $0.pending += 1 } }

    func lose() { signals.update { $0.isLost = true } }
}
