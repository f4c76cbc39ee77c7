/// The reply that is a status and nothing else.
public enum StatusReply: MessageLayout {
    @inlinable public static var name: String { "StatusReply" }
    @inlinable public static var size: Int { 4 }
}

/// The reply that is a handle and nothing else; `D3DKMTHandle.none` reports failure.
public enum HandleReply: MessageLayout {
    @inlinable public static var name: String { "HandleReply" }
    @inlinable public static var size: Int { 4 }
}

/// The reply without content. Nothing but the completion of the packet is waited for.
public enum EmptyReply: MessageLayout {
    @inlinable public static var name: String { "EmptyReply" }
    @inlinable public static var size: Int { 0 }
}

extension MessageView where Layout == StatusReply {
    /// How the command ended.
    @inlinable public var status: NTStatus { load(at: 0) }
}

extension MessageBuilder where Layout == StatusReply {
    /// A reply of 4 bytes with this status.
    @inlinable
    public init(_ status: NTStatus) {
        self.init()
        self.status = status
    }

    /// How the command ended.
    @inlinable public var status: NTStatus {
        get { load(at: 0) }
        set { store(newValue, at: 0) }
    }
}

extension MessageView where Layout == HandleReply {
    /// What the command made.
    @inlinable public var handle: D3DKMTHandle { load(at: 0) }
}

extension MessageBuilder where Layout == HandleReply {
    /// A reply of 4 bytes with this handle.
    @inlinable
    public init(_ handle: D3DKMTHandle) {
        self.init()
        self.handle = handle
    }

    /// What the command made.
    @inlinable public var handle: D3DKMTHandle {
        get { load(at: 0) }
        set { store(newValue, at: 0) }
    }
}
