public import DXGProtocol
public import Linux

/// Why a call of a guest failed.
public enum GuestError: Error, Hashable, Sendable {
    /// A system call failed.
    case system(SystemError)

    /// The host ended the connection and said why (docs/protocol/carrier.md, Types).
    case refused(code: UInt32, reason: String)

    /// The connection is gone.
    case disconnected(reason: String)

    /// Nothing came in time; the text says what was waited for.
    case timedOut(String)

    /// The host did what the protocol does not allow, or does not offer what is needed.
    case unexpected(String)

    /// The command's reply carries a failure.
    case status(NTStatus, command: String)

    /// The reply is shorter than the command's structure, the failure form of commands without a status
    /// (docs/protocol/semantics.md 1.4).
    case shortReply(command: String, needed: UInt64, have: UInt64)

    /// The reply's handle is zero, the failure form of some commands.
    case noHandle(command: String)

    /// The request cannot be sent, for example because it is longer than a packet may be.
    case invalidRequest(String)

    /// The status that a reply carried, if that is what failed.
    public var status: NTStatus? {
        if case .status(let status, _) = self { return status }
        return nil
    }
}

extension GuestError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .system(let error): error.description
        case .refused(let code, let reason): "the host refused the connection: \(reason) (code \(code))"
        case .disconnected(let reason): "disconnected: \(reason)"
        case .timedOut(let what): "no answer in time: \(what)"
        case .unexpected(let what): "unexpected: \(what)"
        case .status(let status, let command): "\(command): \(status)"
        case .shortReply(let command, let needed, let have):
            "\(command): reply of \(have) bytes, \(needed) needed: the command failed"
        case .noHandle(let command): "\(command): reply without a handle: the command failed"
        case .invalidRequest(let what): what
        }
    }
}
