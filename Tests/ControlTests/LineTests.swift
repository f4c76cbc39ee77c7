import Control
import DXGProtocol
import Testing

/// Requests and answers as lines (docs/control.md 1, 2).
@Suite struct LineTests {
    private func decode(_ text: String) throws(JSONLineError) -> ControlRequest {
        try JSONLine.decode(ControlRequest.self, from: Array(text.utf8))
    }

    private func refusal(of text: String) -> String? {
        do throws(JSONLineError) {
            _ = try decode(text)
            return nil
        } catch {
            return error.description
        }
    }

    @Test(arguments: [
        ControlRequest.version, .capabilities, .guests, .fences(guest: 3, all: true), .fences(guest: .max, all: false),
    ])
    func requestsComeBack(request: ControlRequest) throws {
        let line = JSONLine.encode(request)
        #expect(line.last == UInt8(ascii: "\n"))
        #expect(line.count { $0 == UInt8(ascii: "\n") } == 1)
        #expect(try JSONLine.decode(ControlRequest.self, from: line) == request)
    }

    @Test func requestsAreReadAsPeopleWriteThem() throws {
        #expect(try decode(#" {"request" : "guests", "more": [1, 2]} "#) == .guests)
        #expect(try decode(#"{"guest": 7, "request": "fences"}"#) == .fences(guest: 7, all: false))
    }

    @Test func wrongRequestsAreNamed() {
        let unknown = refusal(of: #"{"request": "gusts"}"#)
        #expect(unknown?.contains("there is no 'gusts'; allowed: version, capabilities, guests, fences") == true)
        #expect(refusal(of: #"{"request": "fences"}"#) == "the key 'guest' is missing")
        #expect(refusal(of: #"{"guest": 1}"#) == "the key 'request' is missing")
        #expect(refusal(of: #"{"request": "fences", "guest": "one"}"#)?.hasPrefix("'guest': wrong type") == true)
        for guest in ["-1", "4294967296", "1.5"] {
            #expect(refusal(of: #"{"request": "fences", "guest": \#(guest)}"#)?.contains("'guest'") == true, "\(guest)")
        }
        for text in ["", "[]", "guests", "{", "{\"request\": 1}", "\u{0}", "[[[[[[[["] {
            #expect(refusal(of: text) != nil, "\(text)")
        }
    }

    /// Nothing but JSON comes of bytes that are no text.
    @Test func wrongBytesAreRefused() {
        #expect(throws: JSONLineError.self) {
            try JSONLine.decode(ControlRequest.self, from: [0xff, 0xfe, 0x7b, 0x7d])
        }
    }

    @Test func capabilitiesListEveryCommand() throws {
        let capabilities = Capabilities(version: "1", transports: [], adapters: [])
        #expect(capabilities.commands.count == MessageTable.commands.count)
        #expect(capabilities.interfaceVersions == [27, 40])
        #expect(capabilities.vmbusVersions.first == "2.4")
        let line = JSONLine.encode(capabilities)
        #expect(try JSONLine.decode(Capabilities.self, from: line) == capabilities)
    }
}
