public import DXGProtocol

extension GuestProcess {
    /// D3DKMTCreateDevice.
    public func createDevice(disablesGPUTimeout: Bool = false) throws(GuestError) -> D3DKMTHandle {
        var request = MessageBuilder<CreateDevice.Request>()
        request.flagsDisableGpuTimeout = disablesGPUTimeout
        request.errorCode = HostLink.deviceStateCookie
        return try call(request) { try GuestMachine.check($0.device, CreateDevice.Request.self) }
    }

    /// D3DKMTDestroyDevice.
    public func destroyDevice(_ device: D3DKMTHandle) throws(GuestError) {
        var request = MessageBuilder<DestroyDevice.Request>()
        request.device = device
        try callForStatus(request)
        machine.tearDownGPADLs { $0.process == handle && $0.device == device }
    }

    /// What the Linux driver sends for each device when a process exits.
    public func flushDevice(_ device: D3DKMTHandle, reason: UInt32 = 4) throws(GuestError) {
        var request = MessageBuilder<FlushDevice.Request>()
        request.device = device
        request.reason = reason
        try callForStatus(request)
    }

    /// D3DKMTMarkDeviceAsError.
    public func markDeviceAsError(
        _ device: D3DKMTHandle, reason: DeviceErrorReason = .generic
    ) throws(GuestError) {
        var request = MessageBuilder<MarkDeviceAsError.Request>()
        request.device = device
        request.reason = reason.rawValue
        try callForStatus(request)
    }

    /// D3DKMTGetDeviceState, execution state: a raw value, see `DeviceExecutionState`.
    public func getDeviceState(_ device: D3DKMTHandle) throws(GuestError) -> UInt32 {
        try getDeviceState(device, .execution) { $0.executionState }
    }

    /// D3DKMTGetDeviceState, the record of the page fault that lost the device.
    public func getPageFaultState(_ device: D3DKMTHandle) throws(GuestError) -> PageFaultState {
        try getDeviceState(device, .pageFault) { reply in
            PageFaultState(
                sequenceNumber: reply.pageFaultStateFaultedPrimitiveApiSequenceNumber,
                pipelineStage: reply.pageFaultStateFaultedPipelineStage,
                bindTableEntry: reply.pageFaultStateFaultedBindTableEntry,
                flags: reply.pageFaultStatePageFaultFlags,
                errorCode: reply.pageFaultStateFaultErrorCodeGeneralErrorCode,
                address: reply.pageFaultStateFaultedVirtualAddress)
        }
    }

    /// D3DKMTGetDeviceState for any type; `read` takes what it wants from the reply.
    public func getDeviceState<Value>(
        _ device: D3DKMTHandle, _ type: DeviceStateType, _ read: (MessageView<GetDeviceState.Reply>) throws -> Value
    ) throws(GuestError) -> Value {
        var request = MessageBuilder<GetDeviceState.Request>()
        request.device = device
        request.stateType = type.rawValue
        return try call(request) { reply in
            try GuestMachine.check(reply.status, GetDeviceState.Request.self)
            return try read(reply)
        }
    }
}

/// What is known of the access that lost a device.
public struct PageFaultState: Hashable, Sendable {
    /// Counts what the driver was told to draw; 0 for compute work.
    public let sequenceNumber: UInt64

    /// See `RenderPipelineStage`.
    public let pipelineStage: UInt32

    /// The entry of a bind table, for drivers that have one.
    public let bindTableEntry: UInt32

    /// See `PageFaultFlag`.
    public let flags: UInt32

    /// See `GeneralErrorCode`.
    public let errorCode: UInt32

    /// The GPU virtual address that was touched.
    public let address: UInt64
}
