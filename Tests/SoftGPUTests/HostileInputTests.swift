import DXGProtocol
import Testing

@testable import SoftGPU

/// Bytes that no driver sends: never a trap, always one defined answer, never an effect.
@Suite struct HostileInputTests {
    let host = TestHost()
    let guest: VirtualGuest
    let process: VirtualProcess
    let device: VirtualDevice
    /// One handle of every type, of another process.
    let foreign: [D3DKMTHandle]
    let victim: VirtualProcess

    init() {
        guest = host.start()
        process = guest.createProcess(pid: 1)
        device = process.createDevice()
        victim = guest.createProcess(pid: 2)
        // The handles of the victim are of higher indices than all of the attacker's.
        for _ in 0..<40 { _ = victim.createDevice() }
        let theirs = victim.createDevice()
        let queue = theirs.createPagingQueue()
        let hwQueue = theirs.createHwQueue()
        let shared = theirs.allocateShared(4096)
        foreign = [
            theirs.handle, queue.handle, queue.fence, hwQueue.handle, hwQueue.fence, hwQueue.context,
            theirs.createContext(), theirs.createFence().handle, theirs.allocate(4096), shared.resource,
            shared.handles[0], theirs.createSyncObject(type: 1),
        ]
    }

    static let commands = MessageTable.all.map(NamedMessage.init)

    private func header(_ message: MessageDescription, process: D3DKMTHandle) -> [UInt8] {
        var header = MessageBuilder<VGPUCommandHeader>()
        header.process = process
        header.channelType = message.channel.rawValue
        header.commandType = message.command
        return header.bytes
    }

    private func channel(_ message: MessageDescription) -> Channel { message.channel == .vmToHost ? .global : .vgpu(0) }

    private struct State: Equatable {
        let objects: [Int]
        let processes: Int
        let names: Int
        let committed: UInt64
        let resident: [UInt64]
        let pages: UInt64
    }

    private var state: State {
        State(
            objects: [process.model?.objects.count ?? -1, victim.model?.objects.count ?? -1],
            processes: guest.machine?.processes.count ?? -1, names: guest.machine?.names.count ?? -1,
            committed: guest.machine?.committedBytes ?? 0, resident: host.model.adapters[0].residentBytes,
            pages: guest.machine?.ioPages.used ?? 0)
    }

    /// Whether anything but an answer and a log entry came of the last input.
    private var hadEffects: Bool {
        host.trace.contains { effect in
            switch effect {
            case .complete, .report: false
            default: true
            }
        }
    }

    @Test(arguments: commands)
    func truncatedCommands(_ named: NamedMessage) {
        let message = named.message
        let full = header(message, process: process.handle) + Array(repeating: 0, count: message.request.size - 24)
        let before = state
        for length in 0..<message.request.size {
            host.clearTrace()
            let reply = guest.send(Array(full.prefix(length)), on: channel(message))
            #expect(reply != nil)
            // Padding to 8 bytes may complete the last field.
            guard (length + 7) / 8 * 8 < min(message.request.size, 32) else { continue }
            #expect(state == before)
            #expect(!hadEffects)
        }
    }

    /// Counts that need more bytes than there are.
    @Test(arguments: commands.filter { !$0.message.request.tails.isEmpty })
    func countsBeyondTheMessage(_ named: NamedMessage) {
        let message = named.message
        for tail in message.request.tails {
            guard let field = message.request.fields.first(where: { $0.name == tail.countField }) else { continue }
            for count in [0xffff_ffff, 0x8000_0000, 0x2000_0001, 40_000] as [UInt32] {
                var bytes = header(message, process: process.handle)
                bytes += Array(repeating: 0, count: message.request.size - 24)
                for index in 0..<4 { bytes[field.offset + index] = UInt8(truncatingIfNeeded: count >> (8 * index)) }
                let before = state
                host.clearTrace()
                let reply = guest.send(bytes, on: channel(message))
                #expect(reply != nil && reply!.count <= 131_072)
                #expect(state == before)
                #expect(!hadEffects)
            }
        }
    }

