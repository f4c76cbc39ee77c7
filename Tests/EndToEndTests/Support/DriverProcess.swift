import DXGProtocol
import Guest
import Linux
import Testing
import VMBus

extension VirtualMachine {
    /// The LUID of its first virtual GPU.
    var vgpuLUID: LUID {
        LUID(
            low: readConfiguration(function: 0, offset: 0xD4),
            high: Int32(bitPattern: readConfiguration(function: 0, offset: 0xD8)))
    }

    /// Negotiates, opens both channels, and announces the IO space.
    func startDriver() throws -> (global: RingEnds, vgpu: RingEnds) {
        let offers = try begin()
        #expect(offers.count == 2)
        try writeConfiguration(function: 0, offset: 0xD0, width: 4, 40)
        #expect(readConfiguration(function: 0, offset: 0xD0) == 40)
        let globalOffer = try #require(offers.first { $0.offer.key.interfaceType == .dxgGlobalChannel })
        let vgpuOffer = try #require(offers.first { $0.offer.key.interfaceType == .dxgVGPUChannel })
        let global = try openChannel(globalOffer.relid)
        let vgpu = try openChannel(vgpuOffer.relid)
        var region = MessageBuilder<SetIoSpaceRegion.Request>()
        region.start = VirtualMachine.address + header(at: 0x58)
        region.length = header(at: 0x60)
        #expect(try call(region, on: global, transaction: 1) { $0.status } == .success)
        return (global, vgpu)
    }
}

/// A process with a device in a virtual machine whose driver has just attached: as much of both as computing on the
/// machine's own pages takes.
final class DriverProcess {
    let machine: VirtualMachine
    private let vgpu: RingEnds
    private var process = D3DKMTHandle.none
    private var device = D3DKMTHandle.none
    private var pagingQueue = D3DKMTHandle.none
    private var context = D3DKMTHandle.none
    private var transaction: UInt64 = 100

    init(_ machine: VirtualMachine) throws {
        let rings = try machine.startDriver()
        self.machine = machine
        vgpu = rings.vgpu
        var open = MessageBuilder<OpenAdapter.Request>()
        open.vmbusInterfaceVersion = 40
        open.vmbusLastCompatibleInterfaceVersion = 16
        #expect(try call(open) { $0.status } == .success)
        var create = MessageBuilder<CreateProcess.Request>()
        create.process = 0xFFFF_8880_0010_0000
        create.processId = 1
        create.setProcessName("driver".utf8.map(UInt16.init))
        create.linuxProcess = true
        process = try machine.call(create, on: rings.global, transaction: 2) { $0.hprocess }
        device = try call(MessageBuilder<CreateDevice.Request>()) { $0.device }
        var queue = MessageBuilder<CreatePagingQueue.Request>()
        queue.device = device
        pagingQueue = try call(queue) { $0.pagingQueue }
        var context = MessageBuilder<CreateContextVirtual.Request>()
        context.device = device
        self.context = try call(context) { $0.context }
        for handle in [process, device, pagingQueue, self.context] { try #require(handle != .none) }
    }

    private func call<Request: RequestLayout, Value>(
        _ request: MessageBuilder<Request>, _ read: (MessageView<Request.Reply>) throws -> Value
    ) throws -> Value {
        transaction += 1
        return try machine.call(
            request, on: vgpu, transaction: transaction, vgpuLUID: machine.vgpuLUID, process: process, read)
    }

    /// Makes an allocation for so many pages of the machine.
    func makeExistingMemory(pages count: UInt64) throws -> D3DKMTHandle {
        let allocation = AllocationRequest.existingMemory(pages: Array(0..<count))
        var info = MessageBuilder<AllocationInfo>()
        info.flags = allocation.flags
        info.privDrvDataSize = UInt32(allocation.privateDriverData.count)
        var request = MessageBuilder<CreateAllocation.Request>()
        request.device = device
        request.flagsValue = AllocationFlags.existingSystemMemory.rawValue
        request.appendAllocInfo([info])
        request.appendPrivateRuntimeData([])
        request.appendResourcePrivateDriverData([])
        request.appendPrivateDriverData([allocation.privateDriverData])
        return try call(request) { try $0.allocationInfo(to: request.view)[0].allocation }
    }

    /// Says which pages those are.
    func setPages(_ pages: [UInt64], of allocation: D3DKMTHandle) throws -> NTStatus {
        var request = MessageBuilder<SetExistingSysMemPages.Request>()
        request.device = device
        request.allocation = allocation
        request.appendPageFrameNumbers(pages)
        return try call(request) { $0.status }
    }

    /// Makes an allocation resident and maps it; gives its address.
    func map(_ allocation: D3DKMTHandle, pages: UInt64) throws -> UInt64 {
        var resident = MessageBuilder<MakeResident.Request>()
        resident.pagingQueue = pagingQueue
        resident.appendAllocations([allocation])
        #expect(try call(resident) { $0.status } == .success)
        var request = MessageBuilder<MapGpuVirtualAddress.Request>()
        request.pagingQueue = pagingQueue
        request.allocation = allocation
        request.sizeInPages = pages
        request.protectionValue = GPUProtection.write.rawValue
        return try call(request) { reply in
            #expect(reply.status == .success)
            return reply.virtualAddress
        }
    }

    /// Queues the commands at an address.
    func submit(_ address: UInt64, length: Int) throws {
        var request = MessageBuilder<SubmitCommand.Request>()
        request.commandBuffer = address
        request.commandLength = UInt32(length)
        request.broadcastContextCount = 1
        request.setBroadcastContext([context])
        #expect(try call(request) { $0.status } == .success)
    }

    /// Whether the device is as it should be.
    func isDeviceActive() throws -> Bool {
        var request = MessageBuilder<GetDeviceState.Request>()
        request.device = device
        request.stateType = DeviceStateType.execution.rawValue
        return try call(request) { $0.executionState } == DeviceExecutionState.active.rawValue
    }
}
