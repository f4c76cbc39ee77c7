import DXGProtocol
import Testing

@testable import SoftGPU

/// What goes wrong in one process is nobody else's (docs/protocol/semantics.md 5.1).
@Suite struct NeighbourTests {
    /// What is wrong with a neighbour.
    enum Neighbour: CaseIterable {
        case faults
        case sendsMalformedCommands
        case losesItsWorker
        case hangs
        /// What costs its guest the virtual GPU (docs/protocol/semantics.md 5.1): the other guest notices nothing.
        case hangsForGood
        case blocksItsQueues
        case asksForNonsense
        case exitsWithWork

        var behaviour: VirtualWorkers.Behaviour {
            switch self {
            case .faults: .faults
            case .sendsMalformedCommands: .isInvalid
            case .losesItsWorker: .losesItsWorker
            case .hangs, .exitsWithWork: .hangs
            case .hangsForGood: .hangsForGood
            case .blocksItsQueues, .asksForNonsense: .completes
            }
        }
    }

    private static let microsecond: UInt64 = 1_000
    private static let rounds: UInt64 = 40

    /// What two good processes write down: one in the neighbour's guest, and one in another.
    private struct Course {
        var sibling: [String] = []
        var stranger: [String] = []
        var lostDevices = 0
    }

    private func play(beside neighbour: Neighbour?, withSibling: Bool) -> Course {
        let host = TestHost {
            $0.timeouts.packetNanoseconds = 3_000 * Self.microsecond
            $0.timeouts.resetNanoseconds = 2_000 * Self.microsecond
            $0.timeouts.limit = 1_000
        }
        let workers = VirtualWorkers(host)
        let (guest, other) = (host.start(), host.start())
        let sibling = withSibling ? ScriptedProcess(guest, id: 1) : nil
        let stranger = ScriptedProcess(other, id: 2)
        let start = host.now
        var course = Course()
        var process = neighbour.map { _ in guest.createProcess(pid: 3) }
        var devices: [VirtualDevice] = []
        func observe() {
            sibling?.observe()
            stranger.observe()
        }
        for round in 1...Self.rounds {
            let begin = start + round * 1_000 * Self.microsecond
            workers.run(until: begin, observe: observe)
            sibling?.play(round)
            stranger.play(round)
            workers.run(until: begin + 137 * Self.microsecond, observe: observe)
            if let neighbour, let current = process {
                for device in devices where device.executionState != .active {
                    course.lostDevices += 1
                    device.destroy()
                }
                devices.removeAll { current.model?.objects[$0.handle] == nil }
                if neighbour == .exitsWithWork, round % 4 == 0 {
                    current.destroy()
                    devices.removeAll()
                    process = guest.createProcess(pid: 3)
                }
                if let process { devices.append(misbehave(neighbour, process)) }
            }
            workers.run(until: begin + 500 * Self.microsecond, observe: observe)
            sibling?.ask()
            stranger.ask()
        }
        workers.run(until: host.now + 100_000 * Self.microsecond, observe: observe)
        course.sibling = sibling?.log ?? []
        course.stranger = stranger.log
        return course
    }

    /// What a bad process does in one round, on a new device.
    private func misbehave(_ neighbour: Neighbour, _ process: VirtualProcess) -> VirtualDevice {
        let device = process.createDevice()
        let (context, copy) = (device.createContext(), device.createContext(node: 1))
        let fence = device.createFence()
        let buffer = VirtualWorkers.commandBuffer(neighbour.behaviour, microseconds: 50)
        if neighbour == .blocksItsQueues {
            device.gpuWait(on: context, for: [(fence.handle, 1)])
            device.gpuWait(on: copy, for: [(fence.handle, .max)])
        }
        device.submit(to: context, at: buffer)
        device.submit(to: copy, at: buffer)
        device.gpuSignal(on: [context, copy], (fence.handle, 9))
        _ = device.wait(fence.handle, 9)
        if neighbour == .asksForNonsense {
            device.submit(to: device.handle)
            device.submit(to: context, at: buffer + 4)
            device.gpuWait(on: fence.handle, for: [(context, 1)])
            _ = device.wait(for: [(copy, 1)])
            device.destroyAllocations([fence.handle])
            _ = process.free(0x1234_5678, 4096)
            process.guest.post(VirtualDevice.submission(to: [context], at: 4), process: process.handle)
        }
        return device
    }

    @Test(
        """
        A faulting or hung process leaves a second process of the same guest, and a second guest, without a single \
        changed answer or delayed fence
        """,
        arguments: Neighbour.allCases)
    func neighbours(_ neighbour: Neighbour) {
        let hasSibling = neighbour != .hangsForGood
        let alone = play(beside: nil, withSibling: hasSibling)
        let beside = play(beside: neighbour, withSibling: hasSibling)
        expectSame(alone.stranger, beside.stranger)
        expectSame(alone.sibling, beside.sibling)
        // The good ones got through, and the bad one did go wrong.
        #expect(alone.stranger.contains { $0.hasSuffix("is \(Self.rounds)") })
        #expect(alone.stranger.count > 25 * Int(Self.rounds))
        #expect((beside.lostDevices > 0) == (neighbour != .blocksItsQueues))
    }

    private func expectSame(_ expected: [String], _ actual: [String]) {
        let place = zip(expected, actual).enumerated().first { $1.0 != $1.1 }
        if let (index, (before, now)) = place { Issue.record("entry \(index) was \(before), and is \(now)") }
        #expect(expected.count == actual.count)
    }
}
