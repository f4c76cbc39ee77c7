/// What an item asks of those that run beside it. A subgroup is the items whose lanes are in one vector.
enum SubgroupCall {
    /// How many items a subgroup has at most.
    case size
    /// Which of the group's subgroups it is.
    case index
    /// How many subgroups the group has.
    case count
    /// Which item of its subgroup it is.
    case lane
    /// Whether it is the first of those that are active.
    case elect
    /// Whether a condition holds for all or any of those that are active.
    case all
    case any
    /// The value of the first active item, or of the one with a number.
    case broadcastFirst
    case broadcast
    /// The value of the item with a number of its own choice.
    case shuffle
    /// A bit for each active item for which a condition holds, as four words.
    case ballot
    /// A number made of those of all active items, or of those before, with this one or without.
    case reduce(Operation)
    case inclusive(Operation)
    case exclusive(Operation)

    enum Operation: String, CaseIterable {
        case add, mul, and, or, xor, smin, smax, umin, umax, fadd, fmul, fmin, fmax
    }

    /// By the name of the function: "item.subgroup.reduce.add.i32", with the type last where there is one.
    init?(_ name: String) {
        let parts = name.dropFirst(ItemCall.subgroup.count).split(separator: ".").map(String.init)
        guard let first = parts.first else { return nil }
        switch first {
        case "size": self = .size
        case "index": self = .index
        case "count": self = .count
        case "lane": self = .lane
        case "elect": self = .elect
        case "all": self = .all
        case "any": self = .any
        case "broadcastFirst": self = .broadcastFirst
        case "broadcast": self = .broadcast
        case "shuffle": self = .shuffle
        case "ballot": self = .ballot
        case "reduce", "inclusive", "exclusive":
            guard parts.count > 1, let operation = Operation(rawValue: parts[1]) else { return nil }
            self = first == "reduce" ? .reduce(operation)
                : first == "inclusive" ? .inclusive(operation) : .exclusive(operation)
        default: return nil
        }
    }

    /// How what it gives differs from item to item.
    var shape: Shape {
        switch self {
        case .size, .index, .count, .all, .any, .broadcastFirst, .broadcast, .ballot, .reduce: .uniform
        case .lane: .strided(1)
        case .elect, .shuffle, .inclusive, .exclusive: .varying
        }
    }
}
