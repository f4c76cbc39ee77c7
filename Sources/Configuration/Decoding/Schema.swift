/// The keys of one kind of section, in the order in which they are read, and what must hold among them.
struct Schema<Section: Sendable>: Sendable {
    let fields: [Field<Section>]
    /// Called for a section in which nothing was wrong so far; reports what is.
    var check: @Sendable (inout Section, Place) -> Void = { _, _ in }

    /// Reads a mapping into a section that holds the defaults. Answers whether nothing was wrong.
    @discardableResult
    func read(_ node: YAMLNode, into section: inout Section, at place: Place) -> Bool {
        place.found(inLine: node.line)
        let before = place.file.problems.count
        let pairs: [YAMLPair]
        if case .mapping(let list) = node.content {
            pairs = list
        } else if node.isNull {
            pairs = []
        } else {
            place.report("\(node.shown) is not a mapping; allowed: the keys \(names)")
            return false
        }
        for pair in pairs where !fields.contains(where: { $0.key == pair.key }) {
            place[pair.key].found(inLine: pair.line)
            place[pair.key].report(unknown(pair.key))
        }
        for field in fields {
            if let pair = pairs.first(where: { $0.key == field.key }) {
                field.read(pair.value, &section, place[field.key])
            } else if field.isRequired {
                place.report("the key '\(field.key)' is missing")
            }
        }
        if place.file.problems.count == before { check(&section, place) }
        return place.file.problems.count == before
    }

    /// All keys with their values.
    func list(_ section: Section, at path: String) -> [SettingsEntry] {
        fields.flatMap { $0.list(section, Shown.path(path, key: $0.key)) }
    }

    /// All keys with what may be written there.
    func describe(_ section: Section, at path: String) -> [SettingDescription] {
        fields.flatMap { $0.describe(section, Shown.path(path, key: $0.key)) }
    }

    private var names: String { fields.map(\.key).joined(separator: ", ") }

    private func unknown(_ key: String) -> String {
        let nearest = NearestName.of(key, in: fields.map(\.key)).map { " (nearest: '\($0)')" } ?? ""
        return "\(Shown.quoted(key)) is not a known key\(nearest); allowed: \(names)"
    }
}
