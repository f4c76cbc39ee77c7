public import Linux
internal import Synchronization

/// The guest's memory: a memory file, from guest physical address 0 on, whose pages are handed out.
public final class GuestMemory: Sendable {
    /// Bytes of a page.
    public static let pageSize: UInt64 = 4096

    /// The memory's file; a host to which memory is shared has it too.
    public let file: SharedMemory

    /// The size in bytes.
    public var bytes: UInt64 { file.bytes }

    /// The free pages as ranges of page numbers, in order.
    private let free: Mutex<[Range<UInt64>]>

    init(bytes: UInt64) throws(GuestError) {
        do throws(SystemError) {
            file = try SharedMemory(name: "guest memory", bytes: bytes)
        } catch {
            throw .system(error)
        }
        // Page 0 is never handed out, so that address 0 can stand for none.
        free = Mutex(bytes > Self.pageSize ? [1..<bytes / Self.pageSize] : [])
    }

    /// Takes pages that lie one after the other; the result is their first address.
    public func allocate(pages count: UInt64) throws(GuestError) -> UInt64 {
        let page = free.withLock { ranges -> UInt64? in
            guard count > 0, let index = ranges.firstIndex(where: { UInt64($0.count) >= count }) else { return nil }
            let page = ranges[index].lowerBound
            ranges[index] = page + count..<ranges[index].upperBound
            if ranges[index].isEmpty { ranges.remove(at: index) }
            return page
        }
        guard let page else { throw .invalidRequest("the guest has no \(count) pages in one piece") }
        return page * Self.pageSize
    }

    /// Gives pages back.
    public func release(_ address: UInt64, pages count: UInt64) {
        let page = address / Self.pageSize
        free.withLock { ranges in
            let index = ranges.firstIndex { $0.lowerBound > page } ?? ranges.count
            ranges.insert(page..<page + count, at: index)
            if index + 1 < ranges.count, ranges[index].upperBound == ranges[index + 1].lowerBound {
                ranges[index] = ranges[index].lowerBound..<ranges.remove(at: index + 1).upperBound
            }
            if index > 0, ranges[index - 1].upperBound == ranges[index].lowerBound {
                ranges[index - 1] = ranges[index - 1].lowerBound..<ranges.remove(at: index).upperBound
            }
        }
    }

    /// Reads bytes of the memory.
    public func read(at address: UInt64, count: Int) throws(GuestError) -> [UInt8] {
        do throws(SystemError) {
            return try file.read(at: address, count: count)
        } catch {
            throw .system(error)
        }
    }

    /// Writes bytes of the memory.
    public func write(_ bytes: [UInt8], at address: UInt64) throws(GuestError) {
        do throws(SystemError) {
            try file.write(bytes, at: address)
        } catch {
            throw .system(error)
        }
    }
}
