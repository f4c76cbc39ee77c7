import FoundationEssentials

/// docs/protocol/messages.json as it stands in the project, read anew so that it can contradict the generated code.
struct ProtocolFile: Decodable {
    struct Field: Decodable {
        let name: String
        let offset: Int?
        let size: Int?
        let type: String?
        let bit: Int?
        let bits: Int?

        var firstBit: Int { bit ?? offset! * 8 }
        var bitCount: Int { bits ?? size! * 8 }
    }

    struct Tail: Decodable {
        let name: String
        let type: String
        let count: String
        let at: Int?
    }

    struct Struct: Decodable {
        let name: String?
        let size: Int
        let fields: [Field]
        let tail: [Tail]?
    }

    struct Message: Decodable {
        let name: String
        let command: UInt32
        let channel: String
        let request: Struct?
        let reply: Struct?
        let reply_27: Struct?
        let message: Struct?
        let reply_kind: String?
    }

    struct Command: Decodable {
        let command: UInt32
        let constant: String
        let name: String
    }

    struct Enumeration: Decodable {
        struct Case: Decodable {
            let value: Int64
            let constant: String
        }
        let name: String
        let cases: [Case]
    }

    let commands: [String: [Command]]
    let messages: [Message]
    let host_messages: [Message]
    let structs: [String: Struct]
    let enums: [String: Enumeration]

    /// Every layout by the name of its Swift type.
    var layouts: [String: Struct] {
        var layouts: [String: Struct] = [:]
        for message in messages + host_messages {
            layouts[message.name + ".Request"] = message.request
            layouts[message.name + ".Reply"] = message.reply
            layouts[message.name + ".Reply27"] = message.reply_27
            layouts[message.name + ".Message"] = message.message
        }
        for structure in structs.values { layouts[structure.name!] = structure }
        return layouts
    }

    static let shared: ProtocolFile = {
        let path = TestFiles.root + "/docs/protocol/messages.json"
        return try! JSONDecoder().decode(ProtocolFile.self, from: Data(contentsOf: URL(filePath: path)))
    }()
}

/// Where the project's files are.
enum TestFiles {
    static let root: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(4)
        return parts.joined(separator: "/")
    }()

    static let captures = root + "/Tests/DXGProtocolTests/Resources/captures/"
}
