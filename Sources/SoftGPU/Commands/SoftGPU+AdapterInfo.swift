import CSoftGPU
import DXGProtocol

/// QUERYADAPTERINFO, type by type (docs/protocol/semantics.md 17).
extension SoftGPU {
    /// The reply is the caller's buffer with the answer in it, after a status under interface version 40; under 27
    /// there is no status, and a failure is a short reply.
    func answerQueryAdapterInfo(_ bytes: RawSpan, _ call: Call) {
        let hasStatus = call.machine.interfaceVersion.hasExtendedHeader
        let form = hasStatus ? FailureForm.status(offset: 0) : .short
        answer(QueryAdapterInfo.Request.self, bytes, call, failing: form) { (request, call) throws(Refusal) in
            var answer = AdapterInfo(buffer: request.privateData)
            do throws(Refusal) {
                try fill(&answer, type: request.queryType, call.target)
            } catch {
                guard hasStatus, answer.tellsFailure else { throw error }
                reportRefusal(QueryAdapterInfo.Request.name, error, call)
                return StatusReply.bytes(error.status) + answer.bytes
            }
            return (hasStatus ? StatusReply.bytes(.success) : []) + answer.bytes
        }
    }

    private func fill(_ answer: inout AdapterInfo, type: UInt32, _ adapter: VirtualAdapter) throws(Refusal) {
        let profile = adapter.physical.profile
        guard let type = QueryAdapterInfoType(rawValue: type) else { throw .invalid("adapter info type \(type)") }
        switch type {
        case .umDriverPrivate, .umDriverName, .umOpenGLInfo, .queryRegistry:
            try fillDriver(&answer, type, profile)
        case .getSegmentSize, .queryGpuMmuCaps, .getSegmentGroupSize, .virtualAddressInfo:
            try fillMemory(&answer, type, profile)
        case .adapterGuid, .adapterGuidRender, .queryAdapterUniqueGuid, .adapterAddress, .adapterAddressRender,
            .adapterRegistryInfo, .adapterRegistryInfoRender, .physicalAdapterDeviceIds, .driverDescription,
            .driverDescriptionRender, .gpuVersion, .physicalAdapterCount:
            try fillIdentity(&answer, type, profile)
        case .nodeMetadata, .nodePerfData, .adapterPerfData, .adapterPerfDataCaps, .trackedWorkloadSupport:
            try fillNodes(&answer, type, profile)
        case .setWorkingSetInfo: throw .notSupported("a working set cannot be set")
        case .physicalAdapterPnpKey: throw .notSupported("pointers mean nothing here")
        case .flipQueueInfo, .serviceName: throw .invalid("adapter info type \(type)")
        default: try fillCapabilities(&answer, type, profile)
        }
    }

    private func fillDriver(
        _ answer: inout AdapterInfo, _ type: QueryAdapterInfoType, _ profile: AdapterProfile
    ) throws(Refusal) {
        switch type {
        case .umDriverName:
            try answer.require(524)
            guard let path = profile.userModeDriverPath else {
                throw Refusal(.objectNameNotFound, "there is no Direct3D user-mode driver")
            }
            answer.put(text: path, at: 4, units: 260)
        case .umOpenGLInfo:
            try answer.require(528)
            throw Refusal(.objectNameNotFound, "there is no OpenGL driver")
        case .queryRegistry:
            try queryRegistry(&answer, profile)
        default:
            let blob = softgpu_adapter(
                header: PrivateData.header(of: softgpu_adapter.self, kind: SOFTGPU_BLOB_ADAPTER),
                packet_version: SOFTGPU_VERSION, node_count: UInt32(profile.nodes.count),
                va_start: AddressSpace.userStart, va_end: AddressSpace.userEnd,
                timestamp_frequency: SOFTGPU_TIMESTAMP_FREQUENCY,
                maximum_group_memory: UInt32(SOFTGPU_MAXIMUM_GROUP_MEMORY), reserved: 0)
            let bytes = PrivateData.bytes(blob)
            try answer.require(bytes.count)
            answer.put(bytes, at: 0)
        }
    }

    private func fillMemory(
        _ answer: inout AdapterInfo, _ type: QueryAdapterInfoType, _ profile: AdapterProfile
    ) throws(Refusal) {
        switch type {
        case .getSegmentSize:
            try answer.clear(24)
            answer.put(profile.localMemory, at: 0)
            answer.put(profile.nonLocalMemory, at: 16)
        case .queryGpuMmuCaps:  // read-only memory, cache coherent
            try answer.clear(from: 4, to: 12)
            try answer.requirePhysicalAdapter(at: 0)
            answer.put(UInt32(0b101), at: 4)
            answer.put(UInt32(48), at: 8)
        case .getSegmentGroupSize:
            try answer.clear(from: 4, to: 56)
            try answer.requirePhysicalAdapter(at: 0)
            answer.put(profile.localMemory, at: 8)
            answer.put(profile.nonLocalMemory, at: 24)
            answer.put(profile.localMemory, at: 32)
            answer.put(profile.nonLocalMemory, at: 40)
        default:  // VIRTUALADDRESSINFO
            try answer.clear(4)
            answer.put(UInt32(1), at: 0)
        }
    }

