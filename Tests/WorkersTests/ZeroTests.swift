import CSoftGPU
import Glibc
import Linux
import Testing
import WorkerProtocol

@testable import Workers

/// Ranges that read as zero and forget what is written (docs/protocol/semantics.md 11.1).
@Suite struct ZeroTests {
    private static let zeros: UInt64 = 0x6_0000_0000

    private func makeSpace(lanes: Int = 2, length: UInt64 = 0x40_0000) throws -> AddressSpace {
        let space = try AddressSpace(bytes: 8 << 20, lanes: lanes)
        space.worker.map(.zeros(address: Self.zeros, length: length))
        return space
    }

    private func expectZeros(_ space: AddressSpace, at address: UInt64 = zeros) throws {
        try space.write([UInt64](repeating: .max, count: 8), at: 0)
        #expect(try space.run { $0.copy(to: AddressSpace.base, from: address, bytes: 64) } == .completed)
        #expect(try space.words(at: 0, count: 8) == Array(repeating: 0, count: 8))
    }

    /// Reading takes no memory: a range can be larger than any machine.
    @Test func readsAsZeroAtAnySize() throws {
        let space = try makeSpace(length: 1 << 42)
        try expectZeros(space)
        try expectZeros(space, at: Self.zeros + (1 << 42) - 64)
        #expect(space.failures.isEmpty)
    }

    #if arch(x86_64)
        @Test func packetsWritesVanish() throws {
            let space = try makeSpace()
            let outcome = try space.run { commands in
                commands.packet(SOFTGPU_WRITE32, Self.zeros, 7)
                commands.packet(SOFTGPU_WRITE64, Self.zeros + 8, 7)
                commands.fill(Self.zeros + 4, bytes: 0x1004, pattern: 0xffff_ffff)
                commands.copy(to: Self.zeros + 0x10, from: AddressSpace.base + 0x10_0000, bytes: 0x2000)
                // Large enough for all lanes.
                commands.fill(Self.zeros, bytes: 0x20_0000, pattern: 0xffff_ffff)
                commands.copy(to: Self.zeros, from: AddressSpace.base + 0x40_0000, bytes: 0x20_0000)
                commands.packet(SOFTGPU_WRITE64, AddressSpace.base + 0x100, 5)
            }
            #expect(outcome == .completed)
            #expect(try space.words(at: 0x100, count: 1) == [5])
            try expectZeros(space)
            try expectZeros(space, at: Self.zeros + 0x20_0000 - 64)
        }

