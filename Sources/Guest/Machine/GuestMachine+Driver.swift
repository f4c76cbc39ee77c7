internal import DXGProtocol
internal import Synchronization
internal import VMBus

extension GuestMachine {
    /// Opens the global channel, announces the IO space, and starts every vGPU for which there are both a channel and a
    /// PCI function (docs/protocol/semantics.md 1.1).
    func startDriver(offers: [OfferChannel], functions: [Startup.Function]) throws(GuestError) {
        try link.openChannel(globalRelid, until: replyDeadline)
        var region = MessageBuilder<SetIoSpaceRegion.Request>()
        region.start = ioSpace.base
        region.length = ioSpace.bytes
        try callForStatus(region)
        for function in functions {
            guard
                let offer = offers.first(where: { $0.offer.key.instance.leadingLUID == function.instance.leadingLUID })
            else { continue }
            let adapter = try startAdapter(function, offer)
            adapterState.withLock { $0.append(adapter) }
        }
    }

    private func startAdapter(_ function: Startup.Function, _ offer: OfferChannel) throws(GuestError) -> GuestAdapter {
        try link.openChannel(offer.relid, until: replyDeadline)
        let unopened = GuestAdapter(
            function: function.number, relid: offer.relid, instance: offer.offer.key.instance,
            vgpuLUID: function.vgpuLUID, hostLUID: .zero, handle: .none, name: "", hostInterfaceVersion: 0,
            hasHardwareScheduling: false)
        var open = MessageBuilder<OpenAdapter.Request>()
        open.vmbusInterfaceVersion = interfaceVersion.rawValue
        open.vmbusLastCompatibleInterfaceVersion = InterfaceVersion.lastCompatible.rawValue
        let (handle, hostVersion) = try call(open, on: unopened) { reply in
            try Self.check(reply.status, OpenAdapter.Request.self)
            return (reply.hostAdapterHandle, reply.vmbusInterfaceVersion)
        }
        let facts = try internalInfo(of: unopened)
        if interfaceVersion.hasExtendedHeader { asyncMessages.store(facts.asyncMessages, ordering: .relaxed) }
        return GuestAdapter(
            function: function.number, relid: offer.relid, instance: offer.offer.key.instance,
            vgpuLUID: facts.vgpuLUID ?? function.vgpuLUID, hostLUID: facts.hostLUID, handle: handle, name: facts.name,
            hostInterfaceVersion: hostVersion, hasHardwareScheduling: facts.hardwareScheduling)
    }

    private struct InternalInfo {
        let hostLUID: LUID
        let vgpuLUID: LUID?
        let name: String
        let asyncMessages: Bool
        let hardwareScheduling: Bool
    }

    private func internalInfo(of adapter: GuestAdapter) throws(GuestError) -> InternalInfo {
        let request = MessageBuilder<GetInternalAdapterInfo.Request>()
        guard interfaceVersion.hasExtendedHeader else {
            let bytes = try perform(request, on: adapter)
            do throws(DecodeError) {
                let reply = try MessageView<GetInternalAdapterInfo.Reply27>(bytes.wireBytes)
                return InternalInfo(
                    hostLUID: reply.hostAdapterLuid, vgpuLUID: nil, name: text(reply.deviceDescription),
                    asyncMessages: false, hardwareScheduling: reply.hwSchEnabled)
            } catch {
                throw .shortReply(command: "GetInternalAdapterInfo", needed: 704, have: UInt64(bytes.count))
            }
        }
        return try call(request, on: adapter) { reply in
            InternalInfo(
                hostLUID: reply.hostAdapterLuid, vgpuLUID: reply.hostVgpuLuid, name: text(reply.deviceDescription),
                asyncMessages: reply.asyncMsgEnabled, hardwareScheduling: reply.hwSchEnabled)
        }
    }

    private func text(_ units: WireArray<UInt16>) -> String {
        String(decoding: units.array().prefix { $0 != 0 }, as: UTF16.self)
    }
}
