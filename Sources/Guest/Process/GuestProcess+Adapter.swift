public import DXGProtocol

extension GuestProcess {
    /// D3DKMTQueryAdapterInfo: sends the buffer and gives it back as the host filled it. Under interface version 27 a
    /// failure is a short reply.
    public func queryAdapterInfo(_ type: UInt32, _ data: [UInt8]) throws(GuestError) -> [UInt8] {
        var request = MessageBuilder<QueryAdapterInfo.Request>(extraBytes: data.count)
        request.queryType = type
        request.appendPrivateData(data)
        if machine.interfaceVersion.hasExtendedHeader {
            return try call(request) { reply in
                try GuestMachine.check(reply.status, QueryAdapterInfo.Request.self)
                return [UInt8](copying: try reply.privateData(to: request.view))
            }
        }
        let bytes = try machine.perform(request, as: handle, on: adapter)
        guard bytes.count >= data.count else {
            throw .shortReply(command: "QueryAdapterInfo", needed: UInt64(data.count), have: UInt64(bytes.count))
        }
        return Array(bytes.prefix(data.count))
    }

    /// D3DKMTQueryAdapterInfo with a buffer of zeros.
    public func queryAdapterInfo(_ type: QueryAdapterInfoType, count: Int) throws(GuestError) -> [UInt8] {
        try queryAdapterInfo(type.rawValue, [UInt8](repeating: 0, count: count))
    }

    /// D3DKMTEscape: sends the buffer and gives it back as the host filled it.
    public func escape(
        type: EscapeType = .driverPrivate, flags: UInt32 = 0, device: D3DKMTHandle = .none,
        context: D3DKMTHandle = .none, _ data: [UInt8]
    ) throws(GuestError) -> [UInt8] {
        var request = MessageBuilder<Escape.Request>(extraBytes: data.count)
        request.adapter = adapter.handle
        request.device = device
        request.context = context
        request.type = type.rawValue
        request.flagsValue = flags
        request.appendPrivateDriverData(data)
        return try call(request) { reply in [UInt8](copying: try reply.privateDriverData(to: request.view)) }
    }

    /// D3DKMTIsFeatureEnabled.
    public func isFeatureEnabled(_ feature: UInt32) throws(GuestError) -> FeatureState {
        var request = MessageBuilder<IsFeatureEnabled.Request>()
        request.featureId = feature
        // The Linux driver asks without a process.
        return try machine.call(request, on: adapter) { reply in
            try GuestMachine.check(reply.status, IsFeatureEnabled.Request.self)
            return FeatureState(
                version: reply.resultVersion, isEnabled: reply.resultEnabled, isKnown: reply.resultKnownFeature,
                isSupportedByDriver: reply.resultSupportedByDriver, isSupportedHere: reply.resultSupportedOnConfig)
        }
    }

    /// D3DKMTQueryStatistics: the 776 bytes of the answer. `subject` is the process asked about, this one unless told
    /// otherwise; `element` the number of a segment or node.
    public func queryStatistics(
        _ type: QueryStatisticsType, element: UInt32 = 0, about subject: D3DKMTHandle? = nil
    ) throws(GuestError) -> [UInt8] {
        var request = MessageBuilder<QueryStatistics.Request>()
        request.type = type.rawValue
        request.adapterLuid = adapter.hostLUID
        request.queryElement = element
        return try machine.call(request, as: subject ?? handle, on: adapter) { reply in
            try GuestMachine.check(reply.status, QueryStatistics.Request.self)
            return [UInt8](copying: reply.result)
        }
    }

    /// D3DKMTQueryClockCalibration.
    public func queryClockCalibration(node: UInt32 = 0) throws(GuestError) -> ClockCalibration {
        var request = MessageBuilder<QueryClockCalibration.Request>()
        request.adapter = adapter.handle
        request.nodeOrdinal = node
        return try call(request) { reply in
            try GuestMachine.check(reply.status, QueryClockCalibration.Request.self)
            return ClockCalibration(
                gpuFrequency: reply.clockDataGpuFrequency, gpuClockCounter: reply.clockDataGpuClockCounter,
                cpuClockCounter: reply.clockDataCpuClockCounter)
        }
    }

    /// D3DKMTFlushHeapTransitions.
    public func flushHeapTransitions() throws(GuestError) {
        try callForStatus(MessageBuilder<FlushHeapTransitions.Request>())
    }
}

/// What a host says of a feature.
public struct FeatureState: Hashable, Sendable {
    /// The version in use.
    public let version: UInt16

    /// Whether it may be used.
    public let isEnabled: Bool

    /// Whether the host knows the number.
    public let isKnown: Bool

    /// Whether the host's driver has it.
    public let isSupportedByDriver: Bool

    /// Whether it works in this configuration.
    public let isSupportedHere: Bool
}

/// Two clocks at nearly the same moment.
public struct ClockCalibration: Hashable, Sendable {
    /// In Hz.
    public let gpuFrequency: UInt64

    /// Ticks of the GPU's clock.
    public let gpuClockCounter: UInt64

    /// Units of 100 ns.
    public let cpuClockCounter: UInt64
}
