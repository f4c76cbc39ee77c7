/// A question on the control socket (docs/control.md 2).
public enum ControlRequest: Hashable, Sendable {
    case version
    case capabilities
    case guests
    /// The synchronization objects of a guest that somebody waits for, or all of them.
    case fences(guest: UInt32, all: Bool)

    /// The longest line of a request in bytes, its line end included.
    public static let maximumBytes = 4096
}

extension ControlRequest: Codable {
    private enum Key: String, CodingKey { case request, guest, all }

    private enum Name: String, CaseIterable, Codable { case version, capabilities, guests, fences }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let text = try container.decode(String.self, forKey: .request)
        switch Name(rawValue: text) {
        case .version: self = .version
        case .capabilities: self = .capabilities
        case .guests: self = .guests
        case .fences:
            // As a double first: the decoder says of a number that does not fit only that the line is no JSON.
            guard let guest = UInt32(exactly: try container.decode(Double.self, forKey: .guest)) else {
                throw DecodingError.dataCorruptedError(
                    forKey: .guest, in: container, debugDescription: "no number of a guest; allowed: 0 to 4294967295")
            }
            self = .fences(guest: guest, all: try container.decodeIfPresent(Bool.self, forKey: .all) ?? false)
        case nil:
            let names = Name.allCases.map(\.rawValue).joined(separator: ", ")
            throw DecodingError.dataCorruptedError(
                forKey: .request, in: container, debugDescription: "there is no '\(text)'; allowed: \(names)")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .version: try container.encode(Name.version, forKey: .request)
        case .capabilities: try container.encode(Name.capabilities, forKey: .request)
        case .guests: try container.encode(Name.guests, forKey: .request)
        case .fences(let guest, let all):
            try container.encode(Name.fences, forKey: .request)
            try container.encode(guest, forKey: .guest)
            try container.encode(all, forKey: .all)
        }
    }
}
