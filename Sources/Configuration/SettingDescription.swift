/// A key of the configuration file.
public struct SettingDescription: Hashable, Sendable {
    /// Such as `listeners[].endpoint`: keys joined by dots, `[]` for any element of a list.
    public let path: String
    /// What may be written there.
    public let allowed: String
    /// What holds without the key; nothing for keys that must be given and for lists of sections.
    public let standard: String?
}

/// A key with the value that it has.
public struct SettingsEntry: Hashable, Sendable, CustomStringConvertible {
    /// Such as `listeners[0].endpoint`.
    public let path: String
    /// As it would be written; secrets are not shown.
    public let value: String

    /// `path: value`
    public var description: String { "\(path): \(value)" }
}
