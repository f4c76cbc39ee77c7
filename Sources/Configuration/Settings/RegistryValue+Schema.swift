import SoftGPU

extension RegistryValue {
    private static let forms: [Field<RegistryValue>] = [
        form("dword", .number(0...(.max)), Content.dword) { if case .dword(let value) = $0 { value } else { nil } },
        form("qword", .number(0...(.max)), Content.qword) { if case .qword(let value) = $0 { value } else { nil } },
        form("string", .text("a text", units: 0...2048), Content.string) {
            if case .string(let value) = $0 { value } else { nil }
        },
        form("binary", .bytes(maximum: 2048), Content.binary) {
            if case .binary(let value) = $0 { value } else { nil }
        },
    ]

    /// A key that stands for a form of the content.
    private static func form<Value: Sendable>(
        _ key: String, _ format: ScalarFormat<Value>, _ wrap: @escaping @Sendable (Value) -> Content,
        unwrap: @escaping @Sendable (Content) -> Value?
    ) -> Field<RegistryValue> {
        Field(key: key) { node, section, place in
            if let value = format.read(node, at: place) { section.content = wrap(value) }
        } list: { section, path in
            unwrap(section.content).map { [SettingsEntry(path: path, value: format.show($0))] } ?? []
        } describe: { _, path in
            [SettingDescription(path: path, allowed: format.allowed, standard: nil)]
        }
    }

    static func template(_: AdapterSettings) -> RegistryValue {
        RegistryValue(key: .adapter, name: "", content: .dword(0))
    }

    static let schema = Schema<RegistryValue>(
        fields: [
            .value("key", \.key, .choice("a registry key", [("adapter", .adapter), ("service", .service)])),
            .value("name", \.name, .text("a value name", units: 1...259), isRequired: true),
        ] + forms,
        check: { _, place in
            let names = forms.map(\.key)
            let count = names.count { place[$0].isGiven }
            guard count != 1 else { return }
            let found = count == 0 ? "the value is missing" : "more than one value is given"
            place.report("\(found); allowed: one of \(names.joined(separator: ", "))")
        })
}
