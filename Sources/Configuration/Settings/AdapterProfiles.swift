import Linux

/// Named adapters in a folder: the profile `compute` is the file `compute.yaml`.
public struct AdapterProfiles: Sendable {
    /// The profile that there is without a file too.
    public static let standardName = "default"
    private static let suffix = ".yaml"

    /// Its path, as it was named.
    public let folder: String
    private let files: any ConfigurationFiles

    /// The profiles of a folder, which need not exist as long as no other profile than `default` is asked for.
    public init(folder: String, files: any ConfigurationFiles = SystemFiles()) {
        self.folder = folder
        self.files = files
    }

    /// The names of the profiles, sorted.
    public var names: [String] {
        var names = [Self.standardName]
        for name in (try? files.names(in: folder)) ?? [] where name.hasSuffix(Self.suffix) {
            names.append(String(name.dropLast(Self.suffix.count)))
        }
        return names.sorted().reduce(into: []) { if $0.last != $1 { $0.append($1) } }
    }

    /// Reads a profile.
    public func adapter(_ name: String) throws(ConfigurationError) -> AdapterSettings {
        let file = FileReading(name: folder, files: files)
        let adapter = adapter(name, for: file.root)
        try file.finish()
        return adapter ?? AdapterSettings()
    }

    /// Reads a profile for the key that names it, which is where a missing one is reported.
    func adapter(_ name: String, for place: Place) -> AdapterSettings? {
        guard (try? ScalarFormat.name.parse(ScalarText(text: name, file: place.file))) != nil else {
            reportUnknown(name, for: place)
            return nil
        }
        let path = "\(folder)/\(name)\(Self.suffix)"
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try files.read(path, maximum: YAMLReader.maximumBytes + 1)
        } catch {
            if error.isMissingFile {
                if name == Self.standardName { return AdapterSettings() }
                reportUnknown(name, for: place)
            } else {
                place.report("the adapter profile '\(name)' is not readable (\(error))")
            }
            return nil
        }
        let file = FileReading(name: path, files: files)
        defer { place.file.takeProblems(of: file) }
        guard let document = file.document(bytes) else { return nil }
        var adapter = AdapterSettings()
        guard AdapterSettings.profileSchema.read(document, into: &adapter, at: file.root) else { return nil }
        guard adapter.name == name else {
            file.root["name"].report("\(Shown.quoted(adapter.name)) is not the name of the file; allowed: \(name)")
            return nil
        }
        adapter.profile = name
        return adapter
    }

    private func reportUnknown(_ name: String, for place: Place) {
        let names = names
        let nearest = NearestName.of(name, in: names).map { " (nearest: '\($0)')" } ?? ""
        place.report(
            "\(Shown.quoted(name)) is not an adapter profile of \(folder)\(nearest); "
                + "allowed: \(names.joined(separator: ", "))")
    }
}
