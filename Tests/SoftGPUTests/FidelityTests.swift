import DXGProtocol
import Testing

@testable import SoftGPU

/// The support matrix (docs/protocol/support.md) against what the model answers.
@Suite struct FidelityTests {
    let host = TestHost()
    let guest: VirtualGuest
    let process: VirtualProcess

    init() {
        guest = host.start()
        process = guest.createProcess()
    }

    /// Commands with nothing but zeroes behind the header: what is refused is refused whole, and nothing else is,
    /// though the arguments are wrong.
    @Test(arguments: MessageTable.commands.filter { $0.channel != .hostToVm })
    func refusedIsWhatIsRefused(command: CommandDescription) {
        var header = MessageBuilder<VGPUCommandHeader>()
        header.channelType = command.channel.rawValue
        header.commandType = command.command
        header.process = process.handle
        let size = MessageTable.message(command.channel, command.command)?.request.size ?? 64
        let bytes = header.bytes + [UInt8](repeating: 0, count: max(0, size - header.bytes.count))
        let reply = guest.send(bytes, on: command.channel == .vmToHost ? .global : .vgpu(0))
        let isRefused = reply?.starts(with: [0xbb, 0, 0, 0xc0]) ?? false
        switch command.fidelity {
        case .refused: #expect(isRefused)
        case .documented, .observed, .inferred: #expect(!isRefused)
        case .partial: break
        }
    }
}
