import DXGProtocol
import Testing

/// The variable parts that are not a plain counted list (docs/protocol/semantics.md 22).
struct TailTests {
    static let handles = [0x4000_0040, 0x4000_0080, 0x4000_00C0].map { D3DKMTHandle(rawValue: $0) }

    @Test func createAllocationHasFourParts() throws {
        var request = MessageBuilder<CreateAllocation.Request>()
        var first = MessageBuilder<AllocationInfo>()
        first.privDrvDataSize = 3
        var second = MessageBuilder<AllocationInfo>()
        second.flags = 1
        second.privDrvDataSize = 0
        var third = first
        third.privDrvDataSize = 2
        request.appendAllocInfo([first, second, third])
        request.appendPrivateRuntimeData([9, 9, 9, 9, 9])
        request.appendResourcePrivateDriverData([7])
        request.appendPrivateDriverData([[1, 2, 3], [], [4, 5]])
        #expect(request.bytes.count == 64 + 3 * 12 + 5 + 1 + 5)
        #expect(request.allocCount == 3 && request.privateRuntimeDataSize == 5 && request.privDrvDataSize == 1)

        let bytes = request.bytes + [0, 0, 0]
        let view = try MessageView<CreateAllocation.Request>(bytes.wireBytes)
        let flags = view.allocInfo[1].flags
        #expect(flags == 1)
        let runtime = [UInt8](wireBytes: view.privateRuntimeData)
        let resource = [UInt8](wireBytes: view.resourcePrivateDriverData)
        #expect(runtime == [9, 9, 9, 9, 9] && resource == [7])
        var chunks = view.privateDriverData
        var pieces: [[UInt8]] = []
        while let chunk = chunks.next() { pieces.append([UInt8](wireBytes: chunk)) }
        #expect(pieces == [[1, 2, 3], [], [4, 5]])
        let required = view.requiredReplyLength(under: .v40)
        #expect(required == 16 + 3 * 72 + 5)
    }

    @Test func destroyAllocationHandlesBeginAt40() throws {
        var request = MessageBuilder<DestroyAllocation.Request>()
        request.appendAllocations(Self.handles)
        #expect(Array(request.bytes[40..<44]) == [0x40, 0, 0, 0x40])
        #expect(request.encoded().count == 48 + 4 * 3)
    }

    @Test func signalCarriesValuesOnlyWhenTheyFit() throws {
        var request = MessageBuilder<SignalSyncObject.Request>()
        request.appendObjects(Self.handles)
        request.appendContexts([Self.handles[0]])
        // Padding of a packet without values must not look like values.
        let padded = request.bytes + [UInt8](repeating: 0xAA, count: 7)
        let without = try MessageView<SignalSyncObject.Request>(padded.wireBytes)
        let absent = without.hasFenceValues
        let none = without.fenceValues.count
        #expect(!absent && none == 0)

        request.appendFenceValues([1, 2, UInt64.max])
        let with = try MessageView<SignalSyncObject.Request>(request.bytes.wireBytes)
        let values = with.fenceValues.array()
        let contexts = with.contexts.array()
        #expect(values == [1, 2, UInt64.max] && contexts == [Self.handles[0]])
    }

    @Test func oddCountsLeaveFenceValuesUnaligned() throws {
        var request = MessageBuilder<WaitForSyncObjectFromCpu.Request>()
        request.appendObjects(Self.handles)
        request.appendFenceValues([0x1_0000_0001, 2, 3])
        #expect(Array(request.bytes[68..<76]) == [1, 0, 0, 0, 1, 0, 0, 0])
        let view = try MessageView<WaitForSyncObjectFromCpu.Request>(request.bytes.wireBytes)
        let values = view.fenceValues.array()
        #expect(values == [0x1_0000_0001, 2, 3])
    }

    @Test func gpuWaitHasValuesFirst() throws {
        var request = MessageBuilder<WaitForSyncObjectFromGpu.Request>()
        request.appendFenceValues([5])
        request.appendObjects([Self.handles[1]])
        #expect(request.bytes.count == 52 && request.objectCount == 1)
        #expect(Array(request.bytes[48..<52]) == [0x80, 0, 0, 0x40])
    }

    @Test func aResourceHasOnePriority() throws {
        var request = MessageBuilder<SetAllocationPriority.Request>()
        request.resource = Self.handles[0]
        request.appendPriorities([0x7800_0000])
        #expect(request.encoded().count == 44)
        let view = try MessageView<SetAllocationPriority.Request>(request.bytes.wireBytes)
        let priorities = view.priorities.array()
        #expect(priorities == [0x7800_0000])
        request.resource = .none
        let none = try MessageView<SetAllocationPriority.Request>(request.bytes.wireBytes).priorities.count
        #expect(none == 0)
    }

