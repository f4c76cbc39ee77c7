import DXGProtocol
import DXGProtocolAccess
import Testing

/// Bytes that no honest driver sends: every decoder must answer with an error or with a view that stays inside them.
struct HostileInputTests {
    /// Decodes, and expects nothing but that this comes back.
    private func probe(_ access: any LayoutAccessing, _ bytes: [UInt8]) -> DecodeError? {
        do throws(DecodeError) {
            try access.decode(bytes)
            return nil
        } catch {
            return error
        }
    }

    @Test func everyTruncationIsRefused() throws {
        for access in Accesses.all {
            for length in 0..<access.fixedSize {
                let error = probe(access, [UInt8](repeating: 0, count: length))
                #expect(
                    error == .truncated(needed: UInt64(access.fixedSize), have: UInt64(length)),
                    "\(access.name) in \(length) bytes")
            }
        }
    }

    @Test func zeroCountsAreLegal() {
        for access in Accesses.all where !access.name.hasSuffix(".Reply") && !access.name.hasSuffix(".Reply27") {
            #expect(probe(access, [UInt8](repeating: 0, count: access.fixedSize)) == nil, "\(access.name)")
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func randomBytesNeverTrap(seed: UInt64) {
        var random = SplitMix(seed: seed)
        for access in Accesses.all {
            for _ in 0..<60 {
                let length = Int.random(in: 0...access.size + 200, using: &random)
                _ = probe(access, random.bytes(length))
            }
        }
    }

    /// Counts around what fits, and around the limits of their types.
    @Test func countsThatDoNotFitAreRefused() throws {
        var random = SplitMix(seed: 5)
        for (name, structure) in ProtocolFile.shared.layouts where name.hasSuffix(".Request") {
            let access = try #require(Accesses.named(name))
            for tail in structure.tail ?? [] where tail.type != "chunks" {
                let field = try #require(structure.fields.first { $0.name == tail.count })
                for count in [1, 2, 3, 7, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF] as [UInt64] {
                    for extra in [0, 1, 4, 8, 12, 63, 64] {
                        var bytes = [UInt8](repeating: 0, count: access.fixedSize + extra)
                        for index in 0..<4 {
                            bytes[field.offset! + index] = UInt8(truncatingIfNeeded: count >> UInt64(8 * index))
                        }
                        if random.next() % 2 == 0 { bytes.append(contentsOf: random.bytes(4)) }
                        let error = probe(access, bytes)
                        if count > 0xFFFF { #expect(error != nil, "\(name) \(tail.count) \(count)") }
                    }
                }
            }
        }
    }

    @Test func privateDataSizesAreAddedWithoutWrapping() throws {
        var request = MessageBuilder<CreateAllocation.Request>()
        var info = MessageBuilder<AllocationInfo>()
        info.privDrvDataSize = 0xFFFF_FFFF
        request.appendAllocInfo([info, info, info])
        request.append(contentsOf: [UInt8](repeating: 0, count: 64))
        #expect(throws: DecodeError.truncated(needed: 64 + 36 + 3 * 0xFFFF_FFFF, have: 164)) {
            _ = try MessageView<CreateAllocation.Request>(request.bytes.wireBytes)
        }
    }

    @Test func replyTailsAreCheckedAgainstTheRequest() throws {
        var request = MessageBuilder<OpenResource.Request>()
        request.allocationCount = 0xFFFF_FFFF
        let reply = MessageBuilder<OpenResource.Reply>(byteCount: 24)
        let error = #expect(throws: DecodeError.self) { try reply.view.allocations(to: request.view).array() }
        #expect(error == .truncated(needed: 8 + 4 * 0xFFFF_FFFF, have: 24))
    }
}
