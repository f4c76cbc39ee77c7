internal import Linux
internal import VMBus

extension MemoryMapping {
    /// The mapping as memory that a peer writes at the same time.
    var sharedBytes: SharedBytes {
        // SAFETY: the mapping begins at a page and stays as long as it is owned.
        unsafe SharedBytes(base: baseAddress, count: count, owner: self)
    }
}
