extension VMBusServer {
    /// GPADL_HEADER.
    mutating func beginGPADL(_ header: GPADLHeader, _ actions: inout [VMBusAction]) {
        guard channelIndex(relid: header.relid) != nil else {
            return actions.append(.protocolError(.unknownChannel(.gpadlHeader, relid: header.relid)))
        }
        do throws(GPADLError) {
            try checkRoom(for: header)
            let assembly = try GPADLAssembly(header)
            try checkLimits(pages: assembly.pageCount)
            gpadls[header.gpadl] = GPADL(relid: header.relid, pageCount: assembly.pageCount)
            assemblies[header.gpadl] = assembly
            describedPages += assembly.pageCount
            createIfComplete(header.gpadl, by: .gpadlHeader, &actions)
        } catch {
            refuseGPADL(header.gpadl, relid: header.relid, by: .gpadlHeader, error, &actions)
        }
    }

    /// GPADL_BODY: it names no channel, so what cannot be matched to a header cannot be answered.
    mutating func continueGPADL(_ body: GPADLBody, _ actions: inout [VMBusAction]) {
        guard assemblies[body.gpadl] != nil else {
            return actions.append(.protocolError(.gpadl(.gpadlBody, gpadl: body.gpadl, .notInProgress)))
        }
        guard !body.words.isEmpty else {
            return actions.append(.protocolError(.gpadl(.gpadlBody, gpadl: body.gpadl, .emptyBody)))
        }
        assemblies[body.gpadl]?.append(body.words)
        createIfComplete(body.gpadl, by: .gpadlBody, &actions)
    }

    /// GPADL_TEARDOWN: the answer is the guest's only sign that its memory is its own again, so it waits for a channel
    /// that has its ring there (`docs/protocol/vmbus.md 1.6`).
    mutating func tearDownGPADL(_ request: GPADLTeardown, _ actions: inout [VMBusAction]) {
        guard let gpadl = gpadls[request.gpadl], gpadl.relid == request.relid else {
            return actions.append(.protocolError(.gpadl(.gpadlTeardown, gpadl: request.gpadl, .unknown)))
        }
        guard gpadl.state != .tearingDown else {
            return actions.append(.protocolError(.gpadl(.gpadlTeardown, gpadl: request.gpadl, .alreadyTearingDown)))
        }
        if let index = channelIndex(relid: gpadl.relid), channels[index].heldGPADLs.contains(request.gpadl) {
            gpadls[request.gpadl]?.state = .tearingDown
        } else {
            finishTeardown(request.gpadl, &actions)
        }
    }

    /// Answers the teardowns that waited for rings which a channel held before and holds no more.
    mutating func finishTeardowns(of before: Channel, nowHeld: [UInt32], _ actions: inout [VMBusAction]) {
        for id in before.heldGPADLs where !nowHeld.contains(id) && gpadls[id]?.state == .tearingDown {
            finishTeardown(id, &actions)
        }
    }

    /// The place of the rings that an open asks for, or nil if it asks for packet frames.
    func ring(of request: OpenChannel) throws(RingError) -> ChannelOpening.Ring? {
        guard request.ringGPADL != 0 else { return nil }
        guard let gpadl = gpadls[request.ringGPADL], gpadl.relid == request.relid, gpadl.state == .created else {
            throw .notAvailable
        }
        guard gpadl.isWholePages else { throw .notWholePages }
        let offset = Int(request.downstreamPageOffset)
        guard offset >= 2, offset <= gpadl.pageCount - 2 else {
            throw .badDownstreamPageOffset(request.downstreamPageOffset, pages: gpadl.pageCount)
        }
        return ChannelOpening.Ring(
            gpadl: request.ringGPADL, pageCount: gpadl.pageCount, downstreamPageOffset: offset)
    }

    /// Drops what a guest made on a channel that it has released.
    mutating func dropGPADLs(relid: UInt32, _ actions: inout [VMBusAction]) {
        for id in gpadls.filter({ $0.value.relid == relid }).keys.sorted() {
            drop(id, &actions)
        }
    }

    private func checkRoom(for header: GPADLHeader) throws(GPADLError) {
        let limits = configuration.limits
        guard header.gpadl != 0 else { throw .zeroID }
        guard gpadls[header.gpadl] == nil else { throw .duplicate }
        guard gpadls.count < limits.maximumGPADLs else { throw .tooManyGPADLs(limit: limits.maximumGPADLs) }
        guard assemblies.count < limits.maximumGPADLsInProgress else {
            throw .tooManyInProgress(limit: limits.maximumGPADLsInProgress)
        }
    }

    private func checkLimits(pages: Int) throws(GPADLError) {
        let limits = configuration.limits
        guard pages <= limits.maximumPagesPerGPADL else {
            throw .tooManyPages(limit: limits.maximumPagesPerGPADL, asked: pages)
        }
        guard describedPages + pages <= limits.maximumTotalPages else {
            throw .tooManyTotalPages(limit: limits.maximumTotalPages, asked: describedPages + pages)
        }
    }

    /// Creates a GPADL if its last words have arrived. On a revoked channel the guest is told of success and the owner
    /// of nothing: the device is gone (`docs/protocol/vmbus.md 1.6`).
    private mutating func createIfComplete(
        _ id: UInt32, by type: ControlMessageType, _ actions: inout [VMBusAction]
    ) {
        guard let assembly = assemblies[id], assembly.isComplete, var gpadl = gpadls[id],
            let index = channelIndex(relid: gpadl.relid)
        else { return }
        do throws(GPADLError) {
            let ranges = try assembly.ranges()
            let isRevoked = channels[index].state == .revoked || channels[index].state == .reoffered
            gpadl.state = .created
            gpadl.isKnownToOwner = !isRevoked
            gpadl.isWholePages =
                ranges.count == 1 && ranges[0].byteOffset == 0
                && Int(ranges[0].byteCount) == gpadl.pageCount * GuestPhysicalRange.pageSize
            gpadls[id] = gpadl
            assemblies[id] = nil
            if gpadl.isKnownToOwner {
                actions.append(.gpadlCreated(id: id, relid: gpadl.relid, ranges: ranges))
            }
            actions.append(.send(.gpadlCreated(GPADLCreated(relid: gpadl.relid, gpadl: id, status: .success))))
        } catch {
            drop(id, &actions)
            refuseGPADL(id, relid: gpadl.relid, by: type, error, &actions)
        }
    }

    private func refuseGPADL(
        _ id: UInt32, relid: UInt32, by type: ControlMessageType, _ error: GPADLError, _ actions: inout [VMBusAction]
    ) {
        actions.append(.protocolError(.gpadl(type, gpadl: id, error)))
        actions.append(.send(.gpadlCreated(GPADLCreated(relid: relid, gpadl: id, status: .failure))))
    }

    /// A guest that let go of the connection meanwhile does not wait for the answer, and its next one may use the id
    /// anew.
    private mutating func finishTeardown(_ id: UInt32, _ actions: inout [VMBusAction]) {
        drop(id, &actions)
        guard case .connected = connection else { return }
        actions.append(.send(.gpadlTorndown(GPADLTorndown(gpadl: id))))
    }

    private mutating func drop(_ id: UInt32, _ actions: inout [VMBusAction]) {
        guard let gpadl = gpadls.removeValue(forKey: id) else { return }
        describedPages -= gpadl.pageCount
        assemblies[id] = nil
        if gpadl.isKnownToOwner {
            actions.append(.gpadlTornDown(id: id))
        }
    }
}
