/// A type, with what it is made of by ID: a type may lead to itself through a pointer.
public enum DataType: Hashable, Sendable {
    case void
    case bool
    /// Of 8, 16, 32 or 64 bits. OpenCL's are unsigned always, and operations say how they take them.
    case int(width: Int, isSigned: Bool)
    /// Of 16, 32 or 64 bits.
    case float(width: Int)
    /// Of 2, 3, 4, 8 or 16 elements.
    case vector(element: ID, count: Int)
    /// Of 2 to 4 columns, which are vectors of floats.
    case matrix(column: ID, count: Int)
    /// With the constant that is its length, which a specialization may change.
    case array(element: ID, length: ID)
    case runtimeArray(element: ID)
    case structure(members: [ID])
    case pointer(StorageClass, pointee: ID)
    case function(result: ID, parameters: [ID])
    /// OpenCL's event of asynchronous copies.
    case event
    /// Types that a module may name and no supported instruction can use: images, samplers, opaque types.
    case foreign(Opcode)

    /// How many bits an integer or float has; nothing of other types.
    var numberWidth: Int? {
        switch self {
        case .int(let width, _), .float(let width): width
        default: nil
        }
    }

    /// The bits of a word that an integer or float has; nothing of other types.
    var numberMask: UInt64? { numberWidth.map { $0 < 64 ? 1 << UInt64($0) - 1 : .max } }

    /// Whether values of it are numbers or truth values without parts.
    public var isScalar: Bool {
        switch self {
        case .bool, .int, .float: true
        default: false
        }
    }

    /// Whether values of it have parts with fixed places.
    public var isComposite: Bool {
        switch self {
        case .vector, .matrix, .array, .structure: true
        default: false
        }
    }

    /// The storage class and the type pointed to, if it is a pointer.
    public var pointer: (storageClass: StorageClass, pointee: ID)? {
        if case .pointer(let storageClass, let pointee) = self { (storageClass, pointee) } else { nil }
    }
}
