import DequeModule
import DXGProtocol

/// A guest process's handles: dense low indices over all object types, as the guest keeps them in one table itself
/// (docs/protocol/semantics.md 1.9).
///
/// A freed index waits behind `lateness` others before it is used again, because the guest frees some entries only
/// after the host's reply; a reused index gets another `unique` value, so a stale handle finds nothing.
struct HandleTable<Object> {
    private struct Slot {
        var unique: UInt32
        var object: Object?
    }

    /// The `unique` values that this table's handles may carry, used in turn. Adapters have 2 to themselves, so that
    /// RESERVEGPUVIRTUALADDRESS can tell an adapter from a paging queue.
    private let uniques: [UInt32]
    private let limit: Int
    private let lateness: Int
    private var slots: [Slot] = [Slot(unique: 0, object: nil)]
    private var freed: Deque<Int> = []

    private(set) var count = 0

    /// A table for at most `limit` objects at a time.
    init(uniques: [UInt32], limit: Int, lateness: Int = 256) {
        self.uniques = uniques
        self.limit = min(limit, Int(D3DKMTHandle.maximumIndex) - lateness - 1)
        self.lateness = lateness
    }

    /// Enters an object, or gives nil where the table is full.
    @discardableResult
    mutating func insert(_ object: Object) -> D3DKMTHandle? { insert { _ in object } }

    /// Enters an object that knows its own handle, or gives nil where the table is full.
    mutating func insert(make: (D3DKMTHandle) -> Object) -> D3DKMTHandle? {
        guard count < limit else { return nil }
        count += 1
        if freed.count > lateness, let index = freed.popFirst() {
            let turn = uniques.firstIndex(of: slots[index].unique) ?? 0
            let handle = D3DKMTHandle(index: UInt32(index), unique: uniques[(turn + 1) % uniques.count])
            slots[index] = Slot(unique: handle.unique, object: make(handle))
            return handle
        }
        let handle = D3DKMTHandle(index: UInt32(slots.count), unique: uniques[0])
        slots.append(Slot(unique: handle.unique, object: make(handle)))
        return handle
    }

    subscript(handle: D3DKMTHandle) -> Object? {
        let index = Int(handle.index)
        guard index < slots.count, slots[index].unique == handle.unique, handle.instance == 0 else { return nil }
        return slots[index].object
    }

    /// Takes an object out; false where there is none of this handle.
    @discardableResult
    mutating func remove(_ handle: D3DKMTHandle) -> Bool {
        let index = Int(handle.index)
        guard self[handle] != nil else { return false }
        slots[index].object = nil
        freed.append(index)
        count -= 1
        return true
    }

    /// All objects in the order of their indices.
    var objects: [Object] { slots.compactMap(\.object) }
}

/// What a handle of a guest process can name.
enum ProcessObject {
    case device(Device)
    case context(Context)
    case hwQueue(HwQueue)
    case pagingQueue(PagingQueue)
    case allocation(Allocation)
    case resource(Resource)
    case syncObject(SyncObjectOpen)
}
