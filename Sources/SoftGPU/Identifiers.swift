/// Names one connected guest (one virtual machine) for as long as the server runs; never reused.
public struct GuestID: RawRepresentable, Hashable, Sendable, Comparable, CustomStringConvertible {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static func < (a: GuestID, b: GuestID) -> Bool { a.rawValue < b.rawValue }
    public var description: String { "guest \(rawValue)" }
}

/// Names one GPU address space: one guest process on one adapter, one worker process. Never reused.
public struct AddressSpaceID: RawRepresentable, Hashable, Sendable, Comparable, CustomStringConvertible {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static func < (a: AddressSpaceID, b: AddressSpaceID) -> Bool { a.rawValue < b.rawValue }
    public var description: String { "address space \(rawValue)" }
}

/// Names one command buffer on its way through a worker. Never reused.
public struct JobID: RawRepresentable, Hashable, Sendable, Comparable, CustomStringConvertible {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static func < (a: JobID, b: JobID) -> Bool { a.rawValue < b.rawValue }
    public var description: String { "job \(rawValue)" }
}

/// Names a point that workers have to pass before the model goes on, see ``Effect/barrier(_:_:)``. Never reused.
public struct BarrierID: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public var description: String { "barrier \(rawValue)" }
}

/// A point in the model's time, in nanoseconds since an origin that the caller chooses. The model reads no clock:
/// every input brings its time.
public struct Instant: Hashable, Sendable, Comparable {
    /// Since a moment that is the same for as long as the server runs.
    public let nanoseconds: UInt64
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
    public static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }

    /// This instant `nanoseconds` later, or the end of time where that would overflow.
    public func advanced(by nanoseconds: UInt64) -> Instant {
        let (sum, overflow) = self.nanoseconds.addingReportingOverflow(nanoseconds)
        return Instant(nanoseconds: overflow ? .max : sum)
    }
}
