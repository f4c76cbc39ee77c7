/// How the values of the items that run side by side differ from one another.
enum Shape: Hashable {
    /// They are the same.
    case uniform
    /// Each is this much more than that of the item before, modulo the type's width.
    case strided(Int)
    /// Anything. If there is a stride, it holds as long as a condition does that is found while the code runs.
    case varying(stride: Int?)

    static let varying = Shape.varying(stride: nil)

    /// The difference of neighbours, if there is one, be it under a condition.
    var stride: Int? {
        switch self {
        case .uniform: 0
        case .strided(let stride): stride
        case .varying(let stride): stride
        }
    }

    var isConditional: Bool { if case .varying = self { true } else { false } }

    /// With this stride; under a condition if one of those that it is made of has one.
    static func make(_ stride: Int?, isConditional: Bool) -> Shape {
        guard let stride else { return .varying }
        if isConditional { return stride == 0 ? .varying : .varying(stride: stride) }
        return stride == 0 ? .uniform : .strided(stride)
    }

    /// What is true of values of both shapes.
    func joined(_ other: Shape) -> Shape {
        if self == other { return self }
        guard stride == other.stride else { return .varying }
        return .make(stride, isConditional: true)
    }

    /// What is true of values of all these shapes; nil without any.
    static func joined(_ shapes: [Shape]) -> Shape? {
        guard var result = shapes.first else { return nil }
        for shape in shapes.dropFirst() { result = result.joined(shape) }
        return result
    }
}
