import Carriers

/// Frames as text, to compare them whole.
func describe(_ frame: borrowing GuestFrame) -> String {
    switch frame {
    case .hello(let hello):
        "hello \(hello.major).\(hello.minor) features \(hello.wantedFeatures.rawValue) \(hello.guestID) \(hello.name) "
            + "\(hello.token)"
    case .message(let bytes): "message \(text(bytes))"
    case .packet(let bytes, let relid): "packet \(relid) \(text(bytes))"
    case .doorbell(let relid): "doorbell \(relid)"
    case .configurationRead(let address, let tag):
        "configurationRead \(address.function) \(address.offset) \(address.width) tag \(tag)"
    case .configurationWrite(let address, let value, let tag):
        "configurationWrite \(address.function) \(address.offset) \(address.width) \(value) tag \(tag)"
    case .memoryData(let status, let bytes, let tag): "memoryData \(status) \(text(bytes)) tag \(tag)"
    case .memoryDone(let status, let tag): "memoryDone \(status) tag \(tag)"
    case .ioRead(let range, let tag): "ioRead \(range.start) \(range.length) tag \(tag)"
    case .ioWrite(let offset, let bytes, let tag): "ioWrite \(offset) \(text(bytes)) tag \(tag)"
    case .ioWatch(let range, let isOn): "ioWatch \(range.start) \(range.length) \(isOn)"
    case .shareMemory(let regions):
        "shareMemory " + regions.map { "\($0.base) \($0.bytes) \($0.fileOffset)" }.joined(separator: "; ")
    case .channelEvents(let relid): "channelEvents \(relid)"
    case .ping(let bytes, let tag): "ping \(text(bytes)) tag \(tag)"
    case .pong(let bytes, let tag): "pong \(text(bytes)) tag \(tag)"
    }
}

func describe(_ frame: borrowing HostFrame) -> String {
    switch frame {
    case .welcome(let welcome):
        "welcome \(welcome.major).\(welcome.minor) features \(welcome.grantedFeatures.rawValue) \(welcome.guestID) "
            + "\(welcome.ioSpaceBytes) \(welcome.functionCount)"
    case .refused(let code, let text): "refused \(code.rawValue) \(text)"
    case .message(let bytes): "message \(text(bytes))"
    case .packet(let bytes, let relid): "packet \(relid) \(text(bytes))"
    case .doorbell(let relid): "doorbell \(relid)"
    case .configurationValue(let value, let tag): "configurationValue \(value) tag \(tag)"
    case .memoryRead(let range, let tag): "memoryRead \(range.start) \(range.length) tag \(tag)"
    case .memoryWrite(let address, let bytes, let tag): "memoryWrite \(address) \(text(bytes)) tag \(tag)"
    case .ioData(let status, let bytes, let tag): "ioData \(status) \(text(bytes)) tag \(tag)"
    case .ioDone(let status, let tag): "ioDone \(status) tag \(tag)"
    case .ioChanged(let offset, let bytes): "ioChanged \(offset) \(text(bytes))"
    case .ioSpace(let bytes): "ioSpace \(bytes)"
    case .ping(let bytes, let tag): "ping \(text(bytes)) tag \(tag)"
    case .pong(let bytes, let tag): "pong \(text(bytes)) tag \(tag)"
    }
}

/// A few bytes as they are, many as their number.
private func text(_ span: RawSpan) -> String {
    span.byteCount <= 64 ? "\(array(span))" : "\(span.byteCount) bytes"
}

func array(_ span: RawSpan) -> [UInt8] {
    // SAFETY: the pointer is used during the call only.
    unsafe span.withUnsafeBytes { unsafe [UInt8]($0) }
}

/// What a body that should be refused is refused for.
func violation(_ body: () throws(CarrierViolation) -> Void) -> CarrierViolation? {
    do throws(CarrierViolation) {
        try body()
        return nil
    } catch {
        return error
    }
}
