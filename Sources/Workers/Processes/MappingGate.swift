internal import Linux
internal import WorkerProtocol

/// Decides which mmap calls of a worker go through: exactly the ones that were ordered.
struct MappingGate {
    /// What to do about a call.
    enum Decision: Equatable {
        /// Let the kernel carry it out, after putting a file in place if one is named.
        case allow(place: PlacedFile?)
        case refuse
    }

    /// A file that the process needs to have under a descriptor number before a call goes through.
    enum PlacedFile: Equatable {
        case file(Int)
        case code
    }

    private static let protectionRead: UInt64 = 1
    private static let protectionWrite: UInt64 = 2
    private static let protectionExecute: UInt64 = 4
    private static let shared: UInt64 = 1
    private static let isPrivate: UInt64 = 2
    private static let fixed: UInt64 = 0x10
    private static let anonymous: UInt64 = 0x20
    private static let noReserve: UInt64 = 0x4000

    #if arch(x86_64)
        private static let mmapNumber: Int32 = 9
    #elseif arch(arm64)
        private static let mmapNumber: Int32 = 222
    #endif

    /// Orders that the worker has been sent and has not come to.
    private var orders: [MapOrder] = []
    private var firstOrder = 0
    private var placedFiles: Set<Int> = []
    private var offer: CodeOffer?
    private(set) var refusals = 0

    /// How many orders wait to be carried out.
    var outstanding: Int { orders.count - firstOrder }

    mutating func expect(_ order: MapOrder) {
        if firstOrder > 1024, firstOrder * 2 > orders.count {
            orders.removeFirst(firstOrder)
            firstOrder = 0
        }
        orders.append(order)
    }

    /// The worker may now map this image, once, in place of one that was offered before.
    mutating func offer(_ image: CodeImage) {
        offer = CodeOffer(image)
    }

    /// The image on offer.
    var offeredImage: CodeImage? { offer?.image }

    mutating func decide(_ call: SeccompNotification) -> Decision {
        let decision = judge(call)
        if decision == .refuse { refusals += 1 }
        return decision
    }

    private mutating func judge(_ call: SeccompNotification) -> Decision {
        guard call.number == MappingGate.mmapNumber else { return .refuse }
        // The kernel looks at the low half of the descriptor only.
        let descriptor = UInt32(truncatingIfNeeded: call.arguments[4])
        if descriptor == Channel.codeDescriptor { return judgeCode(call) }
        guard firstOrder < orders.count else { return .refuse }
        let order = orders[firstOrder]
        var protection: UInt64 = 0
        if !order.access.isDisjoint(with: .readWrite) { protection |= MappingGate.protectionRead }
        if order.access.contains(.write) { protection |= MappingGate.protectionWrite }
        let isZeros = order.descriptor == Channel.zeros
        let kind = isZeros ? MappingGate.isPrivate | MappingGate.anonymous | MappingGate.noReserve : MappingGate.shared
        guard
            MappingGate.matches(
                call, order.address, order.length, protection, kind | MappingGate.fixed, order.offset),
            descriptor == order.descriptor
        else { return .refuse }
        firstOrder += 1
        if isZeros { return .allow(place: nil) }
        let file = Int(descriptor - Channel.firstFileDescriptor)
        return .allow(place: placedFiles.insert(file).inserted ? .file(file) : nil)
    }

    private mutating func judgeCode(_ call: SeccompNotification) -> Decision {
        let flags = MappingGate.isPrivate | MappingGate.fixed
        guard var offer else { return .refuse }
        let base = offer.base ?? call.arguments[0]
        let size = offer.image.size
        let place: PlacedFile?
        if offer.base == nil {
            // All of the file, readable and executable, anywhere in the code window.
            let window = Channel.codeWindow
            guard window.contains(base), window.upperBound - base >= size.fileBytes, base % size.alignment == 0,
                MappingGate.matches(
                    call, base, size.fileBytes, MappingGate.protectionRead | MappingGate.protectionExecute, flags, 0)
            else { return .refuse }
            offer.base = base
            place = .code
        } else {
            // Then its writable ranges, one by one.
            guard offer.nextWritable < offer.image.writable.count else { return .refuse }
            let range = offer.image.writable[offer.nextWritable]
            guard
                MappingGate.matches(
                    call, base + range.lowerBound, range.upperBound - range.lowerBound,
                    MappingGate.protectionRead | MappingGate.protectionWrite, flags, range.lowerBound)
            else { return .refuse }
            offer.nextWritable += 1
            place = nil
        }
        self.offer = offer
        return .allow(place: place)
    }

    private static func matches(
        _ call: SeccompNotification, _ address: UInt64, _ length: UInt64, _ protection: UInt64, _ flags: UInt64,
        _ offset: UInt64
    ) -> Bool {
        call.arguments[0] == address && call.arguments[1] == length && call.arguments[2] == protection
            && call.arguments[3] == flags && call.arguments[5] == offset
    }
}

/// An image that the worker may map, and how far it has come.
private struct CodeOffer {
    let image: CodeImage
    var base: UInt64?
    var nextWritable = 0

    init(_ image: CodeImage) { self.image = image }
}
