import Testing
import Workers

@testable import Compiler

/// LLVM's objects as code objects: what the loader says of them, and what they do in a worker.
@Suite struct LinkerTests {
    private func link(_ text: String) throws -> CodeObjectLinker {
        let machine = try TargetMachine()
        let module = try IRContext().parse(text)
        machine.prepare(module)
        try module.verify()
        return try CodeObjectLinker(try machine.emit(module, .object))
    }

    /// Constants, a table of pointers, data that starts with values and data that starts as zeros.
    private static let everything = """
        @numbers = internal constant [4 x i32] [i32 3, i32 5, i32 7, i32 11], align 16
        @pointers = internal constant [2 x ptr] [ptr @numbers, ptr getelementptr (i8, ptr @numbers, i64 8)]
        @counter = internal global i32 100
        @cleared = internal global [1000 x i32] zeroinitializer, align 64

        define hidden void @entry(ptr %arguments, ptr %group) nounwind {
            %out = load ptr, ptr %arguments
            %id = load i32, ptr %group
            %wide = zext i32 %id to i64
            %low = and i64 %wide, 1
            %place = getelementptr [2 x ptr], ptr @pointers, i64 0, i64 %low
            %pointer = load ptr, ptr %place
            %number = load i32, ptr %pointer
            %old = atomicrmw add ptr @counter, i32 0 seq_cst
            %zero = getelementptr i32, ptr @cleared, i64 %wide
            %nothing = load i32, ptr %zero
            %sum = add i32 %number, %old
            %sum2 = add i32 %sum, %nothing
            %sum3 = call i32 @twice(i32 %sum2)
            %target = getelementptr i32, ptr %out, i64 %wide
            store i32 %sum3, ptr %target
            ret void
        }

        define internal i32 @twice(i32 %value) noinline nounwind {
            %result = shl i32 %value, 1
            ret i32 %result
        }
        """

    @Test("Code with constants, pointers, data and zeros runs")
    func runs() throws {
        let linked = try link(Self.everything)
        let entry = try #require(linked.addresses["entry"])
        #expect(linked.addresses["twice"] == nil)
        let object = try unsafe CodeObject(linked.file.span.bytes)
        #expect(object.relocations.count == 2)
        #expect(object.isExecutable(entry))
        #expect(object.entry == 0)
        let machine = try KernelMachine()
        let arguments = (0..<8).map { UInt8(truncatingIfNeeded: KernelMachine.base >> ($0 * 8)) }
        let outcome = try machine.run(
            .init(codeObject: linked.file, entry: entry, arguments: arguments, groups: (5, 1, 1)))
        #expect(outcome == .completed)
        let words = try machine.read(at: 0, count: 24)
        #expect(stride(from: 0, to: 24, by: 4).map { words[$0] } == [206, 214, 206, 214, 206, 0])
    }

    @Test("Code without data has no dynamic section and no writable segment")
    func isSmall() throws {
        let linked = try link("define void @entry(ptr %a, ptr %b) { ret void }")
        let object = try unsafe CodeObject(linked.file.span.bytes)
        #expect(object.segments.allSatisfy { !$0.isWritable })
        #expect(linked.file.count < 1024)
    }

    @Test("What is not in the object is named")
    func missing() throws {
        let text = """
            declare double @somewhere(double)
            define void @entry(ptr %a, ptr %b) {
                %value = load double, ptr %a
                %result = call double @somewhere(double %value)
                store double %result, ptr %a
                ret void
            }
            """
        #expect(throws: CompilerError("the code needs somewhere, which is nowhere")) { try link(text) }
    }

    @Test("Thread-local data is refused")
    func threadLocal() throws {
        let text = """
            @own = thread_local(localexec) global i32 5
            define ptr @entry(ptr %a, ptr %b) { ret ptr @own }
            """
        #expect(throws: CompilerError.self) { try link(text) }
    }

    @Test("An object that is cut short is refused", arguments: [0, 20, 63, 64, 200])
    func cutShort(count: Int) throws {
        let machine = try TargetMachine()
        let module = try IRContext().parse(Self.everything)
        machine.prepare(module)
        let object = try machine.emit(module, .object)
        #expect(throws: CompilerError.self) { try CodeObjectLinker(Array(object.prefix(count))) }
    }
}