    @Test func existingPagesAreCountedAndNeverDerivedFromTheLength() throws {
        var request = MessageBuilder<SetExistingSysMemPages.Request>()
        request.appendPageFrameNumbers([0x100, 0x101])
        #expect(request.encoded().count == 126_976)
        let view = try MessageView<SetExistingSysMemPages.Request>(request.encoded().wireBytes)
        let pages = view.pageFrameNumbers.array()
        #expect(pages == [0x100, 0x101])
    }

    @Test func reclaimResultsFollowTheRequest() throws {
        var request = MessageBuilder<ReclaimAllocations.Request>()
        request.appendAllocations(Self.handles)
        #expect(request.view.requiredReplyLength(under: .v40) == 16)
        request.writeResults = true
        #expect(request.view.requiredReplyLength(under: .v40) == 24)
        var reply = MessageBuilder<ReclaimAllocations.Reply>()
        reply.status = .pending
        reply.appendDiscarded([0, 1, 2])
        let results = try reply.view.discarded(to: request.view).array()
        #expect(results == [0, 1, 2])
    }

    @Test func adapterInfoRepliesDifferByVersion() throws {
        var request = MessageBuilder<QueryAdapterInfo.Request>()
        request.appendPrivateData([1, 2, 3, 4, 5])
        #expect(request.encoded().count == 39 + 5)
        #expect(request.view.requiredReplyLength(under: .v40) == 9)
        #expect(request.view.requiredReplyLength(under: .v27) == 5)
        var reply = MessageBuilder<QueryAdapterInfo.Reply>()
        reply.status = .invalidParameter
        reply.appendPrivateData([5, 4, 3, 2, 1])
        let data = [UInt8](wireBytes: try reply.view.privateData(to: request.view))
        #expect(data == [5, 4, 3, 2, 1])
        var old = MessageBuilder<QueryAdapterInfo.Reply27>()
        old.appendPrivateData([5, 4, 3, 2, 1])
        #expect(old.bytes == [5, 4, 3, 2, 1])

        let internals = MessageBuilder<GetInternalAdapterInfo.Request>()
        #expect(internals.view.requiredReplyLength(under: .v40) == 712)
        #expect(internals.view.requiredReplyLength(under: .v27) == 704)
        #expect(MessageBuilder<GetInternalAdapterInfo.Reply27>().bytes.count == 704)
    }

    @Test(arguments: [(0, 72), (1, 72), (2, 73), (5, 76)])
    func hardwareQueueRequestsHaveAMinimumLength(data: Int, length: Int) {
        var request = MessageBuilder<CreateHwQueue.Request>()
        request.appendPrivateDriverData([UInt8](repeating: 1, count: data))
        #expect(request.encoded().count == length)
        #expect(request.view.requiredReplyLength(under: .v40) == UInt64(length))
    }

    @Test func echoedRepliesBeginAsTheRequest() throws {
        var request = MessageBuilder<CreateContextVirtual.Request>()
        request.setHeader(process: D3DKMTHandle(rawValue: 0x40))
        request.device = Self.handles[0]
        request.appendPrivateDriverData([1, 2, 3])
        let sent = request.encoded() + [0xEE, 0xEE, 0xEE, 0xEE, 0xEE, 0xEE]
        let view = try MessageView<CreateContextVirtual.Request>(sent.wireBytes)
        var reply = MessageBuilder<CreateContextVirtual.Reply>(
            copying: view, byteCount: Int(view.requiredReplyLength(under: .v40)))
        reply.context = Self.handles[1]
        #expect(reply.bytes.count == 58)
        #expect(reply.device == Self.handles[0])
        let data = [UInt8](wireBytes: reply.view.privateDriverData)
        #expect(data == [1, 2, 3])
    }

    @Test func paddedRequestsKeepTheirCounts() throws {
        var request = MessageBuilder<GetAllocationPriority.Request>()
        request.appendAllocations([Self.handles[0]])
        #expect(request.encoded().count == 40 + 4 + 8)
        let view = try MessageView<GetAllocationPriority.Request>(request.encoded().wireBytes)
        let count = view.allocations.count
        #expect(count == 1)
    }

    @Test func updateOperationsAreReadInPlace() throws {
        var map = MessageBuilder<UpdateGpuVirtualAddressOperation>()
        map.operation = UpdateGpuVirtualAddressOperationType.mapProtect.rawValue
        map.mapProtectBaseAddress = 0x1_0000
        map.mapProtectProtectionWrite = true
        var copy = MessageBuilder<UpdateGpuVirtualAddressOperation>()
        copy.operation = UpdateGpuVirtualAddressOperationType.copy.rawValue
        copy.copyDestAddress = 0x2_0000
        var request = MessageBuilder<UpdateGpuVirtualAddress.Request>()
        request.appendOperations([map, copy])
        #expect(request.bytes.count == 56 + 128 && request.numOperations == 2)
        let view = try MessageView<UpdateGpuVirtualAddress.Request>(request.bytes.wireBytes)
        let protection = view.operations[0].mapProtectProtectionValue
        let destination = view.operations[1].copyDestAddress
        #expect(protection == 1 && destination == 0x2_0000)
    }
}
