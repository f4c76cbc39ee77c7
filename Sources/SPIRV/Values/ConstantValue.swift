/// What a constant is, once users of a module have given their values.
public indirect enum ConstantValue: Hashable, Sendable {
    case bool(Bool)
    /// An integer's or float's bits, those above its width zero.
    case bits(UInt64)
    /// Its parts in order.
    case composite([ConstantValue])
    /// All zeros, of a type that is no scalar.
    case null
    /// Whatever is convenient.
    case undefined
    /// Depends on addresses: the instruction, which is a constant's content, has to be carried out by a code generator.
    case address

    /// All zeros, of a type.
    static func zero(of type: DataType?) -> ConstantValue {
        switch type {
        case .bool: .bool(false)
        case .int, .float: .bits(0)
        default: .null
        }
    }
}
