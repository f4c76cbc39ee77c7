@testable import SPIRV

/// Makes modules from text, an instruction on each line, as the tools of SPIR-V write it: `%sum = OpIAdd %int %a %b`.
/// Names are given IDs in the order in which they come up; `%7` is the ID 7. A name of an enumeration stands for its
/// number, `0x` begins a hexadecimal one, `!` a word as it is, and `!float` the bits of a float.
struct Assembler {
    /// What is wrong with a line of a test.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    var version = Version(1, 3)
    private var words: [UInt32] = []
    private(set) var ids: [String: UInt32] = [:]
    private var bound: UInt32 = 1
    /// Where each line's instruction begins, by what stands on the line, the last one if it is there twice.
    private(set) var places: [String: Int] = [:]

    /// The words of a module.
    static func assemble(_ text: String, version: Version = Version(1, 3)) throws -> [UInt32] {
        var assembler = Assembler(version: version)
        try assembler.add(text)
        return assembler.module
    }

    init(version: Version = Version(1, 3)) { self.version = version }

    /// The module so far.
    var module: [UInt32] {
        [0x0723_0203, UInt32(version.major) << 16 | UInt32(version.minor) << 8, 0, bound, 0] + words
    }

    mutating func add(_ text: String) throws {
        for line in text.split(separator: "\n") {
            let tokens = Self.tokens(line)
            guard !tokens.isEmpty else { continue }
            places[tokens.joined(separator: " ")] = words.count + 5
            try addLine(tokens)
        }
    }

    private static let opcodes: [String: Opcode] = Dictionary(
        uniqueKeysWithValues: Opcode.allCases.map { ($0.name, $0) })

    private mutating func addLine(_ tokens: [String]) throws {
        var rest = tokens[...]
        var result: UInt32?
        if rest.count > 2, rest[1] == "=" {
            result = id(rest[0])
            rest = rest.dropFirst(2)
        }
        guard let name = rest.popFirst(), let opcode = Self.opcodes[name] else {
            throw Failure(description: "no instruction in: \(tokens.joined(separator: " "))")
        }
        let signature = opcode.signatureIndex.map { Opcode.signatures[$0] } ?? []
        var line: [UInt32] = []
        var kinds = signature[...]
        if kinds.first == .resultType {
            kinds = kinds.dropFirst()
            if let type = rest.popFirst() { line += try encoded(type, .resultType) }
        }
        if let result {
            if kinds.first == .result { kinds = kinds.dropFirst() }
            line.append(result)
        }
        for token in rest {
            line += try encoded(token, kinds.first ?? .literal)
            if kinds.count > 1 { kinds = kinds.dropFirst() }
        }
        words += [UInt32(line.count + 1) << 16 | UInt32(opcode.rawValue)] + line
    }

    private mutating func id(_ token: String) -> UInt32 {
        if let number = UInt32(token.dropFirst()) {
            bound = max(bound, number + 1)
            return number
        }
        if let known = ids[token] { return known }
        ids[token] = bound
        bound += 1
        return bound - 1
    }

    private mutating func encoded(_ token: String, _ kind: OperandKind) throws -> [UInt32] {
        if token.hasPrefix("%") { return [id(token)] }
        if token.hasPrefix("\"") { return Self.text(String(token.dropFirst().dropLast())) }
        if token.hasPrefix("!") {
            let number = token.dropFirst()
            if let word = UInt32(number) { return [word] }
            if let value = Float(number) { return [value.bitPattern] }
        }
        if token.hasPrefix("0x"), let word = UInt32(token.dropFirst(2), radix: 16) { return [word] }
        if let word = UInt32(token) { return [word] }
        if let word = Int32(token) { return [UInt32(bitPattern: word)] }
        if token.contains("."), let value = Float(token) { return [value.bitPattern] }
        var bits: UInt32 = 0
        for part in token.split(separator: "|") {
            guard let word = Self.named(String(part), kind) else {
                throw Failure(description: "no operand \(token) of the kind \(kind)")
            }
            bits |= word
        }
        return [bits]
    }

    /// A text's words.
    static func text(_ text: String) -> [UInt32] {
        var bytes = Array(text.utf8) + [0]
        while bytes.count % 4 != 0 { bytes.append(0) }
        return Module.words(of: bytes)
    }

    /// The number of a name: among those of the operand's kind first.
    private static func named(_ name: String, _ kind: OperandKind) -> UInt32? {
        let masks: [String: UInt32] = [
            "None": 0, "Inline": 1, "DontInline": 2, "Pure": 4, "Flatten": 1, "Unroll": 1, "Volatile": 1, "Aligned": 2,
            "Relaxed": 0, "Acquire": 2, "Release": 4, "AcquireRelease": 8, "WorkgroupMemory": 0x100,
        ]
        let own: UInt32? =
            switch kind {
            case .capability: Capability.allCases.first { $0.name == name }?.rawValue
            case .storageClass: StorageClass.allCases.first { $0.name == name }?.rawValue
            case .decoration: DecorationKind.allCases.first { $0.name == name }?.rawValue
            case .executionModel: ExecutionModel.allCases.first { $0.name == name }?.rawValue
            case .executionMode: ExecutionMode.allCases.first { $0.name == name }?.rawValue
            case .addressingModel: AddressingModel.allCases.first { $0.name == name }?.rawValue
            case .memoryModel: MemoryModel.allCases.first { $0.name == name }?.rawValue
            case .groupOperation: GroupOperation.allCases.first { $0.name == name }?.rawValue
            default: nil
            }
        if let own { return own }
        if let mask = masks[name] { return mask }
        // What follows a decoration or stands for an instruction.
        if let builtIn = BuiltIn.allCases.first(where: { $0.name == name }) { return builtIn.rawValue }
        if let linkage = LinkageType.allCases.first(where: { $0.name == name }) { return linkage.rawValue }
        if let function = OpenCLInstruction.allCases.first(where: { $0.name == name }) { return function.rawValue }
        if let function = GLSLInstruction.allCases.first(where: { $0.name == name }) { return function.rawValue }
        return opcodes["Op" + name].map { UInt32($0.rawValue) }
    }

    /// What blanks part, text in quotes kept together; a semicolon begins a comment.
    private static func tokens(_ line: Substring) -> [String] {
        var tokens: [String] = []
        var token = ""
        var isQuoted = false
        for character in line {
            if character == ";", !isQuoted { break }
            if character == "\"" { isQuoted.toggle() }
            if character == " ", !isQuoted {
                if !token.isEmpty { tokens.append(token) }
                token = ""
            } else {
                token.append(character)
            }
        }
        if !token.isEmpty { tokens.append(token) }
        return tokens
    }
}
