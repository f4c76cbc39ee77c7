internal import EventLoop
internal import Linux

/// The eventfds of one guest: those that its device writes when it rings, and those that interrupt it.
///
/// Both kinds are the monitor's as well. It can signal too often or take a signal away, which only its own guest feels.
final class IvshmemDoorbells {
    private let fromGuest: [EventDescriptor]
    private let toGuest: [EventDescriptor]
    private var polls: [Poll] = []

    /// Calls `rang` with the vector at every doorbell, on the loop.
    init(_ loop: EventLoop, rang: @escaping (Int) -> Void) throws(SystemError) {
        var events: [EventDescriptor] = []
        for _ in 0..<2 * IvshmemLayout.vectors { events.append(try EventDescriptor()) }
        fromGuest = Array(events[..<IvshmemLayout.vectors])
        toGuest = Array(events[IvshmemLayout.vectors...])
        for (vector, event) in fromGuest.enumerated() {
            let poll = try Poll(loop, descriptor: event.descriptor.rawValue) { _ in
                // Nothing to take: the monitor did. The ring is looked at all the same.
                _ = try? event.take()
                rang(vector)
            }
            poll.update(.readable)
            polls.append(poll)
        }
    }

    /// The host's vectors and the guest's, to be sent to the monitor in this order; borrowed.
    var descriptors: (host: [Int32], guest: [Int32]) {
        (fromGuest.map { $0.descriptor.rawValue }, toGuest.map { $0.descriptor.rawValue })
    }

    /// Interrupts the guest.
    func interrupt(_ vector: Int) {
        // The only failure is a descriptor that is none, which it is.
        try? toGuest[vector].signal()
    }

    /// Has the loop look at a vector again, after others had their turn.
    func lookAgain(_ vector: Int) { try? fromGuest[vector].signal() }

    func close() {
        for poll in polls { poll.close() }
        polls = []
    }
}
