import DXGProtocol
import Guest
import Linux
import Testing

/// Waiting for GPU work and for other processes: by events and by pages.
@Suite struct WaitTests {
    /// With the fence's page in memory that both map, and with changes pushed over the carrier.
    @Test(arguments: [true, false]) func waitingOnThePage(isShared: Bool) throws {
        try TestServer.run { server in
            let options = isShared ? GuestMachineOptions() : .unshared
            let machine = try GuestMachine.connect(to: server.endpoint, options: options)
            let device = try TestDevice(machine)
            try machine.ioSpace.watch(device.fenceAddress, count: 8)
            let scratch = try device.makeBuffer(bytes: 4096)
            for round in 1...20 as ClosedRange<UInt64> {
                var buffer = CommandBuffer()
                buffer.write(round, to: scratch.address)
                let value = try device.start(buffer)
                #expect(try Wait.until { try device.fenceValue >= value })
                // What the work wrote is visible once the fence is.
                #expect(try scratch.memory.loadUInt64(at: 0) == round)
            }
            try machine.ioSpace.unwatch(device.fenceAddress, count: 8)
            #expect(machine.oddities == [])
        }
    }

    /// A command buffer that stores to the fence's address signals it.
    @Test func fenceWrittenByTheGPU() throws {
        try TestServer.run { server in
            let machine = try GuestMachine.connect(to: server.endpoint)
            let device = try TestDevice(machine)
            let fence = try device.process.createMonitoredFence(device: device.device, initialValue: 3)
            var buffer = CommandBuffer()
            buffer.write(9 as UInt64, to: fence.gpuVirtualAddress)
            let event = try device.process.beginWaitFromCpu(
                device: device.device, objects: [fence.handle], values: [9])
            try device.start(buffer)
            try event.wait(until: .bound)
            #expect(try device.process.fenceValue(at: fence.fenceAddress) == 9)
        }
    }

    @Test func anyOrAllOfSeveralFences() throws {
        try TestServer.run { server in
            let machine = try GuestMachine.connect(to: server.endpoint)
            let device = try TestDevice(machine)
            let process = device.process
            let fences = try (0..<3).map { _ in try process.createMonitoredFence(device: device.device) }
            let handles = fences.map(\.handle)
            let any = try process.beginWaitFromCpu(
                device: device.device, objects: handles, values: [5, 5, 5], waitAny: true)
            let all = try process.beginWaitFromCpu(device: device.device, objects: handles, values: [5, 5, 5])
            try process.signalSynchronizationObjectFromCpu(device: device.device, objects: [handles[0]], values: [4])
            #expect(any.pendingSignals == 0)
            try process.signalSynchronizationObjectFromCpu(device: device.device, objects: [handles[1]], values: [5])
            try any.wait(until: .bound)
            try process.signalSynchronizationObjectFromCpu(
                device: device.device, objects: [handles[0], handles[2]], values: [6, 7])
            try all.wait(until: .bound)
            #expect(machine.oddities == [])
        }
    }

    /// A process waits for a value before another one, which shares the fence, signals it: on its CPU and on its queue.
    @Test func waitBeforeTheSignalOfAnotherProcess() throws {
        try TestServer.run { server in
            let machine = try GuestMachine.connect(to: server.endpoint)
            let signaller = try TestDevice(machine, id: 1)
            let waiter = try TestDevice(machine, id: 2)
            let fence = try signaller.process.createMonitoredFence(
                device: signaller.device, flags: [.shared, .ntSecuritySharing])
            let opened = try waiter.process.openSyncObject(
                device: waiter.device, globalHandle: fence.globalHandle)
            #expect(opened.fenceAddress != fence.fenceAddress)
            let event = try waiter.process.beginWaitFromCpu(
                device: waiter.device, objects: [opened.handle], values: [1])
            try waiter.process.waitForSynchronizationObjectFromGpu(
                context: waiter.context, objects: [opened.handle], values: [1])
            let scratch = try waiter.makeBuffer(bytes: 4096)
            var buffer = CommandBuffer()
            buffer.write(1 as UInt64, to: scratch.address)
            let value = try waiter.start(buffer)

            // The signaller's queue reaches the signal when its gate opens.
            let gate = try GateKernel(on: signaller)
            var work = CommandBuffer()
            gate.append(to: &work)
            try signaller.start(work)
            try signaller.process.signalSynchronizationObjectFromGpu(
                contexts: [signaller.context], objects: [fence.handle], values: [1])
            #expect(try Wait.until { try gate.isRunning })
            #expect(event.pendingSignals == 0)
            #expect(try scratch.memory.loadUInt64(at: 0) == 0)
            try gate.open()
            try event.wait(until: .bound)
            try waiter.finish(value)
            #expect(try scratch.memory.loadUInt64(at: 0) == 1)
            // Each has a page of its own, with the same value.
            #expect(try machine.ioSpace.loadUInt64(at: opened.fenceAddress) == 1)
            #expect(try machine.ioSpace.loadUInt64(at: fence.fenceAddress) == 1)
            #expect(machine.oddities == [])
        }
    }

    @Test func eventBehindTheWorkOfSeveralContexts() throws {
        try TestServer.run { server in
            let machine = try GuestMachine.connect(to: server.endpoint)
            let device = try TestDevice(machine)
            let other = try device.process.createContextVirtual(device: device.device, node: 1).context
            let gate = try GateKernel(on: device)
            var work = CommandBuffer()
            gate.append(to: &work)
            try device.start(work)
            let event = try device.process.enqueueCpuEvent(contexts: [device.context, other])
            #expect(try Wait.until { try gate.isRunning })
            #expect(event.pendingSignals == 0)
            try gate.open()
            try event.wait(until: .bound)
        }
    }
}
