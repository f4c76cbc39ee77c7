/// One key of a section: how its value is read, shown and described. What is known of a key is said once, here.
struct Field<Section: Sendable>: Sendable {
    let key: String
    /// Whether a section without the key is wrong.
    var isRequired = false
    /// Reads the node into the section; a wrong value is reported and leaves the section as it is.
    let read: @Sendable (YAMLNode, inout Section, Place) -> Void
    /// The key and its value, or those of everything inside, for the key's path.
    let list: @Sendable (Section, String) -> [SettingsEntry]
    /// The key's description and those of everything inside, for the key's path and a section with its defaults.
    let describe: @Sendable (Section, String) -> [SettingDescription]

    /// A key with one value.
    static func value<Value>(
        _ key: String, _ property: any WritableKeyPath<Section, Value> & Sendable, _ format: ScalarFormat<Value>,
        isRequired: Bool = false
    ) -> Field {
        Field(key: key, isRequired: isRequired) { node, section, place in
            if let value = format.read(node, at: place) { section[keyPath: property] = value }
        } list: { section, path in
            [SettingsEntry(path: path, value: format.show(section[keyPath: property]))]
        } describe: { section, path in
            let standard = isRequired ? nil : format.show(section[keyPath: property])
            return [SettingDescription(path: path, allowed: format.allowed, standard: standard)]
        }
    }

    /// A key with a list of values, or with a word for all values there are, which reads as nil.
    static func list<Value>(
        _ key: String, _ property: any WritableKeyPath<Section, [Value]?> & Sendable, of format: ScalarFormat<Value>,
        _ what: String, count: ClosedRange<Int>, or word: String
    ) -> Field {
        let allowed = "\(word), or \(ListLength.allowed(count, what))"
        let show: @Sendable (Section) -> String = { section in
            section[keyPath: property].map { "[\($0.map(format.show).joined(separator: ", "))]" } ?? word
        }
        return Field(key: key) { node, section, place in
            place.found(inLine: node.line)
            if case .scalar(word, _) = node.content {
                section[keyPath: property] = nil
            } else if case .sequence(let elements) = node.content {
                guard count.contains(elements.count) else {
                    return place.report("a list of \(elements.count) is not in range; allowed: \(allowed)")
                }
                let values = elements.enumerated().compactMap { format.read($1, at: place[$0]) }
                section[keyPath: property] = values
            } else {
                place.report("\(node.shown) is not a list; allowed: \(allowed)")
            }
        } list: { section, path in
            [SettingsEntry(path: path, value: show(section))]
        } describe: { section, path in
            [SettingDescription(path: path, allowed: allowed, standard: show(section))]
        }
    }

    /// A key with a section.
    static func section<Inner>(
        _ key: String, _ property: any WritableKeyPath<Section, Inner> & Sendable, _ schema: Schema<Inner>
    ) -> Field {
        Field(key: key) { node, section, place in
            schema.read(node, into: &section[keyPath: property], at: place)
        } list: { section, path in
            schema.list(section[keyPath: property], at: path)
        } describe: { section, path in
            schema.describe(section[keyPath: property], at: path)
        }
    }

    /// A key with a list of sections, each of which starts as `template` gives it.
    static func sections<Inner>(
        _ key: String, _ property: any WritableKeyPath<Section, [Inner]> & Sendable, of schema: Schema<Inner>,
        count: ClosedRange<Int>, template: @escaping @Sendable (Section) -> Inner
    ) -> Field {
        let read: @Sendable (YAMLNode, Section, Place) -> Inner? = { node, section, place in
            var inner = template(section)
            return schema.read(node, into: &inner, at: place) ? inner : nil
        }
        return elements(key, property, of: schema, count: count, template: template, read: read)
    }

    /// The same with an own way to read an element.
    static func elements<Inner>(
        _ key: String, _ property: any WritableKeyPath<Section, [Inner]> & Sendable, of schema: Schema<Inner>,
        count: ClosedRange<Int>, template: @escaping @Sendable (Section) -> Inner,
        read: @escaping @Sendable (YAMLNode, Section, Place) -> Inner?
    ) -> Field {
        Field(key: key) { node, section, place in
            place.found(inLine: node.line)
            let allowed = ListLength.allowed(count)
            // What is left where every element has been commented out.
            var elements: [YAMLNode] = []
            if case .sequence(let list) = node.content {
                elements = list
            } else if !node.isNull {
                return place.report("\(node.shown) is not a list; allowed: \(allowed)")
            }
            guard count.contains(elements.count) else {
                return place.report("a list of \(elements.count) is not in range; allowed: \(allowed)")
            }
            var inner: [Inner] = []
            for (index, element) in elements.enumerated() {
                if let value = read(element, section, place[index]) { inner.append(value) }
            }
            // With an element missing the places of the others would be wrong.
            if inner.count == elements.count { section[keyPath: property] = inner }
        } list: { section, path in
            let inner = section[keyPath: property]
            if inner.isEmpty { return [SettingsEntry(path: path, value: "[]")] }
            return inner.enumerated().flatMap { schema.list($1, at: Shown.path(path, index: $0)) }
        } describe: { section, path in
            [SettingDescription(path: path, allowed: ListLength.allowed(count), standard: nil)]
                + schema.describe(template(section), at: path + "[]")
        }
    }

    /// The same key of a section that holds this one. It is described where it is at home.
    func lifted<Outer>(to property: any WritableKeyPath<Outer, Section> & Sendable) -> Field<Outer> {
        Field<Outer>(key: key, isRequired: isRequired) { node, outer, place in
            read(node, &outer[keyPath: property], place)
        } list: { outer, path in
            list(outer[keyPath: property], path)
        } describe: { _, _ in
            []
        }
    }
}

/// What is said of the length of a list.
private enum ListLength {
    static func allowed(_ count: ClosedRange<Int>, _ what: String = "entries") -> String {
        "a list of \(count.lowerBound) to \(count.upperBound) \(what)"
    }
}
