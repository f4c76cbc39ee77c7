import DXGProtocol

/// QUERYADAPTERINFO's QUERYREGISTRY (docs/protocol/semantics.md 17).
extension SoftGPU {
    /// Answers from the adapter's list of values. A buffer that is too small is told so inside the structure, with the
    /// size that is needed and success: callers ask again with more.
    func queryRegistry(_ answer: inout AdapterInfo, _ profile: AdapterProfile) throws(Refusal) {
        try answer.require(Layout.output + 8)
        guard answer.number(at: Layout.physicalAdapter) == 0 else {
            throw .invalid("physical adapter \(answer.number(at: Layout.physicalAdapter))")
        }
        let content: RegistryValue.Content
        switch answer.number(at: Layout.queryType) {
        case 0, 1:
            let name = answer.text(at: Layout.valueName, units: 260)
            let key = answer.number(at: Layout.queryType)
            let value = profile.registry.first {
                $0.key.rawValue == key && $0.name.lowercased() == name.lowercased()
            }
            guard let value else {
                answer.put(Status.failure, at: Layout.status)
                answer.tellsFailure = true
                throw Refusal(.objectNameNotFound, "no registry value \(name)")
            }
            content = value.content
        case 2: content = .string(profile.driverStorePath)
        case 3: content = .string(profile.driverImagePath)
        default: throw .invalid("registry query type \(answer.number(at: Layout.queryType))")
        }
        let (type, bytes) = content.encoded
        answer.put(type, at: Layout.valueType)
        answer.put(UInt32(bytes.count), at: Layout.outputSize)
        guard bytes.count <= answer.bytes.count - Layout.output else {
            return answer.put(Status.bufferOverflow, at: Layout.status)
        }
        answer.put(Status.success, at: Layout.status)
        answer.put(bytes, at: Layout.output)
    }

    /// Offsets in D3DDDI_QUERYREGISTRY_INFO.
    private enum Layout {
        static let queryType = 0
        static let valueName = 8
        static let valueType = 528
        static let physicalAdapter = 532
        static let outputSize = 536
        static let status = 540
        static let output = 544
    }

    private enum Status {
        static let success: UInt32 = 0
        static let bufferOverflow: UInt32 = 1
        static let failure: UInt32 = 2
    }
}

extension RegistryValue.Content {
    /// The registry's type number, and the value as bytes.
    fileprivate var encoded: (type: UInt32, bytes: [UInt8]) {
        func bytes<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
            (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> Number(8 * $0)) }
        }
        return switch self {
        case .string(let text): (1, (Array(text.utf16) + [0]).flatMap(bytes))
        case .binary(let data): (3, data)
        case .dword(let value): (4, bytes(value))
        case .qword(let value): (11, bytes(value))
        }
    }
}