        @Test func onlyZerosForget() throws {
            let space = try makeSpace(length: 0x3000)
            let end = Self.zeros + 0x3000
            #expect(
                try space.run { $0.packet(SOFTGPU_WRITE64, end, 1) }
                    == .pageFault(address: end, write: true, packetOffset: 0))
            // Memory in the midst of zeros is memory, and zeros around it are zeros.
            space.map(Self.zeros + 0x1000, 0x1000, offset: 0x1000)
            let outcome = try space.run { commands in
                for page in 0..<3 as Range<UInt64> {
                    commands.packet(SOFTGPU_WRITE64, Self.zeros + page * 0x1000 + 8, page + 1)
                }
            }
            #expect(outcome == .completed)
            #expect(try space.words(at: 0x1008, count: 1) == [2])
            try expectZeros(space, at: Self.zeros)
            try expectZeros(space, at: Self.zeros + 0x2000)
            // Neither is what is unmapped.
            space.worker.unmap(address: Self.zeros, length: 0x1000)
            #expect(
                try space.run { $0.packet(SOFTGPU_WRITE64, Self.zeros, 1) }
                    == .pageFault(address: Self.zeros, write: true, packetOffset: 0))
            space.map(Self.zeros + 0x2000, 0x1000, offset: 0x2000, access: .read)
            #expect(
                try space.run { $0.packet(SOFTGPU_WRITE64, Self.zeros + 0x2000, 1) }
                    == .pageFault(address: Self.zeros + 0x2000, write: true, packetOffset: 0))
            #expect(space.failures.isEmpty)
        }

        /// A write that reaches out of the zeros is not half forgotten.
        @Test func straddlingWritesAreFaults() throws {
            let space = try makeSpace(length: 0x1000)
            space.map(Self.zeros + 0x1000, 0x1000, offset: 0x1000)
            let outcome = try space.run("write_word_at", pointer: Self.zeros + 0xffc)
            #expect(outcome == .pageFault(address: Self.zeros + 0xffc, write: true, packetOffset: 0))
            #expect(try space.run("write_word_at", pointer: Self.zeros + 0xff8) == .completed)
        }

        @Test func manyGroupsWriteAtOnce() throws {
            let space = try makeSpace(lanes: 4)
            var packet = try space.dispatch("count_groups", pointer: Self.zeros)
            packet.groups = (512, 1, 1)
            #expect(try space.run { $0.dispatch(packet) } == .completed)
            try expectZeros(space)
        }

        @Test func codeInZerosIsNotThere() throws {
            let space = try makeSpace()
            var packet = try space.dispatch("write_at", pointer: AddressSpace.base)
            packet.code = Self.zeros
            #expect(
                try space.run { $0.dispatch(packet) }
                    == .pageFault(address: Self.zeros, write: false, packetOffset: 0))
        }

        @Test func anotherProcessHasThemToo() throws {
            let space = try makeSpace()
            let first = space.waitForProcess()
            kill(first, SIGKILL)
            space.wait { !space.failures.isEmpty }
            #expect(try space.run { $0.packet(SOFTGPU_WRITE64, Self.zeros, 1) } == .completed)
            try expectZeros(space)
            #expect(space.worker.processID != first)
        }

        // MARK: - Instructions

        /// Run on zeros and on memory that holds zeros, with the same registers: everything but memory is the same.
        /// rdi is the place, rsi a source, r12 and r13 the place again, r10 is 0 and rcx 3.
        private static let plain = [
            "mov byte ptr [rdi], al", "mov byte ptr [rdi], ah", "mov byte ptr [r12 + 0x1000], r8b",
            "mov word ptr [rdi + 2], ax", "mov dword ptr [r13], edx", "mov qword ptr [rdi + r10*8 + 0x100], rdx",
            "mov dword ptr [r12], 0x11223344", "mov word ptr [r13 + 4], 0x1234", "mov qword ptr [rdi - 8], -5",
            "mov byte ptr [rdi + 0x100], 7",
            "xchg qword ptr [rdi], rdx", "xchg dword ptr [rdi], edx", "xchg byte ptr [rdi], dl",
            "lock xadd dword ptr [rdi], eax", "lock xadd qword ptr [rdi], rdx", "lock xadd byte ptr [rdi], dl",
            "lock xadd word ptr [rdi], ax", "lock cmpxchg qword ptr [rdi], rdx",
            "xor eax, eax; lock cmpxchg dword ptr [rdi], edx", "lock cmpxchg word ptr [rdi], dx",
            "lock cmpxchg byte ptr [rdi], dl", "lock add dword ptr [rdi], 5", "lock add qword ptr [rdi], rdx",
            "add word ptr [rdi], 0x1234", "add byte ptr [rdi], 0x80", "add qword ptr [rdi], -1",
            "lock sub dword ptr [rdi], edx", "sub qword ptr [rdi], 0x7f", "sub byte ptr [rdi], -128",
            "sub dword ptr [rdi], 0x12345678", "sub dword ptr [rdi], 0", "lock inc dword ptr [rdi]",
            "lock inc byte ptr [rdi]", "lock dec qword ptr [rdi]", "dec word ptr [rdi]",
            "stosb", "stosw", "stosd", "stosq", "rep stosb", "rep stosq", "movsb", "movsq", "rep movsb",
            "rep movsd", "std; stosd; cld", "std; rep movsb; cld", "movnti dword ptr [rdi], edx",
            "movnti qword ptr [rdi], rdx", "movups xmmword ptr [rdi + 4], xmm0", "movaps xmmword ptr [rdi], xmm0",
            "movss dword ptr [rdi], xmm0", "movsd qword ptr [rdi + r10*4 + 8], xmm0", "movlps qword ptr [rdi], xmm0",
            "movhps qword ptr [r13 + 8], xmm0", "movntps xmmword ptr [rdi], xmm0", "movdqa xmmword ptr [rdi], xmm0",
            "movdqu xmmword ptr [rdi + 1], xmm0", "movd dword ptr [rdi], xmm0", "movq qword ptr [rdi], xmm0",
            "movntdq xmmword ptr [rdi], xmm0", "pextrb byte ptr [rdi], xmm0, 3", "pextrd dword ptr [rdi], xmm0, 1",
            "pextrq qword ptr [rdi + 0x200], xmm0, 1", "extractps dword ptr [rdi], xmm0, 2",
            "movbe dword ptr [rdi], edx", "movbe word ptr [rdi], dx", "vmovups ymmword ptr [rdi + 4], ymm0",
            "vmovups xmmword ptr [r12 + r10*8 + 0x123], xmm9", "vmovaps ymmword ptr [rdi], ymm0",
            "vmovss dword ptr [rdi], xmm0", "vmovsd qword ptr [rdi], xmm0", "vmovdqu ymmword ptr [rdi + 2], ymm8",
            "vmovntdq ymmword ptr [rdi], ymm0", "vmovd dword ptr [rdi], xmm0", "vmovq qword ptr [rdi], xmm0",
            "vextractf128 xmmword ptr [rdi], ymm0, 1", "vextracti128 xmmword ptr [rdi + 3], ymm0, 0",
            "vmaskmovps ymmword ptr [rdi], ymm1, ymm0", "vpmaskmovq xmmword ptr [rdi], xmm1, xmm0",
            "vcvtps2ph xmmword ptr [rdi], ymm0, 0", "vpextrw word ptr [rdi], xmm0, 5",
        ]

        /// The flag that these leave undefined is not compared.
        private static let logical = [
            "lock or dword ptr [rdi], edx", "lock or byte ptr [rdi], 0x81", "lock and qword ptr [rdi], rdx",
            "and dword ptr [rdi], 0x7fffffff", "lock xor qword ptr [rdi], rdx", "xor word ptr [rdi], 0x8000",
        ]

        private static let wide = [
            "vmovups zmmword ptr [rdi + 0x40], zmm0", "vmovups zmmword ptr [rdi + 0x43], zmm20",
            "vmovdqu64 zmmword ptr [r12 + r10*8 + 0x80], zmm31", "vmovdqu8 ymmword ptr [rdi + 0x20], ymm16",
            "vmovss dword ptr [rdi + 4], xmm17", "vmovsd qword ptr [rdi + 8], xmm17",
            "vmovdqa32 zmmword ptr [rdi] {k1}, zmm0", "vmovntdq zmmword ptr [rdi], zmm0",
            "vextracti64x4 ymmword ptr [rdi + 0x20], zmm0, 1", "vextracti32x4 xmmword ptr [rdi + 0x10], zmm0, 2",
        ]

        private static func has(_ features: String...) -> Bool {
            let file = FileDescriptor(owning: unsafe open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC))
            // The file has no size, and a read gives no more than a processor.
            var text = [UInt8](repeating: 0, count: 16384)
            let count = unsafe read(file.rawValue, &text, text.count)
            let words = Set(
                String(decoding: text.prefix(max(count, 0)), as: UTF8.self)
                    .split { " \n\t".contains($0) }.map(String.init))
            return words.isSuperset(of: features)
        }

        private static func source(_ instructions: [String]) -> String {
            var text = """
                #include "understudy_softgpu.h"
                typedef uint64_t word;

                """
            for (index, instruction) in instructions.enumerated() {
                text += """
                    __attribute__((noinline)) static void run\(index)(word *out, uint8_t *place, uint8_t *source) {
                        register word *r9 __asm__("r9") = out;
                        register word r10 __asm__("r10") = 0;
                        register uint8_t *r12 __asm__("r12") = place;
                        register uint8_t *r13 __asm__("r13") = place;
                        word a = 0x1122334455667788, c = 3, d = 0x8877665544332281;
                        __asm__ volatile(
                            "mov r8, rdx\\n\\tvmovups ymm0, [rsi]\\n\\tvpcmpeqd ymm1, ymm1, ymm1\\n\\tcmp r10, 0\\n\\tstc\\n\\t"
                            "\(instruction)\\n\\t"
                            "pushfq\\n\\tpop r11\\n\\tsub rdi, r12\\n\\t"
                            "mov [r9], rax\\n\\tmov [r9 + 8], rcx\\n\\tmov [r9 + 16], rdx\\n\\tmov [r9 + 24], rdi\\n\\t"
                            "mov [r9 + 32], rsi\\n\\tmov [r9 + 40], r11\\n\\tvzeroupper"
                            : "+a"(a), "+c"(c), "+d"(d), "+D"(place), "+S"(source)
                            : "r"(r9), "r"(r10), "r"(r12), "r"(r13)
                            : "r8", "r11", "xmm0", "xmm1", "memory", "cc");
                    }

                    """
            }
            text += """
                void all(const void *arguments, const struct softgpu_group *group) {
                    (void)group;
                    word *out = *(word *const *)arguments;
                    uint8_t *zeros = (uint8_t *)out[0], *memory = (uint8_t *)out[1], *source = (uint8_t *)out[2];
                    volatile word *scratch = (volatile word *)(memory - 0x1000);

                """
            for index in instructions.indices {
                text += """
                        for (int word = 0; word < 0x600; word++) scratch[word] = 0;
                        run\(index)(out + \(12 * index), zeros, source);
                        run\(index)(out + \(12 * index + 6), memory, source);

                    """
            }
            return text + "}\n"
        }

        private func compare(_ instructions: [String], flags: [String], ignoring mask: UInt64 = 0) throws {
            let space = try makeSpace()
            try space.write((0..<64 as Range<UInt8>).map { $0 &* 37 &+ 1 }, at: 0x8000)
            try space.write(
                [Self.zeros + 0x8000, AddressSpace.base + 0x7000, AddressSpace.base + 0x8010], at: 0x1_0000)
            let code = try Toolchain.codeObject(
                "all", source: Self.source(instructions), flags: ["-masm=intel", "-mno-red-zone"] + flags)
            let packet = try space.dispatch(elf: code, pointer: AddressSpace.base + 0x1_0000)
            #expect(try space.run { $0.dispatch(packet) } == .completed)
            // Carry, parity, adjust, zero, sign, direction and overflow.
            let arithmetic: UInt64 = 0xcd5 & ~mask
            for (index, instruction) in instructions.enumerated() {
                var rows = [0, 6].map { row in
                    (try? space.words(at: 0x1_0000 + UInt64(8 * (12 * index + row)), count: 6)) ?? []
                }
                for row in rows.indices { rows[row][5] &= arithmetic }
                #expect(rows[0] == rows[1], "\(instruction)")
            }
            try expectZeros(space, at: Self.zeros + 0x8000)
        }

        @Test(.enabled(if: has("avx2", "f16c", "movbe")))
        func instructionsDoAllButWrite() throws {
            let flags = ["-mavx2", "-mf16c", "-mmovbe"]
            try compare(Self.plain, flags: flags)
            try compare(Self.logical, flags: flags, ignoring: 0x10)
        }

        @Test(.enabled(if: has("avx512f", "avx512vl", "avx512bw", "avx512dq")))
        func wideInstructionsDoAllButWrite() throws {
            try compare(Self.wide, flags: ["-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq"])
        }
    #endif
}
