import Carriers
import DXGProtocol
import Guest
import Linux
import Testing
import VMBus

/// Every command with every length, fields of any value, and handles of other types, processes and guests. Each request
/// gets exactly one answer.
@Suite struct CommandStormTests {
    /// A guest with two processes, and numbers that mean something somewhere.
    private final class Victim {
        let machine: GuestMachine
        let devices: [TestDevice]
        let numbers: [UInt32]

        init(_ storm: Storm, strangers: [UInt32], arguments: GuestMachineOptions = .unshared) throws {
            machine = try GuestMachine.connect(to: storm.server.endpoint, options: arguments)
            devices = [
                try TestDevice(machine, id: 1, .context), try TestDevice(machine, id: 2, .hardwareQueue),
            ]
            var handles: [UInt32] = []
            for device in devices {
                let process = device.process
                let fence = try process.createMonitoredFence(
                    device: device.device, flags: [.shared, .ntSecuritySharing])
                let created = try process.createAllocation2(
                    device: device.device, [.memory(bytes: 4096)],
                    flags: [.createResource, .createShared, .ntSecuritySharing])
                let shared = try process.shareObject(created.resource)
                let list = [
                    process.handle, process.adapter.handle, device.device, device.context, device.pagingQueue.handle,
                    device.pagingQueue.fence, device.fence, fence.handle, fence.globalHandle, created.resource,
                    created.allocations[0].handle, shared,
                ]
                handles += list.map(\.rawValue)
                if let queue = device.queue { handles.append(queue.handle.rawValue) }
            }
            let plain: [UInt32] = [0, 1, 2, 3, 4, 8, 16, 63, 64, 65, 1024, 4096, 65536, 0x7FFF_FFFF, 0x8000_0000, .max]
            numbers = plain + handles + handles + strangers
        }

        func relid(of channel: ChannelType) -> UInt32 {
            channel == .vmToHost ? machine.globalRelid : devices[0].process.adapter.relid
        }

        /// The 24 bytes before a command's own fields.
        func header(_ channel: UInt32, _ command: UInt32, _ process: UInt32) -> [UInt8] {
            [0, 0, process, channel, command, 0].littleEndianBytes
        }

        func words(_ chance: inout Chance, bytes: Int) -> [UInt8] {
            var result: [UInt8] = []
            while result.count < bytes {
                result +=
                    chance.isOne(in: 12)
                    ? chance.bytes(4) : [chance.one(of: numbers)].littleEndianBytes
            }
            return Array(result.prefix(bytes))
        }

        /// Sends commands and waits for the answer to each.
        func perform(_ commands: [[UInt8]], relid: UInt32) throws {
            let luid = devices[0].process.adapter.vgpuLUID
            var waiting: [PendingReply] = []
            for command in commands {
                waiting.append(try machine.beginCommand(command, named: "storm", relid: relid, vgpuLUID: luid))
                if waiting.count == 32 {
                    for reply in waiting { _ = try reply.wait(until: .bound) }
                    waiting = []
                }
            }
            for reply in waiting { _ = try reply.wait(until: .bound) }
        }

        /// Answers beyond those that were asked for.
        var surplus: [String] { machine.oddities.filter { $0.hasPrefix("completion") } }
    }

    private static func strangers(_ storm: Storm) throws -> (machine: GuestMachine, handles: [UInt32]) {
        let machine = try GuestMachine.connect(to: storm.server.endpoint)
        let device = try TestDevice(machine, id: 77)
        return (machine, [device.process.handle, device.device, device.context, device.fence].map(\.rawValue))
    }

    /// Random values in the fields of every command with a known layout.
    @Test func everyCommandAndLength() throws {
        try Storm.run(["--timeout", "500"]) { storm in
            var chance = Chance(seed: 6)
            let (stranger, handles) = try Self.strangers(storm)
            for message in MessageTable.all {
                let victim = try Victim(storm, strangers: handles)
                let channel: UInt32 = message.channel.rawValue
                let process = victim.devices[0].process.handle.rawValue
                var commands: [[UInt8]] = []
                for length in stride(from: 0, through: message.request.size + 64, by: 4) {
                    let owner = chance.isOne(in: 8) ? chance.one(of: victim.numbers) : process
                    let bytes =
                        victim.header(channel, message.command, owner)
                        + victim.words(&chance, bytes: max(0, length - 24))
                    commands.append(Array(bytes.prefix(length)))
                }
                for _ in 0..<40 * StormSize.factor {
                    commands.append(
                        victim.header(channel, message.command, process)
                            + victim.words(&chance, bytes: message.request.size - 24 + 8 * chance.below(64)))
                }
                do {
                    try victim.perform(commands, relid: victim.relid(of: message.channel))
                } catch {
                    throw TestServerError(description: "\(message.name): \(error)")
                }
                #expect(victim.surplus == [], "\(message.name)")
                try storm.checkAlive(message.name)
            }
            #expect(stranger.oddities == [])
            #expect(throws: Never.self) { try GuestProcess(stranger, id: 3) }
        }
    }

