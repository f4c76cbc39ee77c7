import SoftGPU

extension Settings {
    /// The top of the file. The order matters: adapters are read from the profiles' folder, and named guests start as
    /// copies of the default guest.
    static let schema = Schema<Settings>(
        fields: [
            .sections(
                "listeners", \.listeners, of: ListenerSettings.schema, count: 0...64,
                template: ListenerSettings.template),
            .value("adapter-profiles", \.adapterProfiles, .path("a folder")),
            adapterField,
            .section("guest", \.guest, GuestSettings.schema),
            .sections("guests", \.guests, of: NamedGuest.schema, count: 0...4096, template: NamedGuest.template),
            .section("limits", \.limits, ServerLimits.schema),
            .section("timeouts", \.timeouts, TimeoutPolicy.schema),
            .section("workers", \.workers, WorkerSettings.schema),
            .section("log", \.log, LogSettings.schema),
            .section("control", \.control, ControlSettings.schema),
            .value("pid-file", \.pidFile, .optional(.path("a file"), or: "none")),
            .value("drain-time", \.drainNanoseconds, .duration(0...3_600_000_000_000)),
        ],
        check: { settings, place in settings.check(place) })

    /// An adapter is the name of a profile, or a mapping that starts from one.
    private static var adapterField: Field<Settings> {
        .elements(
            "adapters", \.adapters, of: AdapterSettings.schema, count: 1...maximumAdapters,
            template: { _ in AdapterSettings() }
        ) { node, settings, place in
            place.found(inLine: node.line)
            let profiles = AdapterProfiles(folder: settings.adapterProfiles, files: place.file.files)
            if case .scalar(let name, _) = node.content, !node.isNull {
                return profiles.adapter(name, for: place)
            }
            var profile = (name: AdapterProfiles.standardName, place: place)
            if case .mapping(let pairs) = node.content, let pair = pairs.first(where: { $0.key == "profile" }) {
                guard let name = ScalarFormat.name.read(pair.value, at: place["profile"]) else { return nil }
                profile = (name, place["profile"])
            }
            guard var adapter = profiles.adapter(profile.name, for: profile.place) else { return nil }
            return AdapterSettings.schema.read(node, into: &adapter, at: place) ? adapter : nil
        }
    }

    /// What must hold among the sections.
    private mutating func check(_ place: Place) {
        if !place["adapters"].isGiven {
            let profiles = AdapterProfiles(folder: adapterProfiles, files: place.file.files)
            if let adapter = profiles.adapter(AdapterProfiles.standardName, for: place) { adapters = [adapter] }
        }
        let names = Names(self)
        names.requireUnique(place)
        names.check(guest, at: place["guest"])
        for (index, guest) in guests.enumerated() {
            let own = place["guests"][index]
            names.check(guest.settings, at: own)
            names.check(guest, at: own)
        }
        for (index, listener) in listeners.enumerated() { names.check(listener, at: place["listeners"][index]) }
    }
}

extension TimeoutPolicy {
    static let schema = Schema<TimeoutPolicy>(fields: [
        .value(
            "packet", \.packetNanoseconds,
            .mapped(
                .optional(.duration(1_000_000...86_400_000_000_000), or: "none"), { $0 ?? .max },
                back: { $0 == .max ? nil : $0 })),
        .value("reset", \.resetNanoseconds, .duration(1_000_000...86_400_000_000_000)),
        .value("reset-nodes-alone", \.resetsNodesAlone, .boolean),
        .value("limit", \.limit, .number(1...1_000_000)),
        .value("window", \.windowNanoseconds, .duration(1_000_000...86_400_000_000_000)),
    ])
}
