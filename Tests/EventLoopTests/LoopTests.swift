import EventLoop
import Glibc
import Linux
import Testing

@Suite struct LoopTests {
    @Test func endsWhenNothingIsLeft() throws {
        let loop = try EventLoop()
        loop.run()
        var order: [Int] = []
        loop.afterThisTurn {
            order.append(1)
            loop.afterThisTurn { order.append(3) }
            order.append(2)
        }
        loop.run()
        #expect(order == [1, 2, 3])
    }

    @Test func timersFireInOrderAndNeverEarly() throws {
        let loop = try EventLoop()
        let start = loop.now
        var fired: [(name: String, at: UInt64)] = []
        let late = Timer(loop) { fired.append(("late", loop.now)) }
        let early = Timer(loop) { fired.append(("early", loop.now)) }
        let past = Timer(loop) { fired.append(("past", loop.now)) }
        let never = Timer(loop) { fired.append(("never", loop.now)) }
        late.start(afterNanoseconds: 5_300_000)
        early.start(at: start + 2_100_000)
        past.start(at: 0)
        never.start(afterNanoseconds: 1)
        never.stop()
        #expect(late.isRunning && !never.isRunning)
        loop.run()
        #expect(fired.map(\.name) == ["past", "early", "late"])
        #expect(fired[1].at >= start + 2_100_000)
        #expect(fired[2].at >= start + 5_300_000)
        #expect(!late.isRunning)
        withExtendedLifetime((late, early, past, never)) {}
    }

    @Test func aTimerMayStartAgainInItsHandler() throws {
        let loop = try EventLoop()
        var count = 0
        var timer: Timer?
        timer = Timer(loop) {
            count += 1
            if count < 3 { timer?.start(afterNanoseconds: 1000) }
        }
        timer?.start(afterNanoseconds: .max)
        timer?.start(afterNanoseconds: 1000)
        loop.run()
        #expect(count == 3)
    }

    @Test func stopEndsTheRun() throws {
        let loop = try EventLoop()
        let timer = Timer(loop) { Issue.record("the loop went on") }
        timer.start(afterNanoseconds: 1_000_000_000_000)
        loop.afterThisTurn { loop.stop() }
        loop.run()
        #expect(timer.isRunning)
    }

    @Test func handlesEndWithTheirOwners() throws {
        weak var loopAlive: EventLoop?
        do {
            let loop = try EventLoop()
            loopAlive = loop
            let event = try EventDescriptor()
            let poll = try Poll(loop, descriptor: event.descriptor.rawValue) { _ in }
            poll.update(.readable)
            let timer = Timer(loop) {}
            timer.start(afterNanoseconds: 1_000_000_000_000)
        }
        #expect(loopAlive == nil)
    }

    @Test func pollsWhatItWasToldTo() throws {
        let loop = try EventLoop()
        let event = try EventDescriptor()
        var seen: [UInt64] = []
        var poll: Poll?
        poll = try Poll(loop, descriptor: event.descriptor.rawValue) { events in
            #expect(events == .readable)
            seen.append((try? event.take()) ?? 0)
            poll?.update([])
            poll?.close()
        }
        try event.signal()
        loop.runTurn()
        #expect(seen == [])
        poll?.update(.readable)
        loop.run()
        #expect(seen == [1])
        #expect(throws: SystemError.self) { try Poll(loop, descriptor: -1) { _ in } }
    }

    @Test func signalsArriveOnTheLoop() throws {
        let loop = try EventLoop()
        var count = 0
        let watcher = try SignalWatcher(loop, signal: SIGWINCH) {
            count += 1
            loop.stop()
        }
        try ProcessControl.signal(SIGWINCH, process: ProcessControl.processID)
        loop.run()
        #expect(count == 1)
        watcher.close()
        loop.run()
        #expect(throws: SystemError.self) { try SignalWatcher(loop, signal: SIGKILL) {} }
    }
}
