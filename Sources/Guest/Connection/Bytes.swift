extension [UInt8] {
    /// A copy of received bytes.
    init(copying bytes: RawSpan) {
        // SAFETY: the buffer is used only inside the call that lends it.
        unsafe self = bytes.withUnsafeBytes { unsafe [UInt8]($0) }
    }
}
