internal import VMBus

/// The PCI functions that the guest sees (docs/protocol/ivshmem.md 7), and which of them it has seen go.
struct FunctionSlots {
    private enum Slot {
        case present
        /// Gone with this generation; nothing: never there.
        case absent(since: UInt32?)
    }

    private var slots: [Slot]
    /// Counts the changes.
    private(set) var generation: UInt32 = 0

    /// So many slots that may be filled, at most 32. All are empty.
    init(count: Int) { slots = Array(repeating: .absent(since: nil), count: min(count, IvshmemLayout.functionSlots)) }

    /// Words of a slot without a function.
    static let noFunction = [UInt32](repeating: .max, count: ConfigurationSpace.size / 4)

    /// Compares the slots with the functions there are; `read` gives a function's configuration space, of which the
    /// first word is all ones where there is none. `show` gets what the guest is to see in a slot. Says whether
    /// functions came or went.
    ///
    /// - Parameter seen: the generation that the guest says it has seen; nil: it sees everything for the first time.
    mutating func update(
        seen: UInt32?, read: (Int) -> [UInt32], show: (Int, [UInt32]) -> Void
    ) -> Bool {
        let old = generation
        for index in slots.indices {
            let words = read(index)
            switch (slots[index], words[0] != .max) {
            case (.present, true):
                show(index, words)
            case (.present, false):
                generation &+= 1
                slots[index] = .absent(since: generation)
                show(index, Self.noFunction)
            case (.absent(let since), true):
                // Filled at once, it would be mistaken for the one that was there before.
                if let since, let seen, Int32(bitPattern: seen &- since) < 0 { continue }
                generation &+= 1
                slots[index] = .present
                show(index, words)
            case (.absent, false):
                break
            }
        }
        return generation != old
    }
}