    /// Handles of another process, of other types, of nothing.
    @Test(arguments: commands)
    func foreignHandles(_ named: NamedMessage) {
        let message = named.message
        let fields = message.request.fields.filter { $0.kind == .handle }
        guard !fields.isEmpty else { return }
        let stale = device.createFence()
        #expect(process.destroySyncObject(stale.handle) == .success)
        let junk: [UInt32] = [0xffff_ffff, 1, 0x40, 0x8000_0040, 0x8000_0080, 0xc000_0040, 0x3fff_ffc0, 0x4000_0041]
        let handles = foreign + [stale.handle, victim.handle] + junk.map { D3DKMTHandle(rawValue: $0) }
        let harmless: Set = ["OpenAdapter", "QueryVideoMemoryInfo", "Escape", "QueryClockCalibration"]
        let adapter = guest.adapterHandles[0]
        for handle in handles where handle != adapter {
            var bytes = header(message, process: process.handle)
            bytes += Array(repeating: 0, count: message.request.size - 24 + 64)
            for field in fields {
                for index in 0..<4 {
                    bytes[field.offset + index] = UInt8(truncatingIfNeeded: handle.rawValue >> UInt32(8 * index))
                }
            }
            let before = state
            host.clearTrace()
            #expect(guest.send(bytes, on: channel(message)) != nil)
            if harmless.contains(message.name) { continue }
            #expect(state == before, "\(message.name) with \(handle)")
            #expect(!hadEffects, "\(message.name) with \(handle)")
        }
    }

    @Test(arguments: [InterfaceVersion.v27, .v40])
    func packetsWithoutACommand(version: InterfaceVersion) {
        let guest = host.start(version: version)
        for channel in [Channel.global, .vgpu(0), .vgpu(1), .vgpu(-1)] {
            for length in stride(from: 0, through: 64, by: 8) {
                for fill in [0, 1, 16, 0xff] as [UInt8] {
                    host.receive(
                        Array(repeating: fill, count: length), from: guest, on: channel,
                        transaction: UInt64(length) << 32 | UInt64(fill) << 8 | UInt64(channel == .global ? 1 : 2)
                            | (channel == .vgpu(1) ? 4 : 0) | (channel == .vgpu(-1) ? 8 : 0))
                }
            }
        }
        #expect(host.checker.transactionsLeft(guest.id) == 0)
    }

    @Test func unknownCommandsAreNotSupported() {
        for (channel, type) in [(Channel.vgpu(0), 0 as UInt32), (.global, 1)] {
            for number in [63, 69, 70, 999, 1012, 1020, 1023, 0xffff_ffff] as [UInt32] {
                var header = MessageBuilder<VGPUCommandHeader>()
                header.channelType = type
                header.commandType = number
                let reply = guest.send(header.bytes, on: channel)
                #expect(reply == [0xbb, 0, 0, 0xc0, 0, 0, 0, 0])
            }
        }
    }

    /// A channel type that does not belong on the channel, and a vGPU that the guest does not have.
    @Test func misroutedCommands() {
        var header = MessageBuilder<VGPUCommandHeader>()
        header.channelType = 1
        #expect(guest.send(header.bytes, on: .vgpu(0)) == [])
        header.channelType = 2
        #expect(guest.send(header.bytes, on: .global) == [])
        header.channelType = 0
        #expect(guest.send(header.bytes, on: .global) == [])
        #expect(guest.send(header.bytes, on: .vgpu(7)) == [])
    }

    @Test func semaphoreMapAndWaitNumbersAtTheirEnds() {
        let context = device.createContext()
        let fence = device.createFence()
        var update = MessageBuilder<UpdateGpuVirtualAddress.Request>()
        update.device = device.handle
        update.context = context
        update.fenceObject = fence.handle
        update.fenceValue = .max
        update.flags = 1
        var operation = MessageBuilder<UpdateGpuVirtualAddressOperation>()
        for base in [0, 4096, UInt64.max - 4095, 1 << 47, 0x7fff_ffff_0000] {
            for size in [0, 4096, UInt64.max - 4095, 1 << 63] {
                operation.mapBaseAddress = base
                operation.mapSize = size
                for kind in 0..<5 as Range<UInt32> {
                    operation.operation = kind
                    var request = update
                    request.appendOperations([operation])
                    #expect(device.status(request) == .invalidParameter)
                    if base != 0 || size != 0 { #expect(!process.free(base, size).isSuccess) }
                }
            }
        }
        #expect(device.value(of: fence) == 0)
    }
}

/// A message by its name, as an argument of a test.
struct NamedMessage: Sendable, CustomTestStringConvertible {
    let message: MessageDescription
    var testDescription: String { message.name }
}
