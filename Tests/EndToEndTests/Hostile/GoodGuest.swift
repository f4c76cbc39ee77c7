import Linux
import Synchronization
import Testing

@testable import Guest

/// A guest that computes in a loop, on a thread of its own, and checks every result.
final class GoodGuest: Sendable {
    private struct State {
        var rounds = 0
        var problem: String?
        var isStopping = false
    }

    private let state = Mutex(State())
    private let thread = Mutex<ServiceThread?>(nil)

    init(_ endpoint: Endpoint) throws {
        let started = try ServiceThread { [self] in
            do {
                try compute(endpoint)
            } catch {
                state.withLock { $0.problem = $0.problem ?? "\(error)" }
            }
        }
        thread.withLock { $0 = started }
        _ = Wait.until { rounds > 0 || problem != nil }
    }

    /// How often it has computed.
    var rounds: Int { state.withLock { $0.rounds } }

    /// What went wrong, if anything did.
    var problem: String? { state.withLock { $0.problem } }

    /// Ends the loop and the guest.
    func stop() {
        state.withLock { $0.isStopping = true }
        thread.withLock { thread in
            thread?.join()
            thread = nil
        }
    }

    private func compute(_ endpoint: Endpoint) throws {
        let machine = try GuestMachine.connect(to: endpoint)
        defer { machine.close() }
        let device = try TestDevice(machine, .hardwareQueue)
        let page = try machine.memory.allocate(pages: 1)
        let existing = try device.makeExistingMemory(pages: [page / 4096])
        while !state.withLock({ $0.isStopping }) {
            let round = rounds
            let problem = try SaxpyProblem(on: device, count: 512, seed: round)
            try device.run { buffer in
                problem.append(to: &buffer)
                buffer.fill(existing.address, bytes: 4096, pattern: UInt32(truncatingIfNeeded: round))
            }
            guard try problem.isRight() else { throw TestServerError(description: "round \(round): a wrong result") }
            let expected = Array(repeating: [UInt32(truncatingIfNeeded: round)].littleEndianBytes, count: 1024)
            guard try machine.memory.read(at: page, count: 4096) == expected.flatMap({ $0 }) else {
                throw TestServerError(description: "round \(round): wrong bytes in the guest's memory")
            }
            guard machine.oddities.isEmpty else { throw TestServerError(description: "\(machine.oddities)") }
            try problem.release(on: device)
            state.withLock { $0.rounds += 1 }
            // One round after the other would take all of a small machine's time.
            Wait.pause(milliseconds: 20)
        }
    }
}
