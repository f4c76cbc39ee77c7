import CSoftGPU
import DXGProtocol

/// Clocks, reservations and features (docs/protocol/semantics.md 12, 19 and 20).
extension SoftGPU {
    /// Both clocks run with the model's time: the GPU's in nanoseconds, the CPU's in the 100 ns units of the partition
    /// reference time.
    func queryClockCalibration(
        _ request: MessageView<QueryClockCalibration.Request>, _ call: Call
    ) throws(Refusal) -> [UInt8]? {
        guard request.nodeOrdinal < UInt32(call.target.physical.nodes.count) else {
            throw .invalid("node \(request.nodeOrdinal) of \(call.target.physical.nodes.count)")
        }
        guard request.physicalAdapterIndex == 0 else {
            throw .invalid("physical adapter \(request.physicalAdapterIndex)")
        }
        var reply = MessageBuilder<QueryClockCalibration.Reply>()
        reply.clockDataGpuFrequency = SOFTGPU_TIMESTAMP_FREQUENCY
        reply.clockDataGpuClockCounter = now.nanoseconds
        reply.clockDataCpuClockCounter = now.nanoseconds / 100
        return reply.bytes
    }

    func changeVideoMemoryReservation(
        _ request: MessageView<ChangeVideoMemoryReservation.Request>, _ call: Call
    ) throws(Refusal) {
        let process = try call.requireProcess()
        guard let group = SegmentGroup(rawValue: Int(request.memorySegmentGroup)) else {
            throw .invalid("memory segment group \(request.memorySegmentGroup)")
        }
        guard request.physicalAdapterIndex == 0 else {
            throw .invalid("physical adapter \(request.physicalAdapterIndex)")
        }
        let available = budget(of: process, on: call.target, group) / 2
        guard request.reservation <= available else {
            throw .invalid("a reservation of \(request.reservation) bytes, of at most \(available)")
        }
        changeClaim(of: process, on: call.target, group) {
            process.reservedBytes[call.target.index][group.rawValue] = request.reservation
        }
    }

    // MARK: Features

    func isFeatureEnabled(_ request: MessageView<IsFeatureEnabled.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        let isEnabled = try isEnabled(request.featureId, call.target.physical.profile)
        var reply = MessageBuilder<IsFeatureEnabled.Reply>()
        reply.descriptorSupported = isEnabled
        reply.resultEnabled = isEnabled
        reply.resultKnownFeature = true
        reply.resultSupportedByDriver = isEnabled
        reply.resultSupportedOnConfig = isEnabled
        if isEnabled {
            reply.descriptorMinSupportedVersion = 1
            reply.descriptorMaxSupportedVersion = 1
            reply.resultVersion = 1
        }
        return reply.bytes
    }

    /// The same without an adapter: what depends on one is off.
    func isFeatureEnabledGlobal(
        _ request: MessageView<IsFeatureEnabledGlobal.Request>, _ call: Call
    ) throws(Refusal) -> [UInt8]? {
        _ = try isEnabled(request.featureId, nil)
        var reply = MessageBuilder<IsFeatureEnabledGlobal.Reply>()
        reply.descriptorGlobal = true
        reply.resultKnownFeature = true
        return reply.bytes
    }

    /// Whether a feature is on; those that a WDDM 3.0 host does not know are refused (docs/protocol/semantics.md 20).
    private func isEnabled(_ id: UInt32, _ profile: AdapterProfile?) throws(Refusal) -> Bool {
        switch FeatureId(rawValue: id) {
        case nil: throw .invalid("feature \(id)")
        case .hwSch: return profile?.hardwareScheduling ?? false
        case .kmdSignalCpuEvent, .kernelModeTesting: return profile != nil
        default: return false
        }
    }
}
