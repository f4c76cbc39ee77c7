/// A token that proves who a guest is. Its bytes never reach a log or a message.
public struct Secret: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    private let bytes: [UInt8]

    static let allowed = "8 to 256 bytes without control characters"

    /// Takes 8 to 256 bytes, none of which is a control character; anything else gives nil.
    public init?(_ bytes: [UInt8]) {
        guard (8...256).contains(bytes.count), bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else { return nil }
        self.bytes = bytes
    }

    /// Whether `other` is the same token. Takes as long for a nearly right one as for a wrong one.
    public func matches(_ other: [UInt8]) -> Bool {
        guard other.count == bytes.count else { return false }
        var difference: UInt8 = 0
        for index in bytes.indices { difference |= bytes[index] ^ other[index] }
        return difference == 0
    }

    public var description: String { "(secret)" }

    public var customMirror: Mirror { Mirror(self, children: []) }
}
