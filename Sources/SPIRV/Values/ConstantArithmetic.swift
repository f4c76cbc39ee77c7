/// An instruction on scalars that are known.
struct ConstantArithmetic {
    let opcode: Opcode
    /// The type of what comes out.
    let result: DataType
    /// The type of the first operand.
    let source: DataType
    let wordOffset: Int

    func value(_ operands: [ConstantValue]) throws(ModuleError) -> ConstantValue {
        if operands.contains(.undefined) { return .undefined }
        let bools = operands.map { $0 == .bool(true) }
        if case .bool = source, let value = logical(bools) { return .bool(value) }
        let bits = operands.map(Self.bits)
        if let value = integer(bits, count: operands.count) { return value }
        if let value = conversion(bits.first ?? 0) { return .bits(value) }
        if let value = floating(bits.map(number), count: operands.count) { return .bits(value) }
        throw ModuleError(.constantOperands, "\(opcode.name) of these types", at: wordOffset)
    }

    /// All zeros is a number too.
    private static func bits(_ value: ConstantValue) -> UInt64 {
        if case .bits(let bits) = value { bits } else { 0 }
    }

    private func logical(_ values: [Bool]) -> Bool? {
        guard let left = values.first, let right = values.last else { return nil }
        return switch opcode {
        case .logicalOr: left || right
        case .logicalAnd: left && right
        case .logicalNot: !left
        case .logicalEqual: left == right
        case .logicalNotEqual: left != right
        default: nil
        }
    }

    /// Integers wrap around; what has no result (division by zero, shifts too far) is undefined.
    private func integer(_ bits: [UInt64], count: Int) -> ConstantValue? {
        guard case .int(let width, _) = source, let left = bits.first, let right = bits.last else { return nil }
        let a = signed(left, width)
        let b = signed(right, width)
        let isShiftable = right < UInt64(width)
        switch opcode {
        case .iAdd: return masked(left &+ right)
        case .iSub: return masked(left &- right)
        case .iMul: return masked(left &* right)
        case .sNegate: return masked(0 &- left)
        case .not: return masked(~left)
        case .bitwiseOr: return masked(left | right)
        case .bitwiseXor: return masked(left ^ right)
        case .bitwiseAnd: return masked(left & right)
        case .shiftLeftLogical: return isShiftable ? masked(left << right) : .undefined
        case .shiftRightLogical: return isShiftable ? masked(left >> right) : .undefined
        case .shiftRightArithmetic: return isShiftable ? masked(UInt64(bitPattern: a >> Int64(right))) : .undefined
        case .uDiv: return right == 0 ? .undefined : masked(left / right)
        case .uMod: return right == 0 ? .undefined : masked(left % right)
        case .sDiv: return b == 0 ? .undefined : masked(UInt64(bitPattern: a.dividedReportingOverflow(by: b).0))
        case .sRem, .sMod:
            guard b != 0 else { return .undefined }
            let rest = a.remainderReportingOverflow(dividingBy: b).partialValue
            let isMoved = opcode == .sMod && rest != 0 && (rest < 0) != (b < 0)
            return masked(UInt64(bitPattern: isMoved ? rest &+ b : rest))
        case .iEqual: return .bool(left == right)
        case .iNotEqual: return .bool(left != right)
        case .uLessThan: return .bool(left < right)
        case .uGreaterThan: return .bool(left > right)
        case .uLessThanEqual: return .bool(left <= right)
        case .uGreaterThanEqual: return .bool(left >= right)
        case .sLessThan: return .bool(a < b)
        case .sGreaterThan: return .bool(a > b)
        case .sLessThanEqual: return .bool(a <= b)
        case .sGreaterThanEqual: return .bool(a >= b)
        case .uConvert: return masked(left)
        case .sConvert: return masked(UInt64(bitPattern: a))
        case .convertSToF: return encoded(Double(a)).map { .bits($0) }
        case .convertUToF: return encoded(Double(left)).map { .bits($0) }
        default: return nil
        }
    }

    private func conversion(_ bits: UInt64) -> UInt64? {
        switch opcode {
        case .bitcast where (source.numberWidth ?? 1) == (result.numberWidth ?? 1): return bits
        case .fConvert: return encoded(number(bits))
        case .quantizeToF16: return encoded(Double(Self.half(number(bits))))
        case .convertFToS, .convertFToU:
            guard case .int = result, let mask = result.numberMask else { return nil }
            let value = number(bits).rounded(.towardZero)
            // Out of range: any value will do.
            let whole = Int64(exactly: value).map { UInt64(bitPattern: $0) } ?? UInt64(exactly: value) ?? 0
            return whole & mask
        default: return nil
        }
    }

    private func floating(_ values: [Double], count: Int) -> UInt64? {
        guard case .float = source, let left = values.first, let right = values.last else { return nil }
        return switch opcode {
        case .fNegate: encoded(-left)
        case .fAdd: encoded(left + right)
        case .fSub: encoded(left - right)
        case .fMul: encoded(left * right)
        case .fDiv: encoded(left / right)
        case .fRem: encoded(left.truncatingRemainder(dividingBy: right))
        case .fMod: encoded(left - right * (left / right).rounded(.down))
        default: nil
        }
    }

    private func masked(_ bits: UInt64) -> ConstantValue { .bits(bits & (result.numberMask ?? 1)) }

    private func signed(_ bits: UInt64, _ width: Int) -> Int64 {
        Int64(bitPattern: bits << UInt64(64 - width)) >> Int64(64 - width)
    }

    /// The number that a float's bits are. Sums and products of floats of 32 bits, made in 64 and rounded, are right.
    private func number(_ bits: UInt64) -> Double {
        switch source {
        case .float(64): Double(bitPattern: bits)
        case .float(32): Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
        case .float: Double(Half(bitPattern: UInt16(truncatingIfNeeded: bits)))
        default: 0
        }
    }

    private func encoded(_ value: Double) -> UInt64? {
        switch result {
        case .float(64): value.bitPattern
        case .float(32): UInt64(Float(value).bitPattern)
        case .float: UInt64(Half(value).bitPattern)
        default: nil
        }
    }

    /// Float16 is there on all machines that the project runs on.
    private typealias Half = Float16

    private static func half(_ value: Double) -> Half { Half(value) }
}
