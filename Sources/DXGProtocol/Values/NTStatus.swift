/// A Windows status code, the result field of replies. The named codes are those of docs/protocol/semantics.md 1.8;
/// the Linux driver turns any other error into EINVAL.
public struct NTStatus: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32

    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Whether the code reports success, that is, has no sign bit: `timeout` and `pending` are successes.
    @inlinable public var isSuccess: Bool { rawValue & 0x8000_0000 == 0 }

    /// `STATUS_SUCCESS`.
    public static let success = NTStatus(rawValue: 0)
    /// `STATUS_TIMEOUT`.
    public static let timeout = NTStatus(rawValue: 0x0000_0102)
    /// `STATUS_PENDING`: a paging operation goes on; its fence value tells when it is done.
    public static let pending = NTStatus(rawValue: 0x0000_0103)
    /// `STATUS_UNSUCCESSFUL`.
    public static let unsuccessful = NTStatus(rawValue: 0xC000_0001)
    /// `STATUS_NOT_IMPLEMENTED`.
    public static let notImplemented = NTStatus(rawValue: 0xC000_0002)
    /// `STATUS_INVALID_HANDLE`.
    public static let invalidHandle = NTStatus(rawValue: 0xC000_0008)
    /// `STATUS_INVALID_PARAMETER`.
    public static let invalidParameter = NTStatus(rawValue: 0xC000_000D)
    /// `STATUS_NO_MEMORY`: the answer to every kind of exhaustion.
    public static let noMemory = NTStatus(rawValue: 0xC000_0017)
    /// `STATUS_ILLEGAL_INSTRUCTION`.
    public static let illegalInstruction = NTStatus(rawValue: 0xC000_001D)
    /// `STATUS_ACCESS_DENIED`.
    public static let accessDenied = NTStatus(rawValue: 0xC000_0022)
    /// `STATUS_BUFFER_TOO_SMALL`.
    public static let bufferTooSmall = NTStatus(rawValue: 0xC000_0023)
    /// `STATUS_OBJECT_TYPE_MISMATCH`.
    public static let objectTypeMismatch = NTStatus(rawValue: 0xC000_0024)
    /// `STATUS_OBJECT_NAME_INVALID`.
    public static let objectNameInvalid = NTStatus(rawValue: 0xC000_0033)
    /// `STATUS_OBJECT_NAME_NOT_FOUND`.
    public static let objectNameNotFound = NTStatus(rawValue: 0xC000_0034)
    /// `STATUS_OBJECT_NAME_COLLISION`.
    public static let objectNameCollision = NTStatus(rawValue: 0xC000_0035)
    /// `STATUS_NOT_SUPPORTED`.
    public static let notSupported = NTStatus(rawValue: 0xC000_00BB)
    /// `STATUS_DEVICE_REMOVED`: the device is in error.
    public static let deviceRemoved = NTStatus(rawValue: 0xC000_02B6)
    /// `STATUS_GRAPHICS_NO_VIDEO_MEMORY`; it reaches no Linux user mode, answer `noMemory` instead.
    public static let graphicsNoVideoMemory = NTStatus(rawValue: 0xC01E_0100)
    /// `STATUS_GRAPHICS_ALLOCATION_BUSY`.
    public static let graphicsAllocationBusy = NTStatus(rawValue: 0xC01E_0102)
    /// `STATUS_GRAPHICS_TOO_MANY_REFERENCES`.
    public static let graphicsTooManyReferences = NTStatus(rawValue: 0xC01E_0103)

    /// The named codes with their names.
    static let named: [(status: NTStatus, name: String)] = [
        (.success, "SUCCESS"), (.timeout, "TIMEOUT"), (.pending, "PENDING"), (.unsuccessful, "UNSUCCESSFUL"),
        (.notImplemented, "NOT_IMPLEMENTED"), (.invalidHandle, "INVALID_HANDLE"),
        (.invalidParameter, "INVALID_PARAMETER"), (.noMemory, "NO_MEMORY"),
        (.illegalInstruction, "ILLEGAL_INSTRUCTION"), (.accessDenied, "ACCESS_DENIED"),
        (.bufferTooSmall, "BUFFER_TOO_SMALL"), (.objectTypeMismatch, "OBJECT_TYPE_MISMATCH"),
        (.objectNameInvalid, "OBJECT_NAME_INVALID"), (.objectNameNotFound, "OBJECT_NAME_NOT_FOUND"),
        (.objectNameCollision, "OBJECT_NAME_COLLISION"), (.notSupported, "NOT_SUPPORTED"),
        (.deviceRemoved, "DEVICE_REMOVED"), (.graphicsNoVideoMemory, "GRAPHICS_NO_VIDEO_MEMORY"),
        (.graphicsAllocationBusy, "GRAPHICS_ALLOCATION_BUSY"),
        (.graphicsTooManyReferences, "GRAPHICS_TOO_MANY_REFERENCES"),
    ]
}

extension NTStatus: WireValue {
    @inlinable public init(wire: UInt32) { self.init(rawValue: wire) }
    @inlinable public var wire: UInt32 { rawValue }
}

extension NTStatus: CustomStringConvertible {
    /// The code's name without `STATUS_`, or its number in hexadecimal.
    public var description: String {
        Self.named.first { $0.status == self }?.name ?? "0x" + String(rawValue, radix: 16, uppercase: true)
    }
}
