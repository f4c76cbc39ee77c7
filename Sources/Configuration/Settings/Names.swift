import Linux

/// The names of a configuration, and whether what refers to them is right.
struct Names {
    private let adapters: [String]
    private let guests: [NamedGuest]
    private let listeners: [ListenerSettings]

    init(_ settings: Settings) {
        adapters = settings.adapters.map(\.name)
        guests = settings.guests
        listeners = settings.listeners
    }

    /// Reports what two things of a kind have in common that only one may have.
    func requireUnique(_ place: Place) {
        Self.requireUnique(adapters, "name", at: place["adapters"])
        Self.requireUnique(listeners.map(\.endpoint), "endpoint", at: place["listeners"])
        Self.requireUnique(guests.map(\.name), "name", at: place["guests"])
        Self.requireUnique(guests.map(\.id), "id", at: place["guests"])
        Self.requireUnique(guests.map(\.token), "token", at: place["guests"])
        // What a guest has from the default guest is nobody's own; the second machine that uses it is refused.
        let memoryFiles = guests.indices.map { index in
            place["guests"][index]["guest-memory"].isGiven ? guests[index].settings.memoryFile : nil
        }
        Self.requireUnique(memoryFiles, "guest-memory", at: place["guests"])
    }

    /// The adapters of a guest.
    func check(_ guest: GuestSettings, at place: Place) {
        // A named guest that has no list of its own has the default guest's, which is reported there.
        guard let names = guest.adapters, place["adapters"].isGiven else { return }
        for (index, name) in names.enumerated() where !adapters.contains(name) {
            Self.report(name, "an adapter", of: adapters, at: place["adapters"][index])
        }
    }

    /// The listener that a guest must come by.
    func check(_ guest: NamedGuest, at place: Place) {
        guard let endpoint = guest.endpoint else { return }
        guard let listener = listeners.first(where: { $0.endpoint == endpoint }) else {
            return Self.report(
                endpoint.description, "a listener's endpoint", of: listeners.map(\.endpoint.description),
                at: place["endpoint"])
        }
        if let names = listener.guests, !names.contains(guest.name) {
            place["endpoint"].report("the listener \(endpoint) does not let '\(guest.name)' in; allowed: its guests")
        }
    }

    /// The guests of a listener.
    func check(_ listener: ListenerSettings, at place: Place) {
        for (index, name) in (listener.guests ?? []).enumerated() where !guests.contains(where: { $0.name == name }) {
            Self.report(name, "a guest", of: guests.map(\.name), at: place["guests"][index])
        }
    }

    private static func report(_ name: String, _ what: String, of names: [String], at place: Place) {
        let nearest = NearestName.of(name, in: names).map { " (nearest: '\($0)')" } ?? ""
        // A long list would hide the message.
        let shown = names.prefix(10).joined(separator: ", ") + (names.count > 10 ? ", …" : "")
        place.report(
            "\(Shown.quoted(name)) is not \(what)\(nearest); allowed: \(names.isEmpty ? "none is configured" : shown)")
    }

    /// Reports every value that an earlier one equals; values that are not there equal nothing.
    private static func requireUnique<Value: Hashable>(_ values: [Value?], _ key: String, at place: Place) {
        var first: [Value: Int] = [:]
        for (index, value) in values.enumerated() {
            guard let value else { continue }
            if let other = first[value] {
                place[index][key].report("\(place[other].path) has the same \(key); allowed: one of its own")
            } else {
                first[value] = index
            }
        }
    }
}
