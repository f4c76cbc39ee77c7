internal import CLinux
internal import Glibc

extension Socket {
    /// The most descriptors that one message carries.
    public static let maximumDescriptors = Int(LINUX_MAXIMUM_DESCRIPTORS)

    /// The most buffers that one call sends.
    public static let maximumParts = 16

    /// Sends bytes, and descriptors (borrowed) with the first of them. Returns how many bytes were taken: fewer than
    /// given on a stream that is nearly full, nothing where the call would have to wait.
    public static func send(
        _ socket: Int32, _ bytes: RawSpan, descriptors: [Int32] = []
    ) throws(SystemError) -> Int? {
        // SAFETY: the kernel reads the span during the call.
        unsafe try bytes.withUnsafeBytes { (pointer) throws(SystemError) in
            var part = unsafe iovec(pointer)
            return unsafe try send(socket, &part, 1, descriptors)
        }
    }

    /// The same for an array.
    public static func send(
        _ socket: Int32, _ bytes: [UInt8], descriptors: [Int32] = []
    ) throws(SystemError) -> Int? {
        try send(socket, unsafe bytes.span.bytes, descriptors: descriptors)
    }

    /// The same for two pieces that follow each other.
    public static func send(
        _ socket: Int32, _ first: RawSpan, _ second: RawSpan, descriptors: [Int32] = []
    ) throws(SystemError) -> Int? {
        // SAFETY: the kernel reads both spans during the call.
        unsafe try first.withUnsafeBytes { (head) throws(SystemError) in
            unsafe try second.withUnsafeBytes { (body) throws(SystemError) in
                var parts = unsafe (iovec(head), iovec(body))
                return unsafe try withUnsafeMutableBytes(of: &parts) { (raw) throws(SystemError) in
                    try unsafe send(socket, raw.assumingMemoryBound(to: iovec.self).baseAddress!, 2, descriptors)
                }
            }
        }
    }

    /// The same for the buffers with the numbers `range`, of which the first is sent from `skipping` on. At most
    /// `maximumParts` of them.
    public static func send(
        _ socket: Int32, _ range: Range<Int>, skipping: Int, descriptors: [Int32] = [],
        buffer: (Int) -> [UInt8]
    ) throws(SystemError) -> Int? {
        let count = min(range.count, maximumParts)
        // SAFETY: each buffer stays in place until the innermost call, which has the system call in it, returns.
        func gather(
            _ index: Int, _ parts: UnsafeMutableBufferPointer<iovec>
        ) throws(SystemError) -> Int? {
            if index == count { return try unsafe send(socket, parts.baseAddress!, count, descriptors) }
            let bytes = buffer(range.lowerBound + index)
            let start = index == 0 ? skipping : 0
            return unsafe try bytes.span.bytes.withUnsafeBytes { (pointer) throws(SystemError) in
                unsafe parts[index] = iovec(UnsafeRawBufferPointer(rebasing: pointer[start...]))
                return try unsafe gather(index + 1, parts)
            }
        }
        var parts: [16 of iovec] = unsafe .init(repeating: iovec())
        var span = unsafe parts.mutableSpan
        return unsafe try span.withUnsafeMutableBufferPointer { (parts) throws(SystemError) in
            unsafe try gather(0, parts)
        }
    }

    /// Receives bytes into `buffer`, and descriptors at the end of the queue. Returns how many bytes came: 0 at the end
    /// of a stream, nothing where the call would have to wait.
    ///
    /// A message that does not fit is EMSGSIZE; descriptors that the process had no room for are EMFILE. The rest of
    /// the message is lost in both cases, so a connection ends there.
    public static func receive(
        _ socket: Int32, into buffer: inout MutableRawSpan, descriptors: inout DescriptorQueue
    ) throws(SystemError) -> Int? {
        var count = 0
        var truncated: Int32 = 0
        let capacity = buffer.byteCount
        var numbers: [253 of Int32] = .init(repeating: -1)
        // SAFETY: the call writes at most `capacity` bytes and LINUX_MAXIMUM_DESCRIPTORS numbers, and says how many.
        let bytes = unsafe try buffer.withUnsafeMutableBytes { (pointer) throws(SystemError) in
            try nonblockingSystemCall("receive") {
                var span = numbers.mutableSpan
                return unsafe span.withUnsafeMutableBufferPointer {
                    unsafe linux_recvmsg(socket, pointer.baseAddress, capacity, $0.baseAddress!, &count, &truncated)
                }
            }
        }
        for index in 0..<count {
            descriptors.append(FileDescriptor(owning: numbers[index]))
        }
        if truncated & Int32(MSG_CTRUNC) != 0 { throw SystemError(code: EMFILE, operation: "receive descriptors") }
        if truncated & Int32(MSG_TRUNC) != 0 { throw SystemError(code: EMSGSIZE, operation: "receive a message") }
        return bytes
    }

    /// The same for a socket that carries no descriptors.
    public static func receive(_ socket: Int32, into buffer: inout MutableRawSpan) throws(SystemError) -> Int? {
        let capacity = buffer.byteCount
        // SAFETY: the call writes at most `capacity` bytes.
        return unsafe try buffer.withUnsafeMutableBytes { (pointer) throws(SystemError) in
            try nonblockingSystemCall("receive") { unsafe recv(socket, pointer.baseAddress, capacity, 0) }
        }
    }

    /// The same into a new array of at most so many bytes.
    public static func receive(
        _ socket: Int32, maximumBytes: Int, descriptors: inout DescriptorQueue
    ) throws(SystemError) -> [UInt8]? {
        var result = [UInt8](repeating: 0, count: maximumBytes)
        var span = result.mutableSpan
        var bytes = unsafe span.mutableBytes
        guard let count = try receive(socket, into: &bytes, descriptors: &descriptors) else { return nil }
        result.removeSubrange(count...)
        return result
    }

    @unsafe
    private static func send(
        _ socket: Int32, _ parts: UnsafeMutablePointer<iovec>, _ count: Int, _ descriptors: [Int32]
    ) throws(SystemError) -> Int? {
        try nonblockingSystemCall("send") {
            unsafe linux_sendmsg(socket, parts, count, descriptors, descriptors.count)
        }
    }
}

extension iovec {
    @unsafe
    fileprivate init(_ bytes: UnsafeRawBufferPointer) {
        unsafe self = iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
    }
}
