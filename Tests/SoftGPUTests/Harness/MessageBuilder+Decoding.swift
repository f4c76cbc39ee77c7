import DXGProtocol
import Testing

extension MessageBuilder {
    /// A received message, to be read field by field.
    init(decoding bytes: [UInt8]) {
        do throws(DecodeError) {
            let view = try MessageView<Layout>(bytes.wireBytes)
            self.init(copying: view, byteCount: bytes.count)
        } catch {
            Issue.record("\(Layout.name) does not decode: \(error)")
            self.init()
        }
    }
}
