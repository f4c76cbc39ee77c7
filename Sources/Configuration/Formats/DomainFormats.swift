import Linux
import VMBus

extension ScalarFormat<Endpoint> {
    static var endpoint: ScalarFormat {
        let forms = "unix:PATH, vsock:CID:PORT, vsock:any:PORT, hybrid:PATH:PORT, hybrid-dial:PATH:PORT, ivshmem:PATH"
        return ScalarFormat(noun: "an endpoint", allowed: forms) { input throws(ScalarProblem) in
            do throws(EndpointError) {
                let endpoint = try Endpoint(parsing: input.text)
                // Read again, because a longer path may be too long.
                return switch endpoint {
                case .unix(let path): try Endpoint(parsing: "unix:\(input.file.resolve(path))")
                case .vsock: endpoint
                case .hybrid(let path, let port): try Endpoint(parsing: "hybrid:\(input.file.resolve(path)):\(port)")
                case .hybridDial(let path, let port):
                    try Endpoint(parsing: "hybrid-dial:\(input.file.resolve(path)):\(port)")
                case .ivshmem(let path): try Endpoint(parsing: "ivshmem:\(input.file.resolve(path))")
                }
            } catch {
                throw ScalarProblem("an endpoint (\(error.reason))")
            }
        } show: { endpoint in
            endpoint.description
        }
    }
}

extension ScalarFormat<GUID> {
    static var guid: ScalarFormat {
        let noun = "a GUID"
        return ScalarFormat(noun: noun, allowed: "32 hexadecimal digits as 8-4-4-4-12, not all zero") {
            input throws(ScalarProblem) in
            guard let guid = GUID(input.text) else { throw ScalarProblem(noun) }
            // In HELLO it means that the host chooses (docs/protocol/carrier.md, Types).
            guard guid != .zero else { throw .inRange }
            return guid
        } show: { guid in
            guid.description
        }
    }
}

extension ScalarFormat<Secret> {
    static var token: ScalarFormat {
        ScalarFormat(noun: "a token", allowed: Secret.allowed, isSecret: true) { input throws(ScalarProblem) in
            guard let secret = Secret(Array(input.text.utf8)) else { throw ScalarProblem("a token") }
            return secret
        } show: { _ in
            "(secret)"
        }
    }
}

extension ScalarFormat<[UInt8]> {
    /// Bytes as hexadecimal digits, two each.
    static func bytes(maximum: Int) -> ScalarFormat {
        let noun = "a row of hexadecimal digits"
        return ScalarFormat(noun: noun, allowed: "1 to \(maximum) bytes of two digits each") {
            input throws(ScalarProblem) in
            let digits = input.text.utf8.compactMap(Digits.digit)
            guard digits.count == input.text.utf8.count, digits.count % 2 == 0 else { throw ScalarProblem(noun) }
            guard (1...maximum).contains(digits.count / 2) else { throw .inRange }
            return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
        } show: { bytes in
            bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
    }
}
