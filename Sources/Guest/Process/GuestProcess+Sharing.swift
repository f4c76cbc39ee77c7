public import DXGProtocol

extension GuestProcess {
    /// D3DKMTShareObjects: a handle of the whole machine that keeps a synchronization object or resource alive, and by
    /// which other processes open a resource.
    public func shareObject(_ object: D3DKMTHandle) throws(GuestError) -> D3DKMTHandle {
        var request = MessageBuilder<CreateNtSharedObject.Request>()
        request.object = object
        return try call(request) { try GuestMachine.check($0.handle, CreateNtSharedObject.Request.self) }
    }

    /// Gives up a handle of `shareObject`, as the last close of its descriptor does.
    public func destroySharedObject(_ shared: D3DKMTHandle) throws(GuestError) {
        var request = MessageBuilder<DestroyNtSharedObject.Request>()
        request.sharedHandle = shared
        try machine.callForStatus(request)
    }

    /// D3DKMTOpenResourceFromNtHandle.
    public func openResource(
        device: D3DKMTHandle, shared: D3DKMTHandle, allocationCount: UInt32, privateDriverDataBytes: UInt32 = 0
    ) throws(GuestError) -> (resource: D3DKMTHandle, allocations: [D3DKMTHandle]) {
        var request = MessageBuilder<OpenResource.Request>()
        request.device = device
        request.ntSecuritySharing = true
        request.globalShare = shared
        request.allocationCount = allocationCount
        request.totalPrivDrvDataSize = privateDriverDataBytes
        return try call(request) { reply in
            try GuestMachine.check(reply.status, OpenResource.Request.self)
            return (reply.resource, try reply.allocations(to: request.view).array())
        }
    }

    /// D3DKMTShareObjectWithHost. Gives the handle's value in the host.
    public func shareObjectWithHost(device: D3DKMTHandle, object: D3DKMTHandle) throws(GuestError) -> UInt64 {
        var request = MessageBuilder<ShareObjectWithHost.Request>()
        request.deviceHandle = device
        request.objectHandle = object
        return try call(request) { reply in
            try GuestMachine.check(reply.status, ShareObjectWithHost.Request.self)
            return reply.vailNtHandle
        }
    }
}
