import DXGProtocol
import VMBus

@testable import SoftGPU

/// A number that is the same for the same run: FNV-1a over every input and every effect with all that is in them.
struct TraceHash {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func mix(_ step: TraceStep) {
        mix(step.time.nanoseconds)
        mix(step.input)
        for effect in step.effects { mix(effect) }
    }

    private mutating func mix(_ numbers: UInt64...) {
        for number in numbers { value = (value ^ number) &* 0x100_0000_01b3 }
    }

    private mutating func mix(_ bytes: some Collection<UInt8>) {
        mix(UInt64(bytes.count))
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }

    private mutating func mix(_ channel: Channel) {
        switch channel {
        case .global: mix(0)
        case .vgpu(let index): mix(1, UInt64(bitPattern: Int64(index)))
        }
    }

    private mutating func mix(_ span: MemorySpan) {
        switch span.file {
        case .ioSpace: mix(0)
        case .local: mix(1)
        case .guestMemory(let region): mix(2, UInt64(region))
        }
        mix(span.offset, span.length)
    }

    private mutating func mix(_ outcome: JobOutcome) {
        switch outcome {
        case .completed: mix(0)
        case .pageFault(let address, let isWrite): mix(1, address ?? 1, isWrite ? 1 : 0)
        case .invalidCommand(let reason):
            mix(2)
            mix(reason.utf8)
        case .aborted: mix(3)
        case .lost(let reason):
            mix(4)
            mix(reason.utf8)
        case .casualty(let reason):
            mix(5)
            mix(reason.utf8)
        }
    }

    private mutating func mix(_ input: TraceStep.Input) {
        switch input {
        case .connect(let guest, let options):
            mix(101, UInt64(guest.rawValue), options.ioSpaceBytes, options.localBytes, options.pagingNanoseconds)
        case .negotiate(let guest, let version): mix(102, UInt64(guest.rawValue), UInt64(version.rawValue))
        case .shareMemory(let guest, let regions):
            mix(103, UInt64(guest.rawValue))
            for region in regions { mix(region.base, region.length) }
        case .createGPADL(let guest, let id, let ranges):
            mix(104, UInt64(guest.rawValue), UInt64(id))
            for range in ranges { for page in range.pages { mix(page) } }
        case .tearDownGPADL(let guest, let id): mix(105, UInt64(guest.rawValue), UInt64(id))
        case .receive(let guest, let channel, let transaction, let bytes):
            mix(106, UInt64(guest.rawValue), transaction ?? .max)
            mix(channel)
            mix(bytes)
        case .endJob(let job, let outcome, let fences, let startedAt):
            mix(107, job.rawValue, startedAt.nanoseconds)
            mix(outcome)
            for fence in fences { mix(fence) }
        case .passBarrier(let barrier): mix(108, barrier.rawValue)
        case .failAddressSpace(let space, let reason):
            mix(109, space.rawValue)
            mix(reason.utf8)
        case .discardOffers(let guest): mix(110, UInt64(guest.rawValue))
        case .advance: mix(111)
        case .reset(let guest): mix(112, UInt64(guest.rawValue))
        case .disconnect(let guest): mix(113, UInt64(guest.rawValue))
        }
    }

    private mutating func mix(_ effect: Effect) {
        switch effect {
        case .complete(let guest, let channel, let transaction, let bytes):
            mix(1, UInt64(guest.rawValue), transaction)
            mix(channel)
            mix(bytes)
        case .notify(let guest, let bytes):
            mix(2, UInt64(guest.rawValue))
            mix(bytes)
        case .storeFence(let guest, let offset, let value): mix(3, UInt64(guest.rawValue), offset, value)
        case .openAddressSpace(let id, let guest, let process, let adapter):
            mix(4, id.rawValue, UInt64(guest.rawValue), UInt64(process.rawValue), UInt64(adapter))
        case .closeAddressSpace(let id): mix(5, id.rawValue)
        case .map(let id, let address, let span, let access):
            mix(6, id.rawValue, address, access == .read ? 0 : 1)
            mix(span)
        case .mapZero(let id, let address, let length): mix(7, id.rawValue, address, length)
        case .unmap(let id, let address, let length): mix(8, id.rawValue, address, length)
        case .barrier(let id, let spaces):
            mix(9, id.rawValue)
            for space in spaces { mix(space.rawValue) }
        case .discard(let guest, let span):
            mix(10, UInt64(guest.rawValue))
            mix(span)
        case .releaseGuestPages(let guest, let id): mix(11, UInt64(guest.rawValue), id.rawValue)
        case .run(let job):
            mix(12, job.id.rawValue, job.space.rawValue, UInt64(job.node), job.commandBuffer, job.length)
            for offset in job.fenceOffsets { mix(offset) }
            for memory in job.coherent { mix(memory.id.rawValue, memory.shadow.offset) }
        case .abort(let id, let space): mix(13, id.rawValue, space.rawValue)
        case .removeVirtualGPU(let guest, let index): mix(15, UInt64(guest.rawValue), UInt64(index))
        case .report(let diagnostic):
            mix(14, UInt64(diagnostic.guest.rawValue), UInt64(diagnostic.status?.rawValue ?? 1))
            mix(diagnostic.command.utf8)
            mix(diagnostic.reason.utf8)
        }
    }
}
