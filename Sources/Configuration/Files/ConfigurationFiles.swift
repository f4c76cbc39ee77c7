public import Linux

/// Where a configuration's files come from.
public protocol ConfigurationFiles: Sendable {
    /// The first `maximum` bytes of a file, all of it where it has no more.
    func read(_ path: String, maximum: Int) throws(SystemError) -> [UInt8]

    /// The names in a folder, in any order.
    func names(in folder: String) throws(SystemError) -> [String]
}
