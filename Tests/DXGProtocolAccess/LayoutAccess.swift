package import DXGProtocol

/// A field's value as an unsigned number, so that tests can treat all fields alike.
protocol FieldValue {
    init(number: UInt64)
    var number: UInt64 { get }
}

extension UInt8: FieldValue {}
extension UInt16: FieldValue {}
extension UInt32: FieldValue {}
extension UInt64: FieldValue {}
extension Int32: FieldValue {}

extension Bool: FieldValue {
    init(number: UInt64) { self = number != 0 }
    var number: UInt64 { self ? 1 : 0 }
}

extension FieldValue where Self: WireValue {
    init(number: UInt64) { self.init(wire: Raw(truncatingIfNeeded: number)) }
    var number: UInt64 { UInt64(truncatingIfNeeded: wire) & (UInt64.max >> UInt64(64 - Raw.bitWidth)) }
}

extension D3DKMTHandle: FieldValue {}
extension NTStatus: FieldValue {}
extension LUID: FieldValue {}

/// One field of a layout, reached through the generated accessors of builder and view.
struct FieldAccess<Layout: MessageLayout> {
    let name: String
    let isBoolean: Bool
    let set: (inout MessageBuilder<Layout>, UInt64) -> Void
    let get: (MessageBuilder<Layout>) -> UInt64
    let read: (borrowing MessageView<Layout>) -> UInt64

    init<Value: FieldValue>(
        _ name: String, _ path: WritableKeyPath<MessageBuilder<Layout>, Value>,
        _ read: @escaping (borrowing MessageView<Layout>) -> Value
    ) {
        self.name = name
        isBoolean = Value.self == Bool.self
        set = { builder, number in builder[keyPath: path] = Value(number: number) }
        get = { $0[keyPath: path].number }
        self.read = { read($0).number }
    }
}

/// A layout whose fields can be reached by their names in messages.json.
package protocol LayoutAccessing {
    var name: String { get }
    var size: Int { get }
    var fixedSize: Int { get }
    var fieldNames: [String] { get }

    /// Whether a field is one of two values only.
    func isBoolean(_ field: String) -> Bool

    /// The message's declared bytes, all zero but for this field.
    func bytes(with field: String, set number: UInt64) -> [UInt8]

    /// The same, all bits set but for this field.
    func bytesOfOnes(with field: String, set number: UInt64) -> [UInt8]

    /// What the view and the builder say a field is.
    func values(of field: String, in bytes: [UInt8]) throws -> (view: UInt64, builder: UInt64)

    /// Decodes, and takes every element of every variable part.
    func decode(_ bytes: [UInt8]) throws(DecodeError)

    /// Decodes and makes the message again field by field.
    func reencode(_ bytes: [UInt8], answering request: [UInt8]) throws -> [UInt8]
}

struct LayoutAccess<Layout: MessageLayout>: LayoutAccessing {
    let fields: [FieldAccess<Layout>]
    var copyVariable: (borrowing MessageView<Layout>, [UInt8], inout MessageBuilder<Layout>) throws -> Void
    var encode: (MessageBuilder<Layout>) -> [UInt8]

    init(
        fields: [FieldAccess<Layout>],
        copyVariable: @escaping (borrowing MessageView<Layout>, [UInt8], inout MessageBuilder<Layout>) throws -> Void =
            {
                _, _, _ in
            },
        encode: @escaping (MessageBuilder<Layout>) -> [UInt8] = { $0.bytes }
    ) {
        self.fields = fields
        self.copyVariable = copyVariable
        self.encode = encode
    }

    var name: String { Layout.name }
    var size: Int { Layout.size }
    var fixedSize: Int { Layout.fixedSize }
    var fieldNames: [String] { fields.map(\.name) }

    private func access(_ field: String) -> FieldAccess<Layout> { fields.first { $0.name == field }! }

    func isBoolean(_ field: String) -> Bool { access(field).isBoolean }

    func bytes(with field: String, set number: UInt64) -> [UInt8] {
        var builder = MessageBuilder<Layout>()
        access(field).set(&builder, number)
        return builder.bytes
    }

    func bytesOfOnes(with field: String, set number: UInt64) -> [UInt8] {
        var builder = MessageBuilder<Layout>()
        builder.write([UInt8](repeating: 0xFF, count: Layout.fixedSize), at: 0)
        access(field).set(&builder, number)
        return builder.bytes
    }

    func values(of field: String, in bytes: [UInt8]) throws -> (view: UInt64, builder: UInt64) {
        var builder = MessageBuilder<Layout>(byteCount: bytes.count)
        builder.write(bytes, at: 0)
        return (access(field).read(builder.view), access(field).get(builder))
    }

    func decode(_ bytes: [UInt8]) throws(DecodeError) {
        let view = try MessageView<Layout>(bytes.wireBytes)
        for field in fields { _ = field.read(view) }
        var builder = MessageBuilder<Layout>()
        do { try copyVariable(view, bytes, &builder) } catch let error as DecodeError { throw error } catch {}
    }

    func reencode(_ bytes: [UInt8], answering request: [UInt8]) throws -> [UInt8] {
        let view = try MessageView<Layout>(bytes.wireBytes)
        var builder = MessageBuilder<Layout>()
        for field in fields { field.set(&builder, field.read(view)) }
        try copyVariable(view, request, &builder)
        return encode(builder)
    }
}

/// The lists of layouts are generated.
package enum Accesses {
    package static func named(_ name: String) -> (any LayoutAccessing)? { all.first { $0.name == name } }
}
