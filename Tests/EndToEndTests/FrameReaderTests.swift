import Carriers
import Guest
import Linux
import Testing

/// The guest's receiving end, as far as no server is needed.
@Suite struct FrameReaderTests {
    /// Frames that arrive together come one by one, without waiting for more bytes behind them.
    @Test func framesThatArriveTogether() throws {
        let pair = try SocketPair(.stream, nonBlocking: false)
        let connection = FrameConnection(adopting: try pair.first.duplicate())
        let bytes = Frame.pong([1, 2], tag: 1).bytes + Frame.pong([], tag: 2).bytes + Frame.pong([3], tag: 3).bytes
        _ = try Socket.send(pair.second.rawValue, bytes)
        let reader = FrameReader(connection)
        #expect(try reader.next()?.payload == [1, 2])
        #expect(try reader.next()?.header.tag == 2)
        #expect(try reader.next()?.payload == [3])
        _ = consume pair.second
        #expect(try reader.next() == nil)
    }
}
