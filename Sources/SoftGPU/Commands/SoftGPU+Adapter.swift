import DXGProtocol

/// Adapters (docs/protocol/semantics.md 3).
extension SoftGPU {
    func openAdapter(_ request: MessageView<OpenAdapter.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        let adapter = call.target
        guard request.vmbusLastCompatibleInterfaceVersion <= InterfaceVersion.v40.rawValue,
            request.vmbusInterfaceVersion >= Self.lowestInterfaceVersion
        else {
            throw .notSupported(
                "interface versions \(request.vmbusLastCompatibleInterfaceVersion) to \(request.vmbusInterfaceVersion)")
        }
        guard adapter.outage != .offline else { throw Refusal(.deviceRemoved, "the vGPU is offline") }
        adapter.outage = nil
        // Unique 2 tells an adapter from every object of a process (docs/protocol/semantics.md 1.9).
        let handle = D3DKMTHandle(index: UInt32(adapter.index + 1), unique: 2)
        adapter.handle = handle
        var reply = MessageBuilder<OpenAdapter.Reply>()
        reply.hostAdapterHandle = handle
        reply.vmbusInterfaceVersion = InterfaceVersion.v40.rawValue
        reply.vmbusLastCompatibleInterfaceVersion = Self.lowestInterfaceVersion
        return reply.bytes
    }

    private static let lowestInterfaceVersion: UInt32 = 16

    func closeAdapter(_ request: MessageView<CloseAdapter.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        try call.requireAdapterHandle(request.hostHandle)
        let adapter = call.target
        for process in call.machine.processes.objects {
            let devices = process.devices.filter { $0.adapter === adapter }
            for device in devices { terminate(device) }
            if let space = process.spaces[adapter.index] { close(space) }
            for device in devices { destroy(device) }
            process.spaces[adapter.index] = nil
        }
        adapter.handle = nil
        return []
    }

    func getInternalAdapterInfo(
        _ request: MessageView<GetInternalAdapterInfo.Request>, _ call: Call
    ) throws(Refusal) -> [UInt8]? {
        let profile = call.target.physical.profile
        var reply = MessageBuilder<GetInternalAdapterInfo.Reply>()
        reply.driverDdiVersion = Self.driverDdiVersion
        reply.hwSchEnabled = profile.hardwareScheduling
        reply.hwSchCapable = profile.hardwareScheduling
        reply.vaBackedVm = true
        let isAsync = call.machine.options.asyncMessages && call.machine.interfaceVersion.hasExtendedHeader
        reply.asyncMsgEnabled = isAsync
        reply.hostAdapterLuid = profile.hostLUID
        reply.setDeviceDescription(Array(profile.name.utf16.prefix(79)))
        let function = profile.isComputeOnly ? "008A" : "008E"
        reply.setDeviceInstanceId(Array("PCI\\VEN_1414&DEV_\(function)\\\(call.target.index)".utf16))
        reply.hostVgpuLuid = call.target.vgpuLUID
        return call.machine.interfaceVersion.hasExtendedHeader ? reply.bytes : Array(reply.bytes.prefix(704))
    }

    /// DXGKDDI_INTERFACE_VERSION of WDDM 3.0.
    private static let driverDdiVersion: UInt32 = 0xf003
}
