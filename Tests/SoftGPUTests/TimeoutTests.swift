import DXGProtocol
import Testing

@testable import SoftGPU

/// Resets of a node and of a whole virtual GPU (docs/protocol/semantics.md 5.1, TDR).
@Suite struct TimeoutTests {
    private static let second: UInt64 = 1_000_000_000

    /// A guest with three devices in two processes, and another guest with one; nothing ends by itself.
    private struct Scene {
        let host: TestHost
        let guest: VirtualGuest
        let culprit: VirtualDevice
        let sibling: VirtualDevice
        let neighbour: VirtualDevice
        let stranger: VirtualDevice

        init(configure: (inout TimeoutPolicy) -> Void = { _ in }) {
            host = TestHost { configure(&$0.timeouts) }
            guest = host.start()
            let process = guest.createProcess()
            culprit = process.createDevice()
            sibling = process.createDevice()
            neighbour = guest.createProcess(pid: 2).createDevice()
            stranger = host.start().createProcess().createDevice()
            host.completesJobs = false
            host.completesAborts = false
        }
    }

    /// TdrDelay, then the packet leaves: only its device is lost.
    @Test func engineResetCostsOneDevice() {
        let scene = Scene()
        let fence = scene.sibling.createFence()
        scene.culprit.submit(to: scene.culprit.createContext())
        scene.host.advance(by: 20 * Self.second)
        #expect(scene.culprit.executionState == .active)
        scene.host.endJob(nil, .aborted)
        #expect(scene.culprit.executionState == .hung)
        for device in [scene.sibling, scene.neighbour, scene.stranger] { #expect(device.executionState == .active) }
        #expect(scene.sibling.value(of: fence) == 0)
        #expect(scene.host.model.nextDeadline == nil)
    }

    /// TdrDdiDelay: a packet that does not leave costs every device of the virtual GPU, and no other guest's.
    @Test func failedEngineResetCostsTheVirtualGPU() throws {
        let scene = Scene()
        let fence = scene.neighbour.createFence()
        let exempt = scene.neighbour.createFence(flags: .noSignalMaxValueOnTdr)
        let event = scene.neighbour.wait(fence.handle, 1)
        let strange = scene.stranger.createFence()
        scene.culprit.submit(to: scene.culprit.createContext())
        scene.stranger.submit(to: scene.stranger.createContext(flags: 1 << 2))
        let space = try #require(scene.culprit.process.space())
        scene.host.advance(by: 20 * Self.second)
        scene.host.advance(by: 50 * Self.second - 1)
        #expect(scene.culprit.executionState == .active)
        scene.guest.forgetNotifications()
        scene.host.advance(by: 1)
        #expect(scene.culprit.executionState == .hung)
        #expect(scene.sibling.executionState == .reset)
        #expect(scene.neighbour.executionState == .reset)
        #expect(scene.stranger.executionState == .active)
        // One message for one event, before the waiter's.
        #expect(scene.guest.notifications == [.stateChange(0xffff_ffff_a000_0000), .event(event)])
        #expect(scene.neighbour.value(of: fence) == .max)
        #expect(scene.neighbour.value(of: exempt) == 0)
        #expect(scene.stranger.value(of: strange) == 0)
        // Its worker is gone, and with it the packet; a new device works again.
        #expect(!scene.host.checker.openSpaces.contains(space))
        #expect(scene.host.jobs.map(\.guest) == [scene.stranger.guest.id])
        let next = scene.culprit.process.createDevice()
        next.submit(to: next.createContext())
        #expect(scene.host.jobs.count == 2)
        #expect(scene.host.model.adapters[0].nodes[0].running.count == 2)
    }

    /// A device that is flushed or destroyed takes no longer to leave than one that hangs.
    @Test func discardedWorkThatDoesNotStopResetsTheVirtualGPU() {
        let scene = Scene { $0.resetNanoseconds = Self.second }
        scene.culprit.submit(to: scene.culprit.createContext(flags: 1 << 2))
        #expect(scene.culprit.flush() == nil)
        scene.host.advance(by: Self.second)
        #expect(scene.guest.takeLateReply()?.count == 4)
        #expect(scene.sibling.executionState == .reset)
        #expect(scene.stranger.executionState == .active)
        #expect(scene.host.jobs.isEmpty)
    }

    @Test func nodesThatCannotBeResetAlone() {
        let scene = Scene { $0.resetsNodesAlone = false }
        scene.culprit.submit(to: scene.culprit.createContext())
        scene.host.advance(by: 20 * Self.second)
        scene.host.endJob(nil, .aborted)
        #expect(scene.culprit.executionState == .hung)
        #expect(scene.sibling.executionState == .reset)
        #expect(scene.neighbour.executionState == .reset)
        #expect(scene.stranger.executionState == .active)
    }

    /// What was on the worker of a job that had to be killed is lost without its fault.
    @Test func killedWorkersCasualtiesAreReset() {
        let scene = Scene()
        scene.sibling.submit(to: scene.sibling.createContext(node: 1, flags: 1 << 2))
        scene.culprit.submit(to: scene.culprit.createContext())
        let jobs = scene.host.jobs
        scene.host.advance(by: 20 * Self.second)
        scene.host.endJob(jobs[1], .aborted)
        scene.host.endJob(jobs[0], .casualty(reason: "test"))
        #expect(scene.culprit.executionState == .hung)
        #expect(scene.sibling.executionState == .reset)
        #expect(scene.neighbour.executionState == .active)
    }

    /// All four limits are told: TdrLimitCount in TdrLimitTime, and what QUERYSTATISTICS says of it.
    @Test(arguments: [1, 3])
    func limitTakesTheVirtualGPUOffline(_ limit: Int) {
        let scene = Scene {
            $0.limit = limit
            $0.windowNanoseconds = 100 * Self.second
            $0.packetNanoseconds = Self.second
        }
        scene.host.completesAborts = true
        for _ in 0...limit {
            #expect(scene.neighbour.executionState == .active)
            let device = scene.culprit.process.createDevice()
            device.submit(to: device.createContext())
            scene.host.advance(by: Self.second)
            #expect(device.executionState == .hung)
        }
        #expect(scene.neighbour.executionState == .stopped)
        #expect(scene.stranger.executionState == .active)
        #expect(scene.guest.machine?.adapters[0].timeoutCount == UInt32(limit) + 1)
    }
}
