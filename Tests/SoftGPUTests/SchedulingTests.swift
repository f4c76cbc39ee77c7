import DXGProtocol
import Testing

@testable import SoftGPU

/// Which queue a node runs next (docs/protocol/semantics.md 6.1 and 7).
@Suite struct SchedulingTests {
    private static let second: UInt64 = 1_000_000_000

    private static func candidate(
        guest: UInt32 = 1, share: UInt64 = 0, process: UInt32 = 1, turn: UInt64 = 0, priority: Int32 = 0,
        inProcess: Int32 = 0, since: UInt64 = 0, waited: UInt64 = 0
    ) -> SchedulingCandidate {
        SchedulingCandidate(
            guest: GuestID(rawValue: guest), guestNanoseconds: share, processHandle: process, lastTurn: turn,
            priority: priority, inProcessPriority: inProcess, readySince: since, waitedNanoseconds: waited)
    }

    /// The first of each pair comes first, whatever their order in the list.
    static let pairs: [(better: SchedulingCandidate, worse: SchedulingCandidate)] = [
        // The guest that has had less, whatever the priorities and however long the other waits.
        (
            candidate(guest: 2, share: 1, priority: -7, since: 9),
            candidate(guest: 1, share: 2, priority: 7, since: 1, waited: 5 * second)
        ),
        (candidate(process: 2, priority: 1, since: 9), candidate(process: 1, since: 1)),
        // Priority in the process counts among its own only.
        (candidate(process: 1, inProcess: 1, since: 9), candidate(process: 1, since: 1)),
        (candidate(process: 2, since: 1), candidate(process: 1, inProcess: 7, since: 9)),
        (candidate(guest: 2, process: 1, since: 1), candidate(guest: 1, process: 1, inProcess: 7, since: 9)),
        // Processes in turn, then age.
        (candidate(process: 2, turn: 3, since: 9), candidate(process: 1, turn: 4, since: 1)),
        (candidate(process: 2, since: 1), candidate(process: 1, since: 2)),
        // What has waited too long.
        (candidate(priority: -7, since: 1, waited: second), candidate(priority: 7, since: 9, waited: second - 1)),
        (candidate(priority: -7, since: 1, waited: second), candidate(priority: 7, since: 2, waited: second)),
    ]

    @Test(arguments: pairs.indices)
    func order(_ index: Int) {
        let (better, worse) = Self.pairs[index]
        let policy = FairSharePolicy()
        #expect(policy.choose(from: [better, worse]) == 0)
        #expect(policy.choose(from: [worse, better]) == 1)
    }

    let host: TestHost
    let guest: VirtualGuest

    init() {
        host = TestHost()
        guest = host.start()
        host.completesJobs = false
    }

    /// A process with many queues gets no more turns than one with a single queue.
    @Test func processesTakeTurns() {
        for pid in 0..<3 as Range<UInt64> {
            let filler = guest.createProcess(pid: pid).createDevice()
            filler.submit(to: filler.createContext())
        }
        let fillers = host.jobs.count
        let many = guest.createProcess(pid: 8).createDevice()
        for _ in 0..<4 { many.submit(to: many.createContext(), at: 1 << 32) }
        let single = guest.createProcess(pid: 9).createDevice()
        let context = single.createContext()
        for _ in 0..<2 { single.submit(to: context, at: 2 << 32) }
        var order: [UInt64] = []
        while host.jobs.count > fillers {
            let job = host.jobs[fillers]
            order.append(job.commandBuffer >> 32)
            host.endJob(job)
        }
        #expect(order == [1, 2, 1, 2, 1, 1])
    }

    /// A queue of low priority is served in the end, however much its betters have to do.
    @Test func lowPriorityIsNotStarved() {
        let device = guest.createProcess().createDevice(disablesTimeout: true)
        let high = device.createContext()
        let low = device.createContext()
        var request = MessageBuilder<SetContextSchedulingPriority.Request>()
        request.context = low
        request.priority = -7
        #expect(device.status(request) == .success)
        for _ in 0..<20 { device.submit(to: high, at: 1 << 32) }
        device.submit(to: low, at: 2 << 32)
        var ended = 0
        while host.jobs[0].commandBuffer == 1 << 32 {
            host.endJob(nanoseconds: Self.second / 4)
            ended += 1
        }
        #expect(ended == 4)
        host.endJob()
        #expect(host.jobs[0].commandBuffer == 1 << 32)
    }

    /// Another policy is another value.
    @Test func policyIsAValue() {
        struct LastCome: SchedulingPolicy {
            func choose(from candidates: [SchedulingCandidate]) -> Int {
                candidates.indices.max { candidates[$0].readySince < candidates[$1].readySince } ?? 0
            }
        }
        let host = TestHost(policy: LastCome())
        host.completesJobs = false
        let guest = host.start()
        for pid in 0..<6 as Range<UInt64> {
            let device = guest.createProcess(pid: pid).createDevice()
            device.submit(to: device.createContext(), at: (pid + 1) << 32)
        }
        host.endJob()
        #expect(host.jobs.map { $0.commandBuffer >> 32 } == [2, 3, 4, 6])
    }

    /// Engines for everything, for copies and for compute, which run beside each other.
    @Test func nodesOfTheDefaultAdapter() {
        var profile = AdapterProfile(hostLUID: TestHost.profile.hostLUID, guid: TestHost.profile.guid)
        #expect(profile.nodes.map(\.engineType) == [1, 6, 0])
        profile.localMemory = 64 << 20
        let host = TestHost(profiles: [profile])
        host.completesJobs = false
        let device = host.start().createProcess().createDevice()
        for node in 0..<3 as Range<UInt32> { device.submit(to: device.createContext(node: node)) }
        #expect(host.jobs.map(\.node) == [0, 1, 2])
    }
}
