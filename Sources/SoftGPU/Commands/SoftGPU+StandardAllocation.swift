import CSoftGPU
import DXGProtocol

/// Standard allocations, whose private data the host makes up (docs/protocol/semantics.md 10.2).
extension SoftGPU {
    /// Sizes are asked first and data second; they never change in between (docs/protocol/semantics.md 10, CMD 39).
    func getStandardAllocationDriverData(
        _ request: MessageView<DdiGetStandardAllocationDriverData.Request>, _ call: Call
    ) throws(Refusal) -> [UInt8]? {
        guard request.allocType == 4 else { throw .notSupported("standard allocation type \(request.allocType)") }
        guard request.gdiSurfaceType == 7 else { throw .notSupported("GDI surface type \(request.gdiSurfaceType)") }
        let width = UInt64(request.gdiSurfaceWidth)
        let blob = PrivateData.bytes(
            softgpu_allocation(
                header: PrivateData.header(of: softgpu_allocation.self, kind: SOFTGPU_BLOB_ALLOCATION), size: width,
                alignment: pageSize, heap: SOFTGPU_HEAP_NON_LOCAL.rawValue, flags: SOFTGPU_ALLOCATION_CACHED.rawValue,
                id: 0))
        var reply = MessageBuilder<DdiGetStandardAllocationDriverData.Reply>()
        reply.privDriverDataSize = UInt32(blob.count)
        reply.gdiSurfaceWidth = request.gdiSurfaceWidth
        reply.gdiSurfaceHeight = request.gdiSurfaceHeight
        reply.gdiSurfaceFormat = request.gdiSurfaceFormat
        reply.gdiSurfaceType = request.gdiSurfaceType
        reply.gdiSurfaceFlags = request.gdiSurfaceFlags
        reply.gdiSurfacePitch = request.gdiSurfaceWidth
        if request.privDriverDataSize != 0 {
            guard Int(request.privDriverDataSize) >= blob.count else {
                throw Refusal(.bufferTooSmall, "\(request.privDriverDataSize) bytes for private data")
            }
            reply.append(bytes: blob)
        }
        reply.pad(toMultipleOf: 8)
        return reply.bytes
    }
}
