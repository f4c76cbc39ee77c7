import DXGProtocol

@testable import SoftGPU

/// What a command does to the books, where its reply says that it was carried out.
extension TraceChecker {
    func begin(_ exchange: Exchange) {
        switch exchange.channel {
        case .vmToHost: if let command = GlobalCommand(rawValue: exchange.number) { begin(command, exchange) }
        case .vgpuToHost: if let command = VGPUCommand(rawValue: exchange.number) { begin(command, exchange) }
        default: break
        }
    }

    private func begin(_ command: GlobalCommand, _ exchange: Exchange) {
        switch command {
        case .createProcess: createProcess(exchange)
        case .destroyProcess:
            guard exchange.isCarriedOut else { return }
            guard let process = exchange.process else {
                return find(.handles, "process \(exchange.processHandle) is destroyed, which is not there")
            }
            end(process)
            exchange.guest.processes[process.handle] = nil
        case .openSyncObject: openSyncObject(exchange)
        case .destroySyncObject: destroySyncObject(exchange)
        case .createNtSharedObject: createNtSharedObject(exchange)
        case .destroyNtSharedObject: destroyNtSharedObject(exchange)
        case .setIoSpaceRegion:
            guard exchange.isCarriedOut else { return }
            exchange.read(SetIoSpaceRegion.Request.self) { exchange.guest.windowBase = $0.start }
        default: break
        }
    }

    private func begin(_ command: VGPUCommand, _ exchange: Exchange) {
        switch command {
        case .openAdapter:
            guard let reply = exchange.answer(OpenAdapter.Reply.self), reply.status.isSuccess else { return }
            if let adapter = exchange.adapter { exchange.guest.adapterHandles[adapter] = reply.hostAdapterHandle }
        case .closeAdapter: closeAdapter(exchange)
        case .createDevice: createDevice(exchange)
        case .destroyDevice:
            guard exchange.isCarriedOut else { return }
            exchange.read(DestroyDevice.Request.self) { if let device = device($0.device, exchange) { end(device) } }
        case .flushDevice: flushDevice(exchange)
        case .createContextVirtual: createContext(exchange)
        case .destroyContext: destroyContext(exchange)
        case .createHwQueue: createHwQueue(exchange)
        case .destroyHwQueue: destroyHwQueue(exchange)
        case .createSyncObject: createSyncObject(exchange)
        case .createPagingQueue: createPagingQueue(exchange)
        case .destroyPagingQueue: destroyPagingQueue(exchange)
        case .submitCommand: submitCommand(exchange)
        case .submitCommandToHwQueue: submitCommandToHwQueue(exchange)
        case .waitForSyncObjectFromCpu: waitFromCPU(exchange)
        case .waitForSyncObjectFromGpu: waitFromGPU(exchange)
        case .signalSyncObject: signal(exchange)
        case .createAllocation: createAllocation(exchange)
        case .destroyAllocation: destroyAllocation(exchange)
        case .openResource: openResource(exchange)
        case .makeResident: makeResident(exchange)
        case .evict: evict(exchange)
        case .offerAllocations: offer(exchange)
        case .reclaimAllocations: reclaim(exchange)
        case .updateAllocationProperty: updateProperty(exchange)
        case .mapGpuVirtualAddress: map(exchange)
        case .reserveGpuVirtualAddress: reserve(exchange)
        case .freeGpuVirtualAddress: free(exchange)
        case .updateGpuVirtualAddress: update(exchange)
        case .queryVideoMemoryInfo: queryVideoMemory(exchange)
        case .changeVideoMemoryReservation: changeReservation(exchange)
        case .lock2:
            guard exchange.answer(Lock2.Reply.self)?.status.isSuccess == true else { return }
            exchange.read(Lock2.Request.self) { _ = allocation($0.allocation, exchange) }
        case .unlock2:
            guard exchange.isCarriedOut else { return }
            exchange.read(Unlock2.Request.self) { _ = allocation($0.allocation, exchange) }
        case .getDeviceState:
            guard exchange.answer(GetDeviceState.Reply.self)?.status.isSuccess == true else { return }
            exchange.read(GetDeviceState.Request.self) { _ = device($0.device, exchange) }
        case .markDeviceAsError:
            guard exchange.isCarriedOut else { return }
            exchange.read(MarkDeviceAsError.Request.self) { _ = device($0.device, exchange) }
        default: break
        }
    }

    // MARK: Processes and devices

    private func createProcess(_ exchange: Exchange) {
        guard let reply = exchange.answer(CreateProcess.Reply.self), reply.hprocess != .none else { return }
        exchange.read(CreateProcess.Request.self) { request in
            let process = ProcessRecord(guest: exchange.guest, handle: reply.hprocess, pid: request.processId)
            if exchange.guest.processes.updateValue(process, forKey: reply.hprocess) != nil {
                find(.handles, "process \(reply.hprocess) is given twice")
            }
        }
    }

