extension Settings {
    /// Puts adapters of these profiles in the place of all that there are, each with the name of its profile.
    ///
    /// - Parameters:
    ///   - profiles: 1 to 16 names of profiles, each once.
    ///   - folder: where the profiles are; nothing: the folder that the settings name.
    ///   - source: what messages call the place that the names come from.
    ///   - files: where the profiles are read from.
    public mutating func replaceAdapters(
        with profiles: [String], in folder: String? = nil, from source: String,
        files: any ConfigurationFiles = SystemFiles()
    ) throws(ConfigurationError) {
        let file = FileReading(name: source, files: files, hasLines: false)
        if let folder { adapterProfiles = folder }
        if !(1...Self.maximumAdapters).contains(profiles.count) {
            file.root.report("\(profiles.count) adapters; allowed: 1 to \(Self.maximumAdapters)")
        }
        let known = AdapterProfiles(folder: adapterProfiles, files: files)
        var chosen: [AdapterSettings] = []
        for (index, name) in profiles.enumerated() {
            if profiles.prefix(index).contains(name) {
                file.root.report("\(Shown.quoted(name)) is there twice; allowed: each profile once")
            } else if let adapter = known.adapter(name, for: file.root) {
                chosen.append(adapter)
            }
        }
        try file.finish()
        adapters = chosen
        for (path, guest) in [("guest", guest)] + guests.map({ ("guest '\($0.name)'", $0.settings) }) {
            for name in guest.adapters ?? [] where !profiles.contains(name) {
                file.root.report(
                    "\(Shown.quoted(name)) is missing, an adapter of \(path) in the configuration; "
                        + "allowed: profiles that it is among")
            }
        }
        try file.finish()
    }
}
