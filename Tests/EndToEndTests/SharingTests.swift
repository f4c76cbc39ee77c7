import DXGProtocol
import Guest
import Linux
import Testing

/// Memory and fences that processes of a guest share, and that those of others cannot reach.
@Suite struct SharingTests {
    @Test(arguments: [true, false]) func resourceByNTHandle(isShared: Bool) throws {
        try TestServer.run { server in
            let options = isShared ? GuestMachineOptions() : .unshared
            let machine = try GuestMachine.connect(to: server.endpoint, options: options)
            let maker = try TestDevice(machine, id: 1)
            let user = try TestDevice(machine, id: 2)
            let created = try maker.process.createAllocation2(
                device: maker.device, [.memory(bytes: 8192)],
                flags: [.createResource, .createShared, .ntSecuritySharing])
            let handle = try maker.process.shareObject(created.resource)
            let opened = try user.process.openResource(device: user.device, shared: handle, allocationCount: 1)

            let written = try maker.map(created.allocations[0].handle, bytes: 8192)
            try maker.run { $0.fill(written, bytes: 8192, pattern: 0xC0FF_EE00) }
            let read = try user.map(opened.allocations[0], bytes: 8192)
            let target = try user.makeBuffer(bytes: 8192)
            try user.run { $0.copy(from: read, to: target.address, bytes: 8192) }
            let expected = Array(repeating: [0x00, 0xEE, 0xFF, 0xC0] as [UInt8], count: 2048).flatMap { $0 }
            #expect(try target.memory.read(count: 8192) == expected)

            // The memory outlives its maker.
            try maker.process.destroy()
            try target.memory.write([UInt8](repeating: 0, count: 8192))
            try user.run { $0.copy(from: read, to: target.address, bytes: 8192) }
            #expect(try target.memory.read(count: 8192) == expected)
            try user.process.destroySharedObject(handle)
            #expect(machine.oddities == [])
        }
    }

    /// Handles of one guest mean nothing to another, whatever their numbers.
    @Test func handlesOfAnotherGuest() throws {
        try TestServer.run { server in
            let first = try GuestMachine.connect(to: server.endpoint)
            let second = try GuestMachine.connect(to: server.endpoint)
            let maker = try TestDevice(first)
            let stranger = try TestDevice(second)
            let fence = try maker.process.createMonitoredFence(
                device: maker.device, flags: [.shared, .ntSecuritySharing])
            let created = try maker.process.createAllocation2(
                device: maker.device, [.memory(bytes: 4096)],
                flags: [.createResource, .createShared, .ntSecuritySharing])
            let handle = try maker.process.shareObject(created.resource)
            #expect(throws: GuestError.self) {
                try stranger.process.openSyncObject(device: stranger.device, globalHandle: fence.globalHandle)
            }
            #expect(throws: GuestError.self) {
                try stranger.process.openResource(device: stranger.device, shared: handle, allocationCount: 1)
            }
            #expect(try stranger.state == DeviceExecutionState.active.rawValue)
            #expect(try GuestMachine.checkHealth(of: server.endpoint))
        }
    }
}
