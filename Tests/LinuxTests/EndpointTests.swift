import Linux
import Testing

@Suite struct EndpointTests {
    static let accepted: [(text: String, endpoint: Endpoint)] = [
        ("unix:/run/a.sock", .unix(path: "/run/a.sock")),
        ("unix:relative:with:colons", .unix(path: "relative:with:colons")),
        ("vsock:any:5000", .vsock(cid: Endpoint.anyCID, port: 5000)),
        ("vsock:2:4294967294", .vsock(cid: 2, port: 4_294_967_294)),
        ("hybrid:/tmp/v.sock:52", .hybrid(path: "/tmp/v.sock", port: 52)),
        ("ivshmem:/run/vm.sock", .ivshmem(path: "/run/vm.sock")),
        ("hybrid-dial:/tmp/a:b:0", .hybridDial(path: "/tmp/a:b", port: 0)),
    ]

    @Test(arguments: accepted.indices)
    func readsAndWrites(_ index: Int) throws {
        let (text, endpoint) = Self.accepted[index]
        #expect(try Endpoint(parsing: text) == endpoint)
        #expect(endpoint.description == text)
    }

    /// Every refusal names the value and what would be allowed.
    static let refused: [(text: String, words: [String])] = [
        ("", ["unix:PATH"]),
        ("/run/a.sock", ["no scheme", "unix:PATH"]),
        ("tcp:1:2", ["'tcp'", "hybrid-dial:PATH:PORT"]),
        ("unix:", ["empty path"]),
        ("unix:a\0b", ["zero bytes"]),
        ("unix:" + String(repeating: "x", count: 108), ["108 bytes", "107"]),
        ("hybrid:" + String(repeating: "x", count: 105) + ":77", ["108 bytes", "107"]),
        ("vsock:5", ["vsock:CID:PORT"]),
        ("vsock:host:5", ["'host'", "'any'"]),
        ("vsock:4294967295:5", ["'4294967295'"]),
        ("vsock:3:4294967295", ["port '4294967295'"]),
        ("vsock:3:+5", ["port '+5'"]),
        ("vsock:3:", ["port ''"]),
        ("hybrid:/tmp/a", ["hybrid:PATH:PORT"]),
        ("hybrid::7", ["empty path"]),
        ("hybrid-dial:/tmp/a:x", ["port 'x'"]),
    ]

    @Test(arguments: refused.indices)
    func refuses(_ index: Int) {
        let (text, words) = Self.refused[index]
        let error = #expect(throws: EndpointError.self) { try Endpoint(parsing: text) }
        #expect(error?.text == text)
        for word in words { #expect(error?.description.contains(word) == true, "\(String(describing: error))") }
    }

    @Test func knowsItsSocketFile() throws {
        #expect(try Endpoint(parsing: "hybrid:/tmp/v:52").socketPath == "/tmp/v_52")
        #expect(try Endpoint(parsing: "hybrid-dial:/tmp/v:52").socketPath == "/tmp/v")
        #expect(try Endpoint(parsing: "unix:/tmp/v").socketPath == "/tmp/v")
        #expect(try Endpoint(parsing: "vsock:3:52").socketPath == nil)
    }
}
