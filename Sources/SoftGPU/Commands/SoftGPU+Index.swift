import DXGProtocol

/// The index of every command: which handler answers it, and how it tells a failure
/// (docs/protocol/semantics.md 22). Start here to find what a command does.
extension SoftGPU {
    func answerGlobal(_ bytes: RawSpan, _ call: Call) {
        guard let command = GlobalCommand(rawValue: call.header.commandType) else {
            return refuse("global command \(call.header.commandType)", call, "no such command")
        }
        switch command {
        case .createProcess:
            answer(CreateProcess.Request.self, bytes, call, failing: .zeroHandle, createProcess)
        case .destroyProcess:
            answer(DestroyProcess.Request.self, bytes, call, failing: Self.plainStatus, destroyProcess)
        case .openSyncObject:
            answer(
                OpenSyncObject.Request.self, bytes, call, failing: .status(offset: 4), openSyncObject)
        case .destroySyncObject: answerStatus(DestroySyncObject.Request.self, bytes, call, destroySyncObject)
        case .createNtSharedObject:
            answer(CreateNtSharedObject.Request.self, bytes, call, failing: .zeroHandle, createNtSharedObject)
        case .destroyNtSharedObject:
            answerStatus(DestroyNtSharedObject.Request.self, bytes, call, destroyNtSharedObject)
        case .isFeatureEnabledGlobal:
            answer(
                IsFeatureEnabledGlobal.Request.self, bytes, call, failing: Self.plainStatus, isFeatureEnabledGlobal)
        case .notifyProcessFreeze: answerNotice("\(command)", call) { $0.isFrozen = true }
        case .notifyProcessThaw: answerNotice("\(command)", call) { $0.isFrozen = false }
        case .queryEtwSession: complete(call.completion, [UInt8](repeating: 0, count: 32))
        case .completeTransaction: complete(call.completion, StatusReply.bytes(.success))
        case .setIoSpaceRegion: answerStatus(SetIoSpaceRegion.Request.self, bytes, call, setIoSpaceRegion)
        case .shareObjectWithHost:
            answer(
                ShareObjectWithHost.Request.self, bytes, call, failing: .status(offset: 0)
            ) { (_, _) throws(Refusal) in throw .notSupported("objects are not shared with host processes") }
        case .signalFence: refuse("\(command)", call, "only kernel components of a Windows guest signal so")
        }
    }

