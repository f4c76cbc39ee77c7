import CSoftGPU

/// The blobs that travel as private driver data, as docs/softgpu.md defines them.
///
/// SAFETY: the C structures hold integers only, so every bit pattern is a value; lengths are checked before a load.
enum PrivateData {
    static func header<Blob>(of type: Blob.Type, kind: softgpu_blob_kind) -> softgpu_blob_header {
        softgpu_blob_header(
            magic: SOFTGPU_MAGIC, version: UInt16(SOFTGPU_VERSION), kind: UInt16(kind.rawValue),
            size: UInt32(MemoryLayout<Blob>.size), reserved: 0)
    }

    /// The allocation blob in `bytes`, or why it is none.
    static func allocation(_ bytes: RawSpan) throws(Refusal) -> softgpu_allocation {
        let size = MemoryLayout<softgpu_allocation>.size
        guard bytes.byteCount >= size else {
            throw .invalid("an allocation's private data has \(bytes.byteCount) bytes, needs \(size)")
        }
        let blob = unsafe bytes.unsafeLoadUnaligned(as: softgpu_allocation.self)
        guard blob.header.magic == SOFTGPU_MAGIC, blob.header.kind == UInt16(SOFTGPU_BLOB_ALLOCATION.rawValue) else {
            throw .invalid("an allocation's private data is not for this adapter")
        }
        guard blob.header.version == UInt16(SOFTGPU_VERSION), blob.header.size >= UInt32(size) else {
            throw .invalid("an allocation's private data has version \(blob.header.version), size \(blob.header.size)")
        }
        return blob
    }

    /// The bytes of a blob.
    static func bytes<Blob: BitwiseCopyable>(_ blob: Blob) -> [UInt8] {
        unsafe withUnsafeBytes(of: blob) { unsafe Array($0) }
    }
}
