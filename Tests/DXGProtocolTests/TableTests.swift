import DXGProtocol
import Testing

/// The reflective table against the file that it is made from.
struct TableTests {
    let file = ProtocolFile.shared

    private func check(_ description: StructDescription?, _ structure: ProtocolFile.Struct?, _ place: Comment) {
        #expect(description?.size == structure?.size, place)
        #expect(description?.fields.map(\.name) == structure?.fields.map(\.name), place)
        #expect(description?.fields.map(\.bitOffset) == structure?.fields.map(\.firstBit), place)
        #expect(description?.fields.map(\.bitCount) == structure?.fields.map(\.bitCount), place)
        #expect(description?.tails.map(\.name) ?? [] == structure?.tail?.map(\.name) ?? [], place)
        #expect(description?.tails.map(\.countField) ?? [] == structure?.tail?.map(\.count) ?? [], place)
    }

    @Test func everyMessageIsDescribed() throws {
        #expect(MessageTable.all.count == file.messages.count)
        for message in file.messages {
            let channel: ChannelType = message.channel == "global" ? .vmToHost : .vgpuToHost
            let description = try #require(MessageTable.message(channel, message.command))
            #expect(description.name == message.name)
            check(description.request, message.request, "\(message.name)")
            check(description.reply, message.reply, "\(message.name)")
            check(description.reply27, message.reply_27, "\(message.name)")
        }
        for message in file.host_messages {
            let description = try #require(MessageTable.hostMessages.first { $0.command == message.command })
            check(description.request, message.message, "\(message.name)")
        }
    }

    @Test func everyNumberIsKnown() throws {
        let numbers = Set(file.commands["vgpu"]!.map(\.command))
        #expect(numbers == Set(VGPUCommand.allCases.map(\.rawValue)))
        #expect(numbers == Set(0...68).subtracting([63]))
        #expect(Set(file.commands["global"]!.map(\.command)) == Set(GlobalCommand.allCases.map(\.rawValue)))
        #expect(Set(file.commands["host_to_vm"]!.map(\.command)) == Set(HostMessage.allCases.map(\.rawValue)))
        let sent = MessageTable.commands.filter { $0.channel != .hostToVm && $0.sentByLinux != "never" }
        #expect(sent.count == 59)
        let asynchronous = MessageTable.commands.filter(\.canBeAsync).map(\.name)
        #expect(
            asynchronous == ["SubmitCommand", "WaitForSyncObjectFromGpu", "SignalSyncObject", "SubmitCommandToHwQueue"])
        #expect(MessageTable.command(.vgpuToHost, 4)?.constant == "CREATEALLOCATION")
        #expect(MessageTable.command(.vgpuToHost, 63) == nil)
    }

    /// Whoever is refused something is told why.
    @Test func everyRefusalHasItsReason() {
        for command in MessageTable.commands where [.partial, .refused].contains(command.fidelity) {
            #expect(!command.note.isEmpty, "\(command.name)")
        }
    }

    @Test func everyEnumerationIsKnown() throws {
        for (name, enumeration) in file.enums {
            let described = try #require(MessageTable.enumerations.first { $0.name == name })
            #expect(described.constants.map(\.value) == enumeration.cases.map(\.value))
            #expect(described.constants.map(\.name) == enumeration.cases.map(\.constant))
        }
    }

    /// Fields may overlap (unions and bits of a word), but none may leave its structure.
    @Test func fieldsStayInside() {
        for structure in file.layouts {
            for field in structure.value.fields {
                #expect(field.firstBit + field.bitCount <= structure.value.size * 8, "\(structure.key) \(field.name)")
            }
        }
    }
}
