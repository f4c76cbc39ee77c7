/// Why a text is no endpoint.
public struct EndpointError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The text as given.
    public let text: String
    /// What is wrong with it and what would be right, on one line whatever the text has in it.
    public let reason: String

    init(text: String, reason: String) {
        self.text = text
        self.reason = Self.printable(reason)
    }

    private static func printable(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            let isControl = scalar.properties.generalCategory == .control
            result += isControl ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }
    }

    public var description: String { "endpoint '\(Self.printable(text))': \(reason)" }
}

/// Where guests connect, or where the host connects to.
public enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// A unix stream socket with this path: `unix:PATH`.
    case unix(path: String)
    /// A vsock address: `vsock:CID:PORT`, with `any` for `anyCID`.
    case vsock(cid: UInt32, port: UInt32)
    /// Hybrid vsock, started by the guest: a unix socket named `PATH_PORT` (docs/protocol/vmbus.md 3.1):
    /// `hybrid:PATH:PORT`.
    case hybrid(path: String, port: UInt32)
    /// Hybrid vsock, started by the host through the monitor's socket PATH: `hybrid-dial:PATH:PORT`.
    case hybridDial(path: String, port: UInt32)
    /// The socket to which QEMU connects its ivshmem-doorbell device (docs/protocol/ivshmem.md 1): `ivshmem:PATH`.
    case ivshmem(path: String)

    /// Every context id of this machine: for listening only.
    public static let anyCID = UInt32.max

    /// The longest path of a unix socket, in bytes.
    public static let maximumPathBytes = 107

    /// What an endpoint can look like.
    public static let forms = [
        "unix:PATH", "vsock:CID:PORT", "hybrid:PATH:PORT", "hybrid-dial:PATH:PORT", "ivshmem:PATH",
    ]

    private static let allForms = forms.dropLast().joined(separator: ", ") + " or " + forms[forms.count - 1]

    /// Reads one of the forms.
    public init(parsing text: String) throws(EndpointError) {
        guard let colon = text.firstIndex(of: ":") else {
            throw EndpointError(text: text, reason: "no scheme; write \(Self.allForms)")
        }
        let rest = text[text.index(after: colon)...]
        switch text[..<colon] {
        case "unix":
            self = .unix(path: try Self.path(rest, suffix: "", of: text))
        case "vsock":
            let (cid, port) = try Self.split(rest, of: text, form: "vsock:CID:PORT")
            self = .vsock(cid: try Self.contextID(cid, of: text), port: try Self.port(port, of: text))
        case "hybrid":
            let (path, port) = try Self.split(rest, of: text, form: "hybrid:PATH:PORT")
            let number = try Self.port(port, of: text)
            self = .hybrid(path: try Self.path(path, suffix: "_\(number)", of: text), port: number)
        case "hybrid-dial":
            let (path, port) = try Self.split(rest, of: text, form: "hybrid-dial:PATH:PORT")
            self = .hybridDial(path: try Self.path(path, suffix: "", of: text), port: try Self.port(port, of: text))
        case "ivshmem":
            self = .ivshmem(path: try Self.path(rest, suffix: "", of: text))
        case let scheme:
            throw EndpointError(text: text, reason: "unknown scheme '\(scheme)'; write \(Self.allForms)")
        }
    }

    /// The form that `init(parsing:)` reads.
    public var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .vsock(Self.anyCID, let port): "vsock:any:\(port)"
        case .vsock(let cid, let port): "vsock:\(cid):\(port)"
        case .hybrid(let path, let port): "hybrid:\(path):\(port)"
        case .hybridDial(let path, let port): "hybrid-dial:\(path):\(port)"
        case .ivshmem(let path): "ivshmem:\(path)"
        }
    }

    /// The socket file behind the endpoint, if there is one.
    public var socketPath: String? {
        switch self {
        case .unix(let path), .hybridDial(let path, _), .ivshmem(let path): path
        case .hybrid(let path, let port): "\(path)_\(port)"
        case .vsock: nil
        }
    }

    private static func split(
        _ rest: Substring, of text: String, form: String
    ) throws(EndpointError) -> (Substring, Substring) {
        guard let colon = rest.lastIndex(of: ":") else {
            throw EndpointError(text: text, reason: "no port; write \(form)")
        }
        return (rest[..<colon], rest[rest.index(after: colon)...])
    }

    private static func path(_ path: Substring, suffix: String, of text: String) throws(EndpointError) -> String {
        guard !path.isEmpty else { throw EndpointError(text: text, reason: "empty path") }
        guard !path.utf8.contains(0) else { throw EndpointError(text: text, reason: "a path has no zero bytes") }
        let bytes = path.utf8.count + suffix.utf8.count
        guard bytes <= maximumPathBytes else {
            throw EndpointError(
                text: text,
                reason: "the socket's path '\(path)\(suffix)' has \(bytes) bytes; at most \(maximumPathBytes) fit")
        }
        return String(path)
    }

    private static func port(_ port: Substring, of text: String) throws(EndpointError) -> UInt32 {
        guard let number = decimal(port), number != .max else {
            throw EndpointError(text: text, reason: "port '\(port)' is not a number from 0 to \(UInt32.max - 1)")
        }
        return number
    }

    private static func contextID(_ cid: Substring, of text: String) throws(EndpointError) -> UInt32 {
        if cid == "any" { return anyCID }
        guard let number = decimal(cid), number != .max else {
            throw EndpointError(
                text: text, reason: "context id '\(cid)' is neither 'any' nor a number from 0 to \(UInt32.max - 1)")
        }
        return number
    }

    /// Digits only: the standard conversion would also take a sign.
    private static func decimal(_ text: Substring) -> UInt32? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt32(text) : nil
    }
}