    private func createDevice(_ exchange: Exchange) {
        guard let reply = exchange.answer(CreateDevice.Reply.self), reply.device != .none else { return }
        guard let process = exchange.process, let adapter = exchange.adapter else {
            return find(.handles, "a device for \(exchange.processHandle), which is no process")
        }
        exchange.read(CreateDevice.Request.self) { request in
            let device = DeviceRecord(
                process: process, handle: reply.device, adapter: adapter, errorCookie: request.errorCode)
            give(reply.device, to: process, .device(device))
        }
    }

    private func closeAdapter(_ exchange: Exchange) {
        guard let adapter = exchange.adapter, !exchange.isReportedRefused else { return }
        exchange.guest.adapterHandles[adapter] = nil
        for process in exchange.guest.processes.values {
            for device in process.devices where device.adapter == adapter { end(device) }
            process.spaces[adapter] = SpaceRecord()
        }
    }

    private func flushDevice(_ exchange: Exchange) {
        guard exchange.isCarriedOut else { return }
        exchange.read(FlushDevice.Request.self) { request in
            guard request.device != .none, let device = device(request.device, exchange) else { return }
            // DEVICE_TERMINATE drops what is queued.
            if request.reason == 4 { lose(device) }
        }
    }

    /// All that a process has goes.
    func end(_ process: ProcessRecord) {
        for device in process.devices { end(device) }
        for object in process.objects.values { if case .fence(let open) = object { close(open) } }
        process.objects.removeAll()
    }

    /// A device goes with all that hangs off it.
    func end(_ device: DeviceRecord) {
        lose(device)
        let process = device.process
        for (handle, object) in process.objects where object.device === device {
            process.objects[handle] = nil
            switch object {
            case .fence(let open): close(open)
            case .hwQueue(_, let progress): close(progress)
            case .pagingQueue(let queue): close(queue.fence)
            case .allocation(let allocation): destroy(allocation)
            case .device, .context, .resource: break
            }
        }
        for wait in process.waits.values where wait.device === device { release(wait) }
    }

    // MARK: Contexts and queues

    private func createContext(_ exchange: Exchange) {
        guard let reply = exchange.answer(CreateContextVirtual.Request.self), reply.context != .none else { return }
        exchange.read(CreateContextVirtual.Request.self) { request in
            guard let device = device(request.device, exchange) else { return }
            let context = ContextRecord(
                device: device, node: Int(request.nodeOrdinal),
                isNullRendering: ContextFlags(rawValue: request.flagsValue).contains(.nullRendering))
            device.process.queues += [context.queue, context.updates]
            give(reply.context, to: device.process, .context(context))
        }
    }

    private func destroyContext(_ exchange: Exchange) {
        guard exchange.isCarriedOut else { return }
        exchange.read(DestroyContext.Request.self) { request in
            guard let context = context(request.context, exchange) else { return }
            let process = context.device.process
            for handle in context.hwQueues { forgetHwQueue(handle, of: process) }
            process.objects[request.context] = nil
        }
    }

    private func createHwQueue(_ exchange: Exchange) {
        guard let reply = exchange.answer(CreateHwQueue.Request.self), reply.hwqueue != .none, reply.status.isSuccess
        else { return }
        exchange.read(CreateHwQueue.Request.self) { request in
            guard let context = context(request.context, exchange) else { return }
            let process = context.device.process
            let queue = QueueRecord(
                device: context.device, node: context.node, isNullRendering: context.isNullRendering)
            let progress = makeFence(
                reply.hwqueueProgressFence, page: reply.hwqueueProgressFenceCpuva, on: context.device)
            process.queues.append(queue)
            context.hwQueues.append(reply.hwqueue)
            give(reply.hwqueue, to: process, .hwQueue(queue, progress: progress))
        }
    }

    private func destroyHwQueue(_ exchange: Exchange) {
        guard exchange.isCarriedOut else { return }
        exchange.read(DestroyHwQueue.Request.self) { request in
            guard queue(request.hwqueue, exchange) != nil, let process = exchange.process else { return }
            forgetHwQueue(request.hwqueue, of: process)
        }
    }

    private func forgetHwQueue(_ handle: D3DKMTHandle, of process: ProcessRecord) {
        guard case .hwQueue(_, let progress)? = process.objects.removeValue(forKey: handle) else { return }
        process.objects[progress.handle] = nil
        close(progress)
    }

    private func createPagingQueue(_ exchange: Exchange) {
        guard let reply = exchange.answer(CreatePagingQueue.Reply.self), reply.pagingQueue != .none else { return }
        exchange.read(CreatePagingQueue.Request.self) { request in
            guard let device = device(request.device, exchange) else { return }
            let fence = makeFence(reply.syncObject, page: reply.fenceStoragePhysicalAddress, on: device)
            let queue = PagingRecord(device: device, fence: fence)
            give(reply.pagingQueue, to: device.process, .pagingQueue(queue))
        }
    }

    private func destroyPagingQueue(_ exchange: Exchange) {
        guard !exchange.isReportedRefused else { return }
        exchange.read(DestroyPagingQueue.Request.self) { request in
            guard let queue = pagingQueue(request.pagingQueue, exchange) else { return }
            queue.device.process.objects[request.pagingQueue] = nil
            queue.device.process.objects[queue.fence.handle] = nil
            close(queue.fence)
        }
    }
}