    private func fillIdentity(
        _ answer: inout AdapterInfo, _ type: QueryAdapterInfoType, _ profile: AdapterProfile
    ) throws(Refusal) {
        switch type {
        case .adapterGuid, .adapterGuidRender:
            try answer.clear(16)
            answer.put(Array(profile.guid.prefix(16)), at: 0)
        case .queryAdapterUniqueGuid:
            try answer.clear(80)
            answer.put(text: "{\(profile.guidText)}", at: 0, units: 40)
        case .adapterAddress, .adapterAddressRender:  // which function it is, only the guest knows
            try answer.require(12)
            for offset in [0, 4, 8] { answer.put(UInt32.max, at: offset) }
        case .adapterRegistryInfo, .adapterRegistryInfoRender:
            try answer.clear(2080)
            answer.put(text: profile.name, at: 0, units: 260)
            answer.put(text: profile.name, at: 1560, units: 260)
        case .physicalAdapterDeviceIds:
            try answer.clear(from: 4, to: 28)
            try answer.requirePhysicalAdapter(at: 0)
            let ids = profile.deviceIDs
            for (index, id) in [
                ids.vendor, ids.device ?? (profile.isComputeOnly ? 0x008a : 0x008e), ids.subvendor, ids.subsystem,
                ids.revision, ids.busType,
            ].enumerated() { answer.put(id, at: 4 + 4 * index) }
        case .gpuVersion:
            try answer.clear(from: 4, to: 132)
            try answer.requirePhysicalAdapter(at: 0)
            answer.put(text: profile.name, at: 4, units: 32)
            answer.put(text: profile.name, at: 68, units: 32)
        case .physicalAdapterCount:
            try answer.clear(4)
            answer.put(UInt32(1), at: 0)
        default:  // DRIVER_DESCRIPTION
            try answer.clear(8192)
            answer.put(text: profile.name, at: 0, units: 4096)
        }
    }

    private func fillNodes(
        _ answer: inout AdapterInfo, _ type: QueryAdapterInfoType, _ profile: AdapterProfile
    ) throws(Refusal) {
        func node(_ ordinal: UInt32) throws(Refusal) -> NodeProfile {
            guard ordinal < UInt32(profile.nodes.count) else {
                throw .invalid("node \(ordinal) of \(profile.nodes.count)")
            }
            return profile.nodes[Int(ordinal)]
        }
        switch type {
        case .nodeMetadata:
            try answer.clear(from: 4, to: 78)
            let selector = answer.number(at: 0)
            guard selector >> 16 == 0 else { throw .invalid("physical adapter \(selector >> 16)") }
            let node = try node(selector)
            answer.put(node.engineType, at: 4)
            answer.put(text: node.name, at: 8, units: 32)
            answer.put(Self.nodeFlags, at: 72)
            answer.put([1, 0], at: 76)
        case .nodePerfData:
            try answer.clear(from: 8, to: 56)
            try answer.requirePhysicalAdapter(at: 4)
            _ = try node(answer.number(at: 0))
        case .adapterPerfData:
            try answer.clear(from: 4, to: 64)
            try answer.requirePhysicalAdapter(at: 0)
        case .adapterPerfDataCaps:
            try answer.clear(from: 4, to: 40)
            try answer.requirePhysicalAdapter(at: 0)
        default:  // TRACKEDWORKLOAD_SUPPORT: none
            try answer.clear(from: 8, to: 12)
            try answer.requirePhysicalAdapter(at: 0)
        }
    }

    /// DXGK_NODEMETADATA_FLAGS: ContextSchedulingSupported and SupportBuildTestCommandBuffer.
    private static let nodeFlags: UInt32 = 1 << 0 | 1 << 4

    private func fillCapabilities(
        _ answer: inout AdapterInfo, _ type: QueryAdapterInfoType, _ profile: AdapterProfile
    ) throws(Refusal) {
        switch type {
        case .driverVersion, .driverVersionRender:
            try answer.clear(4)
            answer.put(profile.wddmVersion, at: 0)
        case .adapterType, .adapterTypeRender:
            try answer.clear(4)
            var kind = MessageBuilder<AdapterType>()
            kind.renderSupported = true
            kind.paravirtualized = true
            kind.computeOnly = profile.isComputeOnly
            answer.put(kind.bytes, at: 0)
        case .wddm12Caps, .wddm12CapsRender:  // preemption between DMA buffers, a timeout resets one engine
            try answer.clear(12)
            answer.put(UInt32(100), at: 0)
            answer.put(UInt32(100), at: 4)
            answer.put(UInt32(1 << 2), at: 8)
        case .umdDriverVersion, .kmdDriverVersion:
            try answer.clear(8)
            answer.put(UInt64(1) << 48, at: 0)
        case .wddm20Caps:  // 64-bit atomics, GpuMmu
            try answer.clear(4)
            answer.put(UInt32(0b011), at: 0)
        case .wddm27Caps:  // supported, enabled, enabled by default
            try answer.clear(4)
            answer.put(UInt32(profile.hardwareScheduling ? 0b111 : 0), at: 0)
        case .wddm29Caps:  // stable, enabled
            try answer.clear(4)
            answer.put(UInt32(profile.hardwareScheduling ? 0b110 : 0), at: 0)
        case .checkDriverUpdateStatus, .checkDriverUpdateStatusRender, .wddm13Caps, .wddm13CapsRender, .driverCapsExt,
            .wddm30Caps, .crossAdapterResourceSupport:
            try answer.clear(4)
        case .blocklistKernel, .blocklistRuntime, .displayCaps: try answer.clear(8)
        case .hwDrmSupport, .paravirtualizationRender: try answer.clear(1)
        default: throw .invalid("adapter info type \(type)")
        }
    }
}

extension AdapterProfile {
    /// ADAPTERGUID as text without braces.
    var guidText: String {
        let bytes = Array(guid.prefix(16)) + Array(repeating: 0, count: max(16 - guid.count, 0))
        let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]
        var text = ""
        for (place, index) in order.enumerated() {
            if [4, 6, 8, 10].contains(place) { text += "-" }
            text += (bytes[index] < 16 ? "0" : "") + String(bytes[index], radix: 16)
        }
        return text
    }
}
