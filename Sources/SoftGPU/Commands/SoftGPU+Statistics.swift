import DXGProtocol

/// QUERYSTATISTICS, type by type (docs/protocol/semantics.md 18). The header's process is the one asked about; one
/// that has nothing on this adapter has zeros.
extension SoftGPU {
    func queryStatistics(_ request: MessageView<QueryStatistics.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        let adapter = call.target
        guard request.adapterLuid == adapter.physical.profile.hostLUID else {
            throw .invalid("statistics of adapter \(request.adapterLuid)")
        }
        var table = StatisticsTable()
        try fill(&table, type: request.type, element: Int(request.queryElement), adapter, call.process)
        var reply = MessageBuilder<QueryStatistics.Reply>()
        reply.setResult(table.bytes)
        return reply.bytes
    }

    private func fill(
        _ table: inout StatisticsTable, type: UInt32, element: Int, _ adapter: VirtualAdapter, _ process: GuestProcess?
    ) throws(Refusal) {
        let physical = adapter.physical
        switch QueryStatisticsType(rawValue: type) {
        case .adapter:
            table.put(Self.segmentCount, at: 0)
            table.put(UInt32(physical.nodes.count), at: 4)
            table.put(adapter.timeoutCount, at: 16)
            table.put(physical.created.count, at: 536)
            table.put(physical.created.bytes, at: 544)
            table.put(physical.destroyed.count, at: 552)
            table.put(physical.destroyed.bytes, at: 560)
            table.put(UInt64(2), at: 712)
        case .process:
            table.put(UInt32(physical.nodes.count), at: 0)
            table.put(process?.committedBytes[adapter.index][SegmentGroup.nonLocal.rawValue] ?? 0, at: 8)
        case .processAdapter:
            table.put(Self.segmentCount, at: 0)
            table.put(UInt32(physical.nodes.count), at: 4)
            let space = process?.spaces[adapter.index]
            let mapped = space?.mappings.entries.reduce(0) { $0 &+ $1.length } ?? 0
            table.put(UInt32(clamping: mapped), at: 12)
            table.put(process?.clientHint ?? 0, at: 264)
        case .segment:
            let group = try segment(element)
            table.put(physical.size(of: group), at: 0)
            table.put(physical.committedBytes[group.rawValue], at: 8)
            table.put(physical.bytesInPlace(of: group), at: 16)
            table.put(physical.evicted[group.rawValue].total, at: 24)
            table.put(physical.committedCount[group.rawValue], at: 32)
            table.put(physical.countInPlace(of: group), at: 36)
            table.put(UInt32(group == .nonLocal ? 1 : 0), at: 40)
            for (place, bytes) in physical.evicted[group.rawValue].byPriority.enumerated() {
                table.put(bytes, at: 48 + 8 * place)
            }
        case .processSegment:
            let group = try segment(element)
            table.put(process?.committedBytes[adapter.index][group.rawValue] ?? 0, at: 0)
            table.put(process.map { budget(of: $0, on: adapter, group) } ?? 0, at: 8)
            table.put(process?.evicted[adapter.index][group.rawValue].total ?? 0, at: 24)
            table.put(process?.committedCount[adapter.index][group.rawValue] ?? 0, at: 32)
        case .node:
            put(physical.nodes[try node(element, of: adapter)].use, in: &table)
        case .processNode:
            let ordinal = try node(element, of: adapter)
            put(process?.spaces[adapter.index]?.lines[ordinal].use ?? NodeUse(), in: &table)
        case .processSegmentGroup:
            let group = try segment(element)
            guard let process else { return }
            table.put(budget(of: process, on: adapter, group), at: 0)
            table.put(process.committedBytes[adapter.index][group.rawValue], at: 8)
            table.put(process.residentBytes[adapter.index][group.rawValue], at: 16)
        case .physicalAdapter:
            guard element == 0 else { throw .invalid("physical adapter \(element)") }
            table.put(text: physical.profile.name, at: 108, units: 32)
            table.put(text: physical.profile.name, at: 172, units: 32)
        case .vidPnSource, .processVidPnSource, nil:
            throw .invalid("statistics type \(type)")
        }
    }

    private static let segmentCount: UInt32 = 2

    /// Segments and segment groups are the same here: local memory, then the aperture.
    private func segment(_ element: Int) throws(Refusal) -> SegmentGroup {
        guard let group = SegmentGroup(rawValue: element) else { throw .invalid("segment \(element)") }
        return group
    }

    private func node(_ element: Int, of adapter: VirtualAdapter) throws(Refusal) -> Int {
        guard adapter.physical.nodes.indices.contains(element) else { throw .invalid("node \(element)") }
        return element
    }

    private func put(_ use: NodeUse, in table: inout StatisticsTable) {
        table.put(use.nanoseconds / 100, at: 0)
        table.put(use.switches, at: 8)
        for kind in 0..<8 {
            table.put(use.submitted[kind], at: 76 + 8 * kind)
            table.put(use.completed[kind], at: 80 + 8 * kind)
        }
        // Render buffers are the first of four kinds of DMA packets.
        let render = NodeUse.Kind.render.rawValue
        table.put(use.submitted[render], at: 140)
        table.put(use.completed[render], at: 144)
        table.put(use.faulted, at: 152)
    }
}

/// D3DKMT_QUERYSTATISTICS_RESULT: 776 bytes, most of them zero.
private struct StatisticsTable {
    private(set) var bytes = [UInt8](repeating: 0, count: 776)

    mutating func put<Number: FixedWidthInteger & UnsignedInteger>(_ value: Number, at offset: Int) {
        for index in 0..<(Number.bitWidth / 8) {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> Number(8 * index))
        }
    }

    /// UTF-16, cut to leave a terminator.
    mutating func put(text: String, at offset: Int, units: Int) {
        for (index, unit) in text.utf16.prefix(units - 1).enumerated() { put(unit, at: offset + 2 * index) }
    }
}
