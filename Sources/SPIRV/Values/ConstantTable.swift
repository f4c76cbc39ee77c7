/// The values of a module's constants, for the values that its user gives to specialization constants.
public struct ConstantTable: Sendable {
    private let module: Module
    /// By the constants' places.
    private var values: [ConstantValue] = []
    /// How many scalars each holds: values share their parts, and are never walked to be counted.
    private var sizes: [Int] = []

    /// Evaluates all constants in order; `specialization` has bits by SpecId, those above a constant's width are not
    /// looked at, and of a truth value any bit makes it true. Throws a `ModuleError` at the first constant without
    /// value.
    public init(_ module: Module, specialization: [UInt32: UInt64] = [:]) throws(ModuleError) {
        self.module = module
        values.reserveCapacity(module.constants.count)
        var scalars = 0
        for constant in module.constants {
            let given = constant.specializationID.flatMap { specialization[$0] }
            let value = try value(of: constant, given: given)
            let size = size(of: constant, value)
            scalars += size
            guard scalars <= module.limits.constantScalars else {
                throw ModuleError(
                    .constantsTooLarge, "at most \(module.limits.constantScalars)", at: constant.wordOffset)
            }
            values.append(value)
            sizes.append(size)
        }
    }

    /// The value of the constant that an ID stands for, if it stands for one that was declared.
    public subscript(id: ID) -> ConstantValue? {
        let definition = module.definition(id)
        guard definition.kind == .constant, values.indices.contains(Int(definition.row)) else { return nil }
        return values[Int(definition.row)]
    }

    /// The bits of the integer constant that an ID stands for, zero-extended, if it stands for one.
    public func bits(_ id: ID) -> UInt64? {
        switch self[id] {
        case .bits(let bits): bits
        default: nil
        }
    }

    private func size(of constant: Constant, _ value: ConstantValue) -> Int {
        switch constant.content {
        case .composite(let parts): parts.reduce(1) { $0 + (size(of: $1) ?? 0) }
        case .operation: Self.count(value)
        default: 1
        }
    }

    private func size(of id: ID) -> Int? {
        let definition = module.definition(id)
        return definition.kind == .constant ? sizes[Int(definition.row)] : nil
    }

    /// An operation's result is as large as what it was made of at most, which is within the limit.
    private static func count(_ value: ConstantValue) -> Int {
        if case .composite(let parts) = value { parts.reduce(1) { $0 + count($1) } } else { 1 }
    }

    private func value(of constant: Constant, given: UInt64?) throws(ModuleError) -> ConstantValue {
        switch constant.content {
        case .bool(let value): return .bool(given.map { $0 != 0 } ?? value)
        case .bits(let bits):
            guard let given, constant.isSpecialization else { return .bits(bits) }
            return .bits(given & (module.type(constant.type)?.numberMask ?? .max))
        case .null: return .zero(of: module.type(constant.type))
        case .undefined: return .undefined
        case .composite(let parts):
            var found: [ConstantValue] = []
            for part in parts {
                guard let value = self[part] else {
                    throw ModuleError(.constantPart, "\(part)", at: constant.wordOffset)
                }
                found.append(value)
            }
            return .composite(found)
        case .operation(let opcode, let operands):
            return try ConstantOperation(module: module, table: self, constant: constant).value(opcode, operands)
        }
    }
}
