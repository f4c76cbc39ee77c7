/// Carries out an OpSpecConstantOp on values that are known.
struct ConstantOperation {
    let module: Module
    let table: ConstantTable
    let constant: Constant

    func value(_ opcode: Opcode, _ operands: Range<Int>) throws(ModuleError) -> ConstantValue {
        let words = module.words[operands]
        switch opcode {
        case .convertPtrToU, .convertUToPtr, .genericCastToPtr, .ptrCastToGeneric, .accessChain, .inBoundsAccessChain,
            .ptrAccessChain, .inBoundsPtrAccessChain:
            return .address
        case .compositeExtract: return try extract(try operand(words[words.startIndex]), words.dropFirst())
        case .compositeInsert:
            let object = try operand(words[words.startIndex])
            let composite = try operand(words[words.startIndex + 1])
            return try insert(object, into: composite, of: constant.type, words.dropFirst(2))
        case .vectorShuffle: return try shuffle(words)
        case .select:
            let condition = try operand(words[words.startIndex])
            let left = try operand(words[words.startIndex + 1])
            let right = try operand(words[words.startIndex + 2])
            if case .bool(let isTrue) = condition { return isTrue ? left : right }
            return try eachPart([condition, left, right]) { (parts) throws(ModuleError) in
                guard case .bool(let isTrue) = parts[0] else { return .undefined }
                return isTrue ? parts[1] : parts[2]
            }
        default:
            var values: [ConstantValue] = []
            for word in words { values.append(try operand(word)) }
            if values.contains(.address) { return .address }
            let source = module.typeID(ofValue: ID(rawValue: words[words.startIndex]))
            let arithmetic = try self.arithmetic(opcode, source: source)
            return try eachPart(values, arithmetic.value)
        }
    }

    private func failure(_ detail: String) -> ModuleError {
        ModuleError(.constantOperands, detail, at: constant.wordOffset)
    }

    private func operand(_ word: UInt32) throws(ModuleError) -> ConstantValue {
        let id = ID(rawValue: word)
        if let value = table[id] { return value }
        if module.definition(id).kind == .variable { return .address }
        throw failure("\(id) is no constant that was declared before")
    }

    /// The arithmetic on the scalars of the constant's type and of the first operand's.
    private func arithmetic(_ opcode: Opcode, source: ID?) throws(ModuleError) -> ConstantArithmetic {
        guard let result = scalar(constant.type), let source = source.flatMap({ scalar($0) }) else {
            throw failure("\(opcode.name) of what is no number")
        }
        return ConstantArithmetic(opcode: opcode, result: result, source: source, wordOffset: constant.wordOffset)
    }

    private func scalar(_ type: ID) -> DataType? {
        switch module.type(type) {
        case .vector(let element, _): module.type(element)
        case .some(let type) where type.isScalar: type
        default: nil
        }
    }

    /// A scalar operation, on each element if the operands are vectors.
    private func eachPart(
        _ values: [ConstantValue], _ operation: ([ConstantValue]) throws(ModuleError) -> ConstantValue
    ) throws(ModuleError) -> ConstantValue {
        guard case .vector(_, let count) = module.type(constant.type) else { return try operation(values) }
        var parts: [ConstantValue] = []
        for place in 0..<count {
            var row: [ConstantValue] = []
            for value in values {
                guard let part = part(place, of: value) else { throw failure("vectors of different sizes") }
                row.append(part)
            }
            parts.append(try operation(row))
        }
        return .composite(parts)
    }

    private func part(_ place: Int, of value: ConstantValue) -> ConstantValue? {
        switch value {
        case .composite(let parts): parts.indices.contains(place) ? parts[place] : nil
        case .null, .undefined: value
        case .bool, .bits, .address: nil
        }
    }

    private func extract(
        _ composite: ConstantValue, _ places: ArraySlice<UInt32>
    ) throws(ModuleError) -> ConstantValue {
        var value = composite
        for place in places {
            guard let next = part(Int(place), of: value) else { throw failure("no part \(place)") }
            value = next
        }
        return value == .null ? .zero(of: module.type(constant.type)) : value
    }

    private func insert(
        _ object: ConstantValue, into composite: ConstantValue, of type: ID, _ places: ArraySlice<UInt32>
    ) throws(ModuleError) -> ConstantValue {
        guard let place = places.first.map({ Int($0) }) else { return object }
        guard let (count, element) = parts(of: type, place), place < count else { throw failure("no part \(place)") }
        guard count <= module.limits.constantScalars else {
            throw ModuleError(
                .constantsTooLarge, "\(count), at most \(module.limits.constantScalars)", at: constant.wordOffset)
        }
        var found: [ConstantValue] = []
        for index in 0..<count {
            guard let value = part(index, of: composite) else { throw failure("no part \(index)") }
            found.append(value)
        }
        found[place] = try insert(object, into: found[place], of: element, places.dropFirst())
        return .composite(found)
    }

    /// How many parts values of a type have, and the type of one.
    private func parts(of type: ID, _ place: Int) -> (count: Int, element: ID)? {
        switch module.type(type) {
        case .vector(let element, let count), .matrix(let element, let count): (count, element)
        case .array(let element, let length): table.bits(length).flatMap { Int(exactly: $0) }.map { ($0, element) }
        case .structure(let members): members.indices.contains(place) ? (members.count, members[place]) : nil
        default: nil
        }
    }

    private func shuffle(_ words: ArraySlice<UInt32>) throws(ModuleError) -> ConstantValue {
        var elements: [ConstantValue] = []
        for word in words.prefix(2) {
            guard case .vector(_, let count) = module.type(ofValue: ID(rawValue: word)) else {
                throw failure("\(ID(rawValue: word)) is no vector")
            }
            let value = try operand(word)
            for place in 0..<count {
                guard let element = part(place, of: value) else { throw failure("no part \(place)") }
                elements.append(element)
            }
        }
        var found: [ConstantValue] = []
        for word in words.dropFirst(2) {
            guard word == .max || Int(word) < elements.count else { throw failure("no element \(word)") }
            found.append(word == .max ? .undefined : elements[Int(word)])
        }
        return .composite(found)
    }
}
