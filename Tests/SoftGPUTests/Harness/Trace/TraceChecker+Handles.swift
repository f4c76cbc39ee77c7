import DXGProtocol

@testable import SoftGPU

/// What a command that was carried out names must have been given to the process that sent it.
extension TraceChecker {
    /// The object that a handle names.
    func named<Record>(
        _ handle: D3DKMTHandle, _ what: String, _ exchange: Exchange, _ kind: (ObjectRecord) -> Record?
    ) -> Record? {
        guard let process = exchange.process else {
            find(
                .handles,
                "command \(exchange.number) was carried out for \(exchange.processHandle), which is no process")
            return nil
        }
        guard let object = process.objects[handle], let record = kind(object) else {
            find(
                .handles,
                "command \(exchange.number) took \(handle) for a \(what), which process \(process.handle) was not given"
            )
            return nil
        }
        if let adapter = exchange.adapter, let device = object.device, device.adapter != adapter {
            find(
                .handles, "command \(exchange.number) took \(handle) on adapter \(adapter), it is on \(device.adapter)")
        }
        return record
    }

    func device(_ handle: D3DKMTHandle, _ exchange: Exchange) -> DeviceRecord? {
        named(handle, "device", exchange) { if case .device(let device) = $0 { device } else { nil } }
    }

    func context(_ handle: D3DKMTHandle, _ exchange: Exchange) -> ContextRecord? {
        named(handle, "context", exchange) { if case .context(let context) = $0 { context } else { nil } }
    }

    func pagingQueue(_ handle: D3DKMTHandle, _ exchange: Exchange) -> PagingRecord? {
        named(handle, "paging queue", exchange) { if case .pagingQueue(let queue) = $0 { queue } else { nil } }
    }

    /// The queue that a signal or a wait is for.
    func queue(_ handle: D3DKMTHandle, _ exchange: Exchange) -> QueueRecord? {
        named(handle, "queue", exchange) {
            switch $0 {
            case .context(let context): context.queue
            case .hwQueue(let queue, _): queue
            default: nil
            }
        }
    }

    func fence(_ handle: D3DKMTHandle, _ exchange: Exchange) -> FenceOpen? {
        named(handle, "synchronization object", exchange) { if case .fence(let open) = $0 { open } else { nil } }
    }

    func allocation(_ handle: D3DKMTHandle, _ exchange: Exchange) -> AllocationRecord? {
        named(handle, "allocation", exchange) { if case .allocation(let record) = $0 { record } else { nil } }
    }

    func resource(_ handle: D3DKMTHandle, _ exchange: Exchange) -> ResourceRecord? {
        named(handle, "resource", exchange) { if case .resource(let record) = $0 { record } else { nil } }
    }

    /// A process is given a handle.
    func give(_ handle: D3DKMTHandle, to process: ProcessRecord, _ object: ObjectRecord) {
        if handle == .none { find(.handles, "process \(process.handle) was given handle 0") }
        if process.objects.updateValue(object, forKey: handle) != nil {
            find(.handles, "process \(process.handle) was given \(handle), which it had")
        }
    }

    /// A guest is given a name.
    func give(_ name: D3DKMTHandle, to guest: GuestRecord, _ record: NameRecord) {
        if guest.names.updateValue(record, forKey: name) != nil {
            find(.handles, "\(guest.id) was given the name \(name), which it had")
        }
    }
}
