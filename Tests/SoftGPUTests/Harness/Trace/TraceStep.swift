import DXGProtocol
import VMBus

@testable import SoftGPU

/// One input of a model, and all that the model wanted done for it: a run is a list of these.
struct TraceStep {
    var time: Instant
    var input: Input
    var effects: [Effect]

    /// What a model can be told.
    enum Input {
        case connect(GuestID, GuestOptions)
        case negotiate(GuestID, InterfaceVersion)
        case shareMemory(GuestID, [GuestMemoryRegion])
        case createGPADL(GuestID, id: UInt32, [GuestPhysicalRange])
        case tearDownGPADL(GuestID, id: UInt32)
        case receive(GuestID, Channel, transaction: UInt64?, [UInt8])
        case endJob(JobID, JobOutcome, fences: [UInt64], startedAt: Instant)
        case passBarrier(BarrierID)
        case failAddressSpace(AddressSpaceID, reason: String)
        case discardOffers(GuestID)
        case advance
        case reset(GuestID)
        case disconnect(GuestID)
    }
}

extension SoftGPU {
    /// Gives the model one input; a job that ends does so at `time`.
    func take(_ input: TraceStep.Input, at time: Instant) -> [Effect] {
        switch input {
        case .connect(let guest, let options): return connect(guest, options: options, at: time)
        case .negotiate(let guest, let version): negotiate(guest, version: version)
        case .shareMemory(let guest, let regions): shareMemory(guest, regions: regions)
        case .createGPADL(let guest, let id, let ranges): gpadlCreated(guest, id: id, ranges: ranges)
        case .tearDownGPADL(let guest, let id): gpadlTornDown(guest, id: id)
        case .receive(let guest, let channel, let transaction, let bytes):
            return receive(bytes.wireBytes, from: guest, on: channel, transaction: transaction, at: time)
        case .endJob(let job, let outcome, let fences, let startedAt):
            return jobEnded(job, outcome: outcome, fences: fences, startedAt: startedAt, endedAt: time, at: time)
        case .passBarrier(let barrier): return barrierPassed(barrier, at: time)
        case .failAddressSpace(let space, let reason): return addressSpaceFailed(space, reason: reason, at: time)
        case .discardOffers(let guest): return discardOffers(of: guest, at: time)
        case .advance: return advance(to: time)
        case .reset(let guest): return reset(guest, at: time)
        case .disconnect(let guest): return disconnect(guest, at: time)
        }
        return []
    }
}
