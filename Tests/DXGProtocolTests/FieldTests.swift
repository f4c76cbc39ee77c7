import DXGProtocol
import DXGProtocolAccess
import Testing

/// Every field of messages.json, reached by name, against the offsets that the file gives.
struct FieldTests {
    let layouts = ProtocolFile.shared.layouts

    /// The fields that get accessors of their own: no header, no array, no stand-in for a tail.
    private func scalars(of structure: ProtocolFile.Struct) -> [ProtocolFile.Field] {
        structure.fields.filter { $0.type != "header" && $0.type?.contains("[") != true }
    }

    @Test func everyLayoutIsThere() {
        let described = Set(layouts.keys)
        let generated = Set(Accesses.all.map(\.name))
        #expect(described == generated)
        for access in Accesses.all {
            #expect(access.size == layouts[access.name]?.size, "\(access.name)")
            #expect(access.fixedSize == layouts[access.name]?.tail?.first?.at ?? access.size, "\(access.name)")
        }
    }

    @Test func everyFieldHasAnAccessor() {
        for (name, structure) in layouts {
            #expect(
                Set(scalars(of: structure).map(\.name)) == Set(Accesses.named(name)?.fieldNames ?? []), "\(name)")
        }
    }

    /// Sets one bit of one field after the other and looks for it in the bytes, and the other way round.
    @Test func everyBitOfEveryFieldIsWhereTheFileSays() throws {
        for access in Accesses.all {
            let structure = try #require(layouts[access.name])
            for field in scalars(of: structure) {
                let place: Comment = "\(access.name) \(field.name)"
                let bits = access.isBoolean(field.name) ? 1 : field.bitCount
                for bit in 0..<bits {
                    let position = field.firstBit + bit
                    var expected = [UInt8](repeating: 0, count: access.fixedSize)
                    expected[position / 8] = 1 << UInt8(position % 8)
                    #expect(access.bytes(with: field.name, set: 1 << UInt64(bit)) == expected, place)
                    let values = try access.values(of: field.name, in: expected)
                    #expect(values.view == 1 << UInt64(bit) && values.builder == values.view, place)
                }
                // Writing zero clears the field's bits and no others.
                var cleared = [UInt8](repeating: 0xFF, count: access.fixedSize)
                for position in field.firstBit..<field.firstBit + field.bitCount {
                    cleared[position / 8] &= ~(1 << UInt8(position % 8))
                }
                #expect(access.bytesOfOnes(with: field.name, set: 0) == cleared, place)
                let values = try access.values(of: field.name, in: cleared)
                #expect(values.view == 0 && values.builder == 0, place)
            }
        }
    }

    @Test func aByteThatIsNotZeroIsTrue() throws {
        var builder = MessageBuilder<CreateDevice.Request>()
        builder.write(0x80 as UInt8, at: 28)
        let read = builder.view.cddDevice
        #expect(builder.cddDevice && read)
    }

    @Test func arraysAreWrittenAndReadInPlace() throws {
        var submit = MessageBuilder<SubmitCommand.Request>()
        submit.setBroadcastContext([D3DKMTHandle(rawValue: 0x4000_0040), D3DKMTHandle(rawValue: 0x4000_0080)])
        #expect(Array(submit.bytes[52..<60]) == [0x40, 0, 0, 0x40, 0x80, 0, 0, 0x40])
        let contexts = submit.view.broadcastContext.array()
        #expect(contexts.count == 64 && contexts[1] == D3DKMTHandle(rawValue: 0x4000_0080))

        var process = MessageBuilder<CreateProcess.Request>()
        process.setProcessName(Array("demo".utf16))
        process.linuxProcess = true
        #expect(process.bytes[40] == UInt8(ascii: "d") && process.bytes[42] == UInt8(ascii: "e"))
        #expect(process.bytes[562] == 8)
        process.setProcessName(Array("x".utf16))
        let name = process.view.processName.array()
        #expect(name.count == 261 && name.filter { $0 != 0 } == [0x78])

        var statistics = MessageBuilder<QueryStatistics.Reply>()
        statistics.setResult([1, 2, 3])
        #expect(Array(statistics.bytes[8..<11]) == [1, 2, 3])
        let result = [UInt8](wireBytes: statistics.view.result)
        #expect(result.count == 776)
    }
}