    func answerVGPU(_ bytes: RawSpan, _ call: Call) {
        guard let command = VGPUCommand(rawValue: call.header.commandType) else {
            return refuse("vGPU command \(call.header.commandType)", call, "no such command")
        }
        switch command {
        // Adapter
        case .openAdapter:
            answer(OpenAdapter.Request.self, bytes, call, failing: .status(offset: 4), openAdapter)
        case .closeAdapter: answer(CloseAdapter.Request.self, bytes, call, failing: .silent, closeAdapter)
        case .getInternalAdapterInfo:
            answer(GetInternalAdapterInfo.Request.self, bytes, call, failing: .short, getInternalAdapterInfo)
        case .queryAdapterInfo: answerQueryAdapterInfo(bytes, call)
        case .flushHeapTransitions:
            answerStatus(FlushHeapTransitions.Request.self, bytes, call) { (_, _) throws(Refusal) in }

        case .escape: answer(Escape.Request.self, bytes, call, failing: .short, escape)
        case .queryStatistics:
            answer(QueryStatistics.Request.self, bytes, call, failing: Self.plainStatus, queryStatistics)
        case .queryClockCalibration:
            answer(QueryClockCalibration.Request.self, bytes, call, failing: Self.plainStatus, queryClockCalibration)
        case .isFeatureEnabled:
            answer(IsFeatureEnabled.Request.self, bytes, call, failing: Self.plainStatus, isFeatureEnabled)
        case .adapterStop: adapterStop(call)
        case .flushAdapter: flushAdapter(call)
        case .setQueuedLimit: complete(call.completion, StatusReply.bytes(.success))
        case .logEvent: logEvent(bytes, call)

        // Device
        case .createDevice:
            answer(CreateDevice.Request.self, bytes, call, failing: .zeroHandle, createDevice)
        case .destroyDevice:
            answer(DestroyDevice.Request.self, bytes, call, failing: Self.plainStatus, destroyDevice)
        case .flushDevice: answer(FlushDevice.Request.self, bytes, call, failing: Self.plainStatus, flushDevice)
        case .getDeviceState:
            answer(GetDeviceState.Request.self, bytes, call, failing: .status(offset: 56), getDeviceState)
        case .markDeviceAsError: answerStatus(MarkDeviceAsError.Request.self, bytes, call, markDeviceAsError)

        // Allocation
        case .createAllocation:
            answer(CreateAllocation.Request.self, bytes, call, failing: .short, createAllocation)
        case .destroyAllocation:
            answer(DestroyAllocation.Request.self, bytes, call, failing: Self.plainStatus, destroyAllocation)
        case .ddiGetStandardAllocationDriverData:
            answer(
                DdiGetStandardAllocationDriverData.Request.self, bytes, call, failing: .status(offset: 0),
                getStandardAllocationDriverData)
        case .setExistingSysMemStore:
            answerStatus(SetExistingSysMemStore.Request.self, bytes, call, setExistingSysMemStore)
        case .setExistingSysMemPages:
            answerStatus(SetExistingSysMemPages.Request.self, bytes, call, setExistingSysMemPages)
        case .lock2: answer(Lock2.Request.self, bytes, call, failing: .status(offset: 0), lock2)
        case .unlock2: answerStatus(Unlock2.Request.self, bytes, call, unlock2)
        case .openResource:
            answer(OpenResource.Request.self, bytes, call, failing: .status(offset: 4), openResource)
        case .setAllocationPriority:
            answerStatus(SetAllocationPriority.Request.self, bytes, call, setAllocationPriority)
        case .getAllocationPriority:
            answer(GetAllocationPriority.Request.self, bytes, call, failing: Self.plainStatus, getAllocationPriority)
        case .updateAllocationProperty:
            answer(
                UpdateAllocationProperty.Request.self, bytes, call, failing: .status(offset: 8),
                updateAllocationProperty)
        case .offerAllocations: answerStatus(OfferAllocations.Request.self, bytes, call, offerAllocations)
        case .reclaimAllocations:
            answer(ReclaimAllocations.Request.self, bytes, call, failing: .status(offset: 8), reclaimAllocations)
        case .invalidateCache: answerStatus(InvalidateCache.Request.self, bytes, call, invalidateCache)

        // Residency
        case .createPagingQueue:
            answer(CreatePagingQueue.Request.self, bytes, call, failing: .short, createPagingQueue)
        case .destroyPagingQueue:
            answer(DestroyPagingQueue.Request.self, bytes, call, failing: .silent, destroyPagingQueue)
        case .makeResident:
            answer(MakeResident.Request.self, bytes, call, failing: .status(offset: 16), makeResident)
        case .evict: answer(Evict.Request.self, bytes, call, failing: .short, evict)
        case .queryVideoMemoryInfo:
            answer(QueryVideoMemoryInfo.Request.self, bytes, call, failing: .short, queryVideoMemoryInfo)

        case .changeVideoMemoryReservation:
            answerStatus(ChangeVideoMemoryReservation.Request.self, bytes, call, changeVideoMemoryReservation)
        case .queryAllocationResidency:
            answer(
                QueryAllocationResidency.Request.self, bytes, call, failing: Self.plainStatus, queryAllocationResidency)

        // GPU virtual addresses
        case .reserveGpuVirtualAddress:
            answer(ReserveGpuVirtualAddress.Request.self, bytes, call, failing: .short, reserveGpuVirtualAddress)
        case .mapGpuVirtualAddress:
            answer(
                MapGpuVirtualAddress.Request.self, bytes, call, failing: .status(offset: 16),
                mapGpuVirtualAddress)
        case .freeGpuVirtualAddress:
            answerStatus(FreeGpuVirtualAddress.Request.self, bytes, call, freeGpuVirtualAddress)
        case .updateGpuVirtualAddress:
            answerStatus(UpdateGpuVirtualAddress.Request.self, bytes, call, updateGpuVirtualAddress)

        // Contexts and queues
        case .createContextVirtual:
            answer(
                CreateContextVirtual.Request.self, bytes, call, failing: .echo(status: nil, results: 24..<28),
                createContextVirtual)
        case .destroyContext: answerStatus(DestroyContext.Request.self, bytes, call, destroyContext)
        case .createHwQueue:
            answer(
                CreateHwQueue.Request.self, bytes, call, failing: .echo(status: 24, results: 28..<56),
                createHwQueue)
        case .destroyHwQueue: answerStatus(DestroyHwQueue.Request.self, bytes, call, destroyHwQueue)
        case .setContextSchedulingPriority:
            answerStatus(SetContextSchedulingPriority.Request.self, bytes, call, setContextSchedulingPriority)
        case .getContextSchedulingPriority:
            answer(
                GetContextSchedulingPriority.Request.self, bytes, call, failing: Self.plainStatus,
                getContextSchedulingPriority)
        case .submitCommand: answerStatus(SubmitCommand.Request.self, bytes, call, submitCommand)
        case .submitCommandToHwQueue:
            answerStatus(SubmitCommandToHwQueue.Request.self, bytes, call, submitCommandToHwQueue)

        // Synchronization
        case .createSyncObject:
            answer(CreateSyncObject.Request.self, bytes, call, failing: .short, createSyncObject)
        case .waitForSyncObjectFromCpu:
            answer(
                WaitForSyncObjectFromCpu.Request.self, bytes, call, failing: Self.plainStatus, waitForSyncObjectFromCpu)
        case .waitForSyncObjectFromGpu:
            answerStatus(WaitForSyncObjectFromGpu.Request.self, bytes, call, waitForSyncObjectFromGpu)
        case .signalSyncObject: answerStatus(SignalSyncObject.Request.self, bytes, call, signalSyncObject)

        // What a Windows guest may ask and this adapter does not provide (docs/protocol/semantics.md 3, 8.5, 10, 21)
        case .ddiQueryAdapterInfo, .ddiGetNodeMetadata, .getDriverStoreFile, .readDriverStoreFile, .getNextHardLink,
            .queryResourceInfo, .isSyncObjectSignaled, .signalFenceNtSharedByRef:
            refuse("\(command)", call, "its layout is not known")
        case .presentHistoryToken, .setRedirectedFlipFenceValue, .blt, .cddGdiCommand, .cddSyncGpuAccess:
            refuse("\(command)", call, "there is no display")
        }
    }
}
