import DXGProtocol
import Testing

@testable import SoftGPU

/// The checker finds what is wrong with a trace: each test breaks one promise in the trace of a run that keeps them
/// all.
@Suite struct TraceCheckerTests {
    private var run = RecordedRun()

    @Test func nothingIsFoundInTheRunItself() { #expect(run.findings.map(\.description) == []) }

    // MARK: One answer

    private func isAnswer(_ effect: Effect) -> Bool { if case .complete = effect { true } else { false } }

    @Test mutating func aMissingAnswerIsFound() {
        run.remove(run.place(of: isAnswer))
        #expect(run.rules.contains(.oneAnswer))
    }

    /// Nobody left while it was open: the end of the run tells.
    @Test mutating func aRequestThatIsNeverAnsweredIsFound() {
        run.remove(run.place(of: isAnswer))
        run.steps.removeAll { if case .disconnect = $0.input { true } else { false } }
        #expect(run.rules.contains(.oneAnswer))
    }

    @Test mutating func aSecondAnswerIsFound() {
        let place = run.place(of: isAnswer)
        run.insert(run.steps[place.step].effects[place.effect], in: place.step + 1)
        #expect(run.rules == [.oneAnswer])
    }

    @Test mutating func anAnswerThatNobodyAskedForIsFound() {
        run.insert(.complete(run.first, .global, transaction: 999_999, []), in: run.steps.count - 3)
        #expect(run.rules == [.oneAnswer])
    }

    // MARK: Fences

    @Test mutating func aFenceThatGoesBackIsFound() {
        run.insert(.storeFence(run.first, offset: run.page, value: 4), in: run.storeFence(9).step)
        #expect(run.rules.contains(.fenceOrder))
    }

    /// The same signal without AllowFenceRewind, bit 2 of its flags.
    @Test mutating func aRewindThatTheSignalDoesNotAllowIsFound() {
        run.changeRequest(in: run.storeFence(3).step) { $0[16 + 28] &= ~4 }
        #expect(run.rules.contains(.fenceOrder))
    }

    @Test mutating func aValueThatNobodySignalsIsFound() {
        run.insert(.storeFence(run.first, offset: run.page, value: 77), in: run.storeFence(9).step)
        #expect(run.rules.contains(.cause))
    }

    /// A queue's signal takes effect before the command buffer in front of it has ended.
    @Test mutating func aSignalThatOvertakesItsQueueIsFound() {
        let place = run.storeFence(5)
        run.move(place, to: place.step - 1)
        #expect(run.rules.contains(.cause))
    }

    @Test mutating func aSignalThatHasNoEffectIsFound() {
        run.remove(run.storeFence(5))
        #expect(run.rules.contains(.lateWait))
    }

    // MARK: Waits

    @Test mutating func aWaitThatEndsEarlyIsFound() {
        let place = run.event(run.waitEvent)
        run.move(place, to: place.step - 1)
        #expect(run.rules.contains(.earlyWait))
    }

    @Test mutating func aQueuedEventThatComesEarlyIsFound() {
        let place = run.event(run.queueEvent)
        run.move(place, to: place.step - 1)
        #expect(run.rules.contains(.earlyWait))
    }

    @Test mutating func aWaitThatDoesNotEndIsFound() {
        run.remove(run.event(run.waitEvent))
        #expect(run.rules == [.lateWait])
    }

    @Test mutating func aQueuedEventThatDoesNotComeIsFound() {
        run.remove(run.event(run.queueEvent))
        #expect(run.rules == [.lateWait])
    }

    @Test mutating func anEventThatComesTwiceIsFound() {
        let place = run.event(run.waitEvent)
        run.insert(run.steps[place.step].effects[place.effect], in: place.step + 1)
        #expect(run.rules == [.cause])
    }

    @Test mutating func anEventThatKeepsItsReferenceIsFound() {
        let place = run.event(run.waitEvent)
        run.steps[place.step].effects[place.effect] = .notify(
            run.first, RecordedRun.notification(event: run.waitEvent, pid: 1, isLast: false))
        #expect(run.rules == [.oneAnswer])
    }

    // MARK: Command buffers

    @Test mutating func aCommandBufferThatNobodySubmittedIsFound() {
        run.insert(
            .run(
                Job(
                    id: JobID(rawValue: 99_999), space: run.space, guest: run.first, node: 0, commandBuffer: 0x4444,
                    length: 64, coherent: [], fenceOffsets: [])), in: run.storeFence(9).step + 1)
        #expect(run.rules.contains(.cause))
    }

    /// The wait for 9 stands before it, and the fence is at 5.
    @Test mutating func aCommandBufferThatDoesNotWaitIsFound() {
        let place = run.place { if case .run(let job) = $0 { job.commandBuffer == 0x2_0000_0000 } else { false } }
        run.move(place, to: run.storeFence(5).step)
        #expect(run.rules.contains(.cause))
    }

    // MARK: Memory

    /// An eviction that the worker is not told of.
    @Test mutating func memoryThatStaysInSightIsFound() {
        let place = run.place { if case .unmap(run.space, run.address, _) = $0 { true } else { false } }
        let step = run.step(of: .evict)
        #expect(place.step > step)
        let eviction = run.steps[step].effects.firstIndex { if case .unmap = $0 { true } else { false } }
        run.remove((step, eviction ?? 0))
        #expect(run.rules.contains(.residency))
    }

    @Test mutating func memoryThatIsShownWithoutResidencyIsFound() {
        let step = run.step(of: .evict)
        let shown = run.place { if case .map(run.space, run.address, _, _) = $0 { true } else { false } }
        run.insert(run.steps[shown.step].effects[shown.effect], in: step)
        #expect(run.rules.contains(.residency))
    }

    @Test mutating func memoryThatNobodyMappedThereIsFound() {
        let span = MemorySpan(file: .local, offset: 4 << 20, length: 65536)
        run.insert(.map(run.space, address: run.address + (1 << 30), span, .read), in: run.step(of: .evict))
        #expect(run.rules.contains(.residency))
    }

    @Test mutating func memoryOfAnotherIsFound() {
        let shown = run.place { if case .map(run.space, run.address, _, _) = $0 { true } else { false } }
        let span = MemorySpan(file: .local, offset: 4 << 20, length: 65536)
        run.steps[shown.step].effects[shown.effect] = .map(run.space, address: run.address, span, .readWrite)
        #expect(run.rules.contains(.residency))
    }

    /// A page of the host's window that is no fence of the process.
    @Test mutating func aForeignFenceIsFound() {
        let span = MemorySpan(file: .ioSpace, offset: 16 << 20, length: 4096)
        run.insert(.map(run.space, address: 0x3fff_0000_0000, span, .read), in: run.step(of: .evict))
        #expect(run.rules.contains(.residency))
    }

    @Test mutating func memoryThatIsGivenBackWhileItIsHeldIsFound() {
        let place = run.place { if case .discard(run.first, let span) = $0 { span.file == .local } else { false } }
        run.insert(run.steps[place.step].effects[place.effect], in: run.step(of: .evict))
        #expect(run.rules.contains(.release))
    }

    /// The worker has not said yet that it does not see it any more.
    @Test mutating func memoryThatIsGivenBackBeforeTheBarrierIsFound() {
        let place = run.place { if case .discard(run.first, let span) = $0 { span.file == .local } else { false } }
        run.move(place, to: run.step(of: .destroyAllocation))
        #expect(run.rules.contains(.release))
    }

    @Test mutating func memoryThatDoesNotComeBackIsFound() {
        run.remove(run.place { if case .discard(run.first, let span) = $0 { span.file == .local } else { false } })
        #expect(run.rules == [.release])
    }

    // MARK: Budgets

    /// The reply's current usage, and its budget.
    @Test(arguments: [8, 0]) mutating func aWrongSumIsFound(offset: Int) {
        run.changeAnswer(in: run.step(of: .queryVideoMemoryInfo)) { $0[offset] ^= 1 }
        #expect(run.rules == [.budget])
    }

    // MARK: Handles

    /// The same commands, carried out for another process of the guest.
    @Test(arguments: [
        VGPUCommand.makeResident, .evict, .mapGpuVirtualAddress, .submitCommand, .signalSyncObject,
        .waitForSyncObjectFromCpu, .waitForSyncObjectFromGpu, .destroyAllocation,
    ]) mutating func aHandleOfAnotherProcessIsFound(command: VGPUCommand) {
        let other = run.other.rawValue
        run.changeRequest(in: run.step(of: command)) { bytes in
            for index in 0..<4 { bytes[16 + 8 + index] = UInt8(truncatingIfNeeded: other >> UInt32(8 * index)) }
        }
        #expect(run.rules.contains(.handles))
    }

    @Test mutating func aHandleOfAnotherGuestIsFound() {
        let step = run.step(of: .evict)
        guard case .receive(_, let channel, let transaction, let bytes) = run.steps[step].input else { return }
        run.steps[step].input = .receive(run.second, channel, transaction: transaction, bytes)
        let place = run.place { if case .complete(run.first, channel, transaction, _) = $0 { true } else { false } }
        #expect(place.step == step)
        run.steps[step].effects[place.effect] = .complete(
            run.second, channel, transaction: transaction ?? 0, answer(in: step))
        #expect(run.rules.contains(.handles))
    }

    @Test mutating func aHandleThatIsGivenTwiceIsFound() {
        let device: UInt32 = answer(in: run.step(of: .createContextVirtual)).number(at: 24)
        run.changeAnswer(in: run.step(of: .createSyncObject)) { bytes in
            for index in 0..<4 { bytes[index] = UInt8(truncatingIfNeeded: device >> UInt32(8 * index)) }
        }
        #expect(run.rules.contains(.handles))
    }

    private func answer(in step: Int) -> [UInt8] {
        for case .complete(_, _, _, let bytes) in run.steps[step].effects { return bytes }
        return []
    }

    // MARK: Isolation

    @Test mutating func anEventOfAnotherGuestIsFound() {
        run.insert(.notify(run.second, RecordedRun.notification(event: 5, pid: 3)), in: run.step(of: .evict))
        #expect(run.rules.contains(.isolation))
    }

    @Test mutating func anEventForAnotherProcessIsFound() {
        let place = run.event(run.waitEvent)
        run.steps[place.step].effects[place.effect] = .notify(
            run.first, RecordedRun.notification(event: run.waitEvent, pid: 2))
        #expect(run.rules == [.isolation])
    }

    /// A fault of one process costs a device of another, of the same guest or of another one.
    @Test(arguments: [102, 103] as [UInt64]) mutating func aLossOfABystanderIsFound(cookie: UInt64) {
        let fault = run.steps.indices.last { index in
            if case .endJob(_, .pageFault, _, _) = run.steps[index].input { true } else { false }
        }
        let guest = cookie == 103 ? run.second : run.first
        run.insert(.notify(guest, RecordedRun.loss(cookie: cookie)), in: fault ?? 0)
        #expect(run.rules.contains(.isolation))
    }

    // MARK: Workers

    @Test mutating func nonsenseForWorkersIsFound() {
        let unknown = AddressSpaceID(rawValue: 88_888)
        let step = run.step(of: .evict)
        let nonsense: [Effect] = [
            .closeAddressSpace(unknown), .mapZero(unknown, address: run.address, length: 4096),
            .unmap(unknown, address: run.address, length: 4096),
            .mapZero(run.space, address: run.address + 1, length: 4096),
            .mapZero(run.space, address: run.address, length: 0), .barrier(BarrierID(rawValue: 77_777), []),
            .barrier(BarrierID(rawValue: 77_778), [unknown]), .abort(JobID(rawValue: 66_666), run.space),
            .openAddressSpace(run.space, run.first, process: run.process, adapter: 0),
        ]
        for effect in nonsense {
            var tampered = run
            tampered.insert(effect, in: step)
            #expect(tampered.rules.contains(.worker), "\(effect)")
        }
    }

    @Test mutating func aCommandBufferThatRunsTwiceIsFound() {
        let place = run.place { if case .run = $0 { true } else { false } }
        run.insert(run.steps[place.step].effects[place.effect], in: place.step)
        #expect(run.rules.contains(.worker))
    }
}
