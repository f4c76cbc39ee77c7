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
            try fill(&answer, type: request.queryType, call.target)
            return (hasStatus ? StatusReply.bytes(.success) : []) + answer.bytes
        }
    }

    private func fill(_ answer: inout AdapterInfo, type: UInt32, _ adapter: VirtualAdapter) throws(Refusal) {
        let profile = adapter.physical.profile
        switch type {
        case 0:
            let blob = softgpu_adapter(
                header: PrivateData.header(of: softgpu_adapter.self, kind: SOFTGPU_BLOB_ADAPTER),
                packet_version: SOFTGPU_VERSION, node_count: UInt32(profile.nodes.count),
                va_start: AddressSpace.userStart, va_end: AddressSpace.userEnd,
                timestamp_frequency: SOFTGPU_TIMESTAMP_FREQUENCY,
                maximum_group_memory: UInt32(SOFTGPU_MAXIMUM_GROUP_MEMORY), reserved: 0)
            let bytes = PrivateData.bytes(blob)
            try answer.require(bytes.count)
            answer.put(bytes, at: 0)
        case 1:  // UMDRIVERNAME
            try answer.require(524)
            throw Refusal(.objectNameNotFound, "there is no Direct3D user-mode driver")
        case 2:  // UMOPENGLINFO
            try answer.require(528)
            throw Refusal(.objectNameNotFound, "there is no OpenGL driver")
        case 3:  // GETSEGMENTSIZE
            try answer.require(24)
            answer.put(profile.localMemory, at: 0)
            answer.put(UInt64(0), at: 8)
            answer.put(profile.nonLocalMemory, at: 16)
        case 4, 52:  // ADAPTERGUID
            try answer.require(16)
            answer.put(profile.guid, at: 0)
        case 8, 54:  // ADAPTERREGISTRYINFO
            try answer.require(2080)
            answer.put(text: profile.name, at: 0, units: 260)
            answer.put(text: "", at: 520, units: 260)
            answer.put(text: "", at: 1040, units: 260)
            answer.put(text: profile.name, at: 1560, units: 260)
        case 11, 55:  // CHECKDRIVERUPDATESTATUS
            try answer.require(4)
            answer.put(UInt32(0), at: 0)
        case 12:  // VIRTUALADDRESSINFO
            try answer.require(4)
            answer.put(UInt32(1), at: 0)
        case 13, 56:  // DRIVERVERSION
            try answer.require(4)
            answer.put(profile.wddmVersion, at: 0)
        case 15, 57:  // ADAPTERTYPE
            try answer.require(4)
            var kind = MessageBuilder<AdapterType>()
            kind.renderSupported = true
            kind.paravirtualized = true
            kind.computeOnly = profile.isComputeOnly
            answer.put(kind.bytes, at: 0)
        case 17, 58:  // WDDM_1_2_CAPS: preemption at the end of a DMA buffer, a timeout resets one engine
            try answer.require(12)
            answer.put(UInt32(100), at: 0)
            answer.put(UInt32(100), at: 4)
            answer.put(UInt32(1 << 2), at: 8)
        case 18, 49:  // UMD_DRIVER_VERSION, KMD_DRIVER_VERSION
            try answer.require(8)
            answer.put(UInt64(1) << 48, at: 0)
        case 22, 59, 32, 77:  // WDDM_1_3_CAPS, DRIVERCAPS_EXT, WDDM_3_0_CAPS
            try answer.require(4)
            answer.put(UInt32(0), at: 0)
        case 24:  // WDDM_2_0_CAPS: 64-bit atomics, GpuMmu
            try answer.require(4)
            answer.put(UInt32(0b011), at: 0)
        case 25: try fillNodeMetadata(&answer, profile)
        case 30:  // PHYSICALADAPTERCOUNT
            try answer.require(4)
            answer.put(UInt32(1), at: 0)
        case 34:  // QUERY_GPUMMU_CAPS: read-only memory, cache coherent
            try answer.require(12)
            try answer.requirePhysicalAdapter(at: 0)
            answer.put(UInt32(0b101), at: 4)
            answer.put(UInt32(48), at: 8)
        case 42:  // GETSEGMENTGROUPSIZE
            try answer.require(56)
            try answer.requirePhysicalAdapter(at: 0)
            answer.put(profile.localMemory, at: 8)
            answer.put(UInt64(0), at: 16)
            answer.put(profile.nonLocalMemory, at: 24)
            answer.put(profile.localMemory, at: 32)
            answer.put(profile.nonLocalMemory, at: 40)
            answer.put(UInt64(0), at: 48)
        case 65, 66:  // DRIVER_DESCRIPTION
            try answer.require(8192)
            answer.put(text: profile.name, at: 0, units: 4096)
        case 70:  // WDDM_2_7_CAPS
            try answer.require(4)
            answer.put(UInt32(profile.hardwareScheduling ? 0b111 : 0), at: 0)
        case 75:  // WDDM_2_9_CAPS: stable, enabled
            try answer.require(4)
            answer.put(UInt32(profile.hardwareScheduling ? 0b110 : 0), at: 0)
        default:
            throw .invalid("adapter info type \(type)")
        }
    }

    private func fillNodeMetadata(_ answer: inout AdapterInfo, _ profile: AdapterProfile) throws(Refusal) {
        try answer.require(78)
        let selector = answer.number(at: 0)
        let ordinal = Int(selector & 0xffff)
        guard selector >> 16 == 0, profile.nodes.indices.contains(ordinal) else {
            throw .invalid("node \(selector) of \(profile.nodes.count)")
        }
        let node = profile.nodes[ordinal]
        answer.put(node.engineType, at: 4)
        answer.put(text: node.name, at: 8, units: 32)
        answer.put(UInt32(1), at: 72)
        answer.put([1, 0], at: 76)
    }
}

/// The caller's buffer of a QUERYADAPTERINFO, being filled. What lies beyond the answer stays as received.
struct AdapterInfo {
    private(set) var bytes: [UInt8]

    init(buffer: RawSpan) { bytes = WireArray<UInt8>(buffer).array() }

    /// A smaller buffer than the structure is bad input (docs/protocol/semantics.md 17, size rule).
    func require(_ count: Int) throws(Refusal) {
        guard bytes.count >= count else { throw .invalid("a buffer of \(bytes.count) bytes for \(count)") }
    }

    func requirePhysicalAdapter(at offset: Int) throws(Refusal) {
        guard number(at: offset) == 0 else { throw .invalid("physical adapter \(number(at: offset))") }
    }

    func number(at offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
    }

    mutating func put<Number: FixedWidthInteger & UnsignedInteger>(_ value: Number, at offset: Int) {
        for index in 0..<(Number.bitWidth / 8) {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> Number(8 * index))
        }
    }

    mutating func put(_ source: [UInt8], at offset: Int) {
        bytes.replaceSubrange(offset..<offset + source.count, with: source)
    }

    /// UTF-16 with a terminator, cut to `units` code units and filled up with zeros.
    mutating func put(text: String, at offset: Int, units: Int) {
        var list = Array(text.utf16.prefix(units - 1))
        list += Array(repeating: 0, count: units - list.count)
        for (index, unit) in list.enumerated() { put(unit, at: offset + 2 * index) }
    }
}
