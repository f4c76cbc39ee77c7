import CSoftGPU

/// Numbers that host and worker share.
public enum Channel {
    /// The channel's descriptor in the worker.
    public static let descriptor: Int32 = 0
    /// Where the host puts the image of a code object before it lets the worker map it.
    public static let codeDescriptor: UInt32 = 3
    /// Where the host puts the first file of the address space; file `n` is at `firstFileDescriptor + n`.
    public static let firstFileDescriptor: UInt32 = 4
    /// In place of a file's descriptor: zeros, which take writes and forget them. Their offset is their address.
    public static let zeros = UInt32.max
    /// Most files of one address space.
    public static let maximumFiles = 1000

    /// Worker addresses that code objects may be mapped at. All of the worker lies below the GPU's addresses.
    public static let codeWindow: Range<UInt64> = 0x8000_0000..<0xf000_0000
    /// GPU addresses that can be mapped.
    public static let gpuWindow: Range<UInt64> = SOFTGPU_VA_START..<SOFTGPU_VA_END
    /// The unit of mapping.
    public static let pageSize: UInt64 = 4096

    /// Most engines of one worker.
    public static let maximumEngines = 16
    /// Most lanes of one worker, engines included.
    public static let maximumLanes = Int(SOFTGPU_MAXIMUM_LANES)

    /// Version of the records: host and worker come from the same build.
    public static let version: UInt64 = 1

    /// Whether a slice can be mapped: multiples of a page, not empty, inside the GPU's window, no overflow in the file.
    public static func isMappable(address: UInt64, length: UInt64, offset: UInt64 = 0) -> Bool {
        guard address % pageSize == 0, length % pageSize == 0, offset % pageSize == 0, length > 0 else { return false }
        let (end, overflow) = address.addingReportingOverflow(length)
        let (fileEnd, fileOverflow) = offset.addingReportingOverflow(length)
        return !overflow && !fileOverflow && fileEnd <= UInt64(Int64.max) && address >= gpuWindow.lowerBound
            && end <= gpuWindow.upperBound
    }
}
