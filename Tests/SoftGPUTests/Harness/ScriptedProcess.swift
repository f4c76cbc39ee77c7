import DXGProtocol

@testable import SoftGPU

/// A process that does a bit of everything, always the same, and writes down all that it is told and when.
final class ScriptedProcess {
    /// Every reply, fence value and event, with its time.
    private(set) var log: [String] = []
    let process: VirtualProcess
    private let device: VirtualDevice
    private let render: D3DKMTHandle
    private let copy: D3DKMTHandle
    private let hwQueue: VirtualHwQueue
    private let paging: VirtualPagingQueue
    private let rendered: VirtualFence
    private let copied: VirtualFence

    private var lastEvent: UInt64
    private let firstEvent: UInt64
    private var notificationsSeen = 0
    private var values: [D3DKMTHandle: UInt64] = [:]
    /// Addresses in the IO space by the order of their coming: which page of the window it is depends on the others.
    private var addresses: [UInt64: Int] = [:]

    private var guest: VirtualGuest { process.guest }

    /// `id` tells the events of several such processes of a guest apart.
    init(_ guest: VirtualGuest, id: UInt64) {
        process = guest.createProcess(pid: id)
        firstEvent = id << 32
        lastEvent = firstEvent
        device = process.createDevice()
        render = device.createContext()
        copy = device.createContext(node: 1)
        hwQueue = device.createHwQueue()
        paging = device.createPagingQueue()
        rendered = device.createFence()
        copied = device.createFence()
        let (handle, before) = (process.handle, guest.onReply)
        guest.onReply = { [weak self] process, name, bytes in
            before?(process, name, bytes)
            if process == handle { self?.note(name, bytes) }
        }
    }

    /// One round of work; fences reach `round`.
    func play(_ round: UInt64) {
        let buffer = VirtualWorkers.commandBuffer(.completes, microseconds: 300)
        device.submit(to: render, at: buffer)
        device.gpuSignal(on: [render], (rendered.handle, round))
        device.gpuWait(on: copy, for: [(rendered.handle, round)])
        device.submit(to: copy, at: VirtualWorkers.commandBuffer(.completes, microseconds: 100))
        device.gpuSignal(on: [copy], (copied.handle, round))
        device.submit(to: hwQueue, progress: round, at: buffer)
        _ = device.wait(for: [(rendered.handle, round), (hwQueue.fence, round)], event: newEvent())
        _ = device.wait(for: [(copied.handle, round), (rendered.handle, round + 1)], any: true, event: newEvent())
        device.status(VirtualDevice.eventRequest(newEvent(), on: [render, copy]))
    }

    /// One round of questions and of memory that comes and goes.
    func ask() {
        _ = device.executionState
        let allocation = device.allocate(65536, flags: VirtualDevice.cpuVisible)
        device.makeResident([allocation], on: paging)
        let base = device.map(allocation, on: paging, pages: 16).virtualAddress
        _ = device.lock(allocation)
        _ = process.videoMemory(0)
        _ = device.unlock(allocation)
        _ = process.free(base, 65536)
        device.evict([allocation])
        device.destroyAllocations([allocation])
        let fence = device.createFence(7)
        device.signal((fence.handle, 8))
        _ = process.destroySyncObject(fence.handle)
        process.fencePages[fence.handle] = nil
    }

    /// Writes down which fences have moved and which events have come.
    func observe() {
        for (handle, page) in process.fencePages.sorted(by: { $0.key < $1.key }) {
            let value = guest.fenceValue(at: page)
            guard values.updateValue(value, forKey: handle) != value else { continue }
            log.append("\(guest.host.now) fence \(handle) is \(value)")
        }
        for notification in guest.notifications[notificationsSeen...] {
            if case .event(let event) = notification, firstEvent...lastEvent ~= event {
                log.append("\(guest.host.now) event \(event - firstEvent)")
            }
        }
        notificationsSeen = guest.notifications.count
    }

    private func newEvent() -> UInt64 {
        lastEvent += 1
        return lastEvent
    }

    private func note(_ name: String, _ bytes: [UInt8]?) {
        guard let bytes else { return log.append("\(guest.host.now) \(name) is not answered") }
        let window = guest.windowBase..<guest.windowBase + guest.options.ioSpaceBytes
        var words: [String] = []
        for offset in stride(from: 0, to: bytes.count, by: 8) {
            var word: UInt64 = 0
            for (place, byte) in bytes[offset..<min(offset + 8, bytes.count)].enumerated() {
                word |= UInt64(byte) << UInt64(8 * place)
            }
            words.append(window.contains(word) ? "page \(ordinal(of: word))" : String(word, radix: 16))
        }
        // The id of an allocation is one more than that of whatever was made on the host before (docs/softgpu.md).
        if name == CreateAllocation.Request.name { words.removeLast() }
        log.append("\(guest.host.now) \(name) \(words)")
    }

    private func ordinal(of address: UInt64) -> Int {
        let known = addresses[address] ?? addresses.count
        addresses[address] = known
        return known
    }
}