    /// Fields that are all zero or all ones, which make every count the largest.
    @Test func extremes() throws {
        try Storm.run(["--timeout", "500"]) { storm in
            let (_, handles) = try Self.strangers(storm)
            for message in MessageTable.all {
                let victim = try Victim(storm, strangers: handles)
                let device = victim.devices[0]
                let header = victim.header(message.channel.rawValue, message.command, device.process.handle.rawValue)
                var commands: [[UInt8]] = []
                for value in [0, 0xFF, 0x7F, 0x01] as [UInt8] {
                    for extra in [0, 8, 4096, 100_000] {
                        let body = [UInt8](repeating: value, count: message.request.size - 24 + extra)
                        commands.append(header + body)
                        // With a device that is there, the first field of most.
                        commands.append(header + [device.device.rawValue].littleEndianBytes + body.dropFirst(4))
                    }
                }
                try victim.perform(commands, relid: victim.relid(of: message.channel))
                #expect(victim.surplus == [], "\(message.name)")
                try storm.checkAlive(message.name)
            }
        }
    }

    /// Numbers that no command has, and commands on the wrong channel.
    @Test func unknownCommands() throws {
        try Storm.run { storm in
            var chance = Chance(seed: 7)
            let victim = try Victim(storm, strangers: [])
            let process = victim.devices[0].process.handle.rawValue
            for relid in [victim.machine.globalRelid, victim.devices[0].process.adapter.relid] {
                var commands: [[UInt8]] = []
                for channel in [0, 1, 2, 3, 0x100, 0x101, UInt32.max] as [UInt32] {
                    for command in [UInt32](0...80) + [UInt32](995...1030) + [UInt32.max, 0x8000_0000] {
                        // What would end the scene is tried elsewhere.
                        if command == 1001 || command == 15 || command == 30 { continue }
                        commands.append(
                            victim.header(channel, command, process) + victim.words(&chance, bytes: 8 * chance.below(8))
                        )
                    }
                }
                try victim.perform(commands, relid: relid)
            }
            #expect(victim.surplus == [])
            #expect(throws: Never.self) { try GuestProcess(victim.machine, id: 3) }
        }
    }

    /// Requests of up to what a packet can hold: whatever goes back fits what a guest can read.
    @Test func longRequests() throws {
        try Storm.run { storm in
            let machine = try GuestMachine.connect(to: storm.server.endpoint)
            let device = try TestDevice(machine)
            let process = device.process
            for count in [100_000, 130_000, 131_000, 131_072, 140_000, 400_000, 524_000] {
                let data = [UInt8](repeating: 5, count: count)
                _ = try? process.escape(data)
                _ = try? process.createContextVirtual(device: device.device, privateDriverData: data)
                _ = try? process.queryAdapterInfo(0, data)
                _ = try? process.createAllocation2(
                    device: device.device, [AllocationRequest(privateDriverData: data)], runtimeData: [1])
                try storm.checkAlive("a request of \(count) bytes")
            }
            #expect(machine.oddities == [])
            #expect(try device.state == DeviceExecutionState.active.rawValue)
        }
    }

    /// Commands that want no reply, whatever they say, lose a device at most.
    @Test func withoutReplies() throws {
        try Storm.run(["--async-messages", "--timeout", "500"]) { storm in
            var chance = Chance(seed: 8)
            for _ in 0..<10 * StormSize.factor {
                let victim = try Victim(storm, strangers: [])
                let adapter = victim.devices[0].process.adapter
                for _ in 0..<200 {
                    let message = chance.one(of: MessageTable.all)
                    let channel = message.channel.rawValue | (chance.isOne(in: 4) ? 0 : 0x100)
                    let process = chance.one(of: victim.devices).process.handle.rawValue
                    let command =
                        victim.header(channel, message.command, process)
                        + victim.words(&chance, bytes: message.request.size - 24 + 4 * chance.below(32))
                    let data = CommandEnvelope.encode(
                        command: command, vgpuLUID: adapter.vgpuLUID, interfaceVersion: .v40)
                    let packet = try Packet.encode(
                        type: .inBandData, payload: data.wireBytes, transactionID: 0, requestCompletion: false)
                    try victim.machine.sendRawPacket(packet, relid: victim.machine.globalRelid)
                }
                // Processes may be gone by now; the guest goes on.
                #expect(throws: Never.self) { try GuestProcess(victim.machine, id: 99) }
                #expect(victim.surplus == [])
                try storm.checkAlive("commands without replies")
            }
        }
    }

    /// Packets whose descriptors lie: the channel goes, the guest may make contact again.
    @Test func descriptors() throws {
        try Storm.run { storm in
            var chance = Chance(seed: 9)
            for round in 0..<100 * StormSize.factor {
                let machine = try GuestMachine.connect(to: storm.server.endpoint, options: .unshared)
                let relid = round % 2 == 0 ? machine.globalRelid : machine.adapters[0].relid
                var bytes = chance.bytes(16 + 8 * chance.below(16))
                if round % 3 == 0 {
                    bytes.replaceSubrange(0..<8, with: [6, 0, 2, 0, UInt8(bytes.count / 8), 0, 0xFF, 0])
                }
                try machine.sendRawPacket(bytes, relid: relid)
                if round % 5 == 0 { try machine.sendRawPacket(bytes, relid: UInt32(chance.below(3000))) }
                try storm.checkAlive("a packet with the descriptor \(bytes.prefix(16))")
            }
        }
    }
}
