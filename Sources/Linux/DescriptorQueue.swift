/// Received descriptors in the order of their arrival. Those that nobody takes are closed with the queue.
public struct DescriptorQueue: ~Copyable {
    private var numbers: [Int32]
    private var taken = 0

    /// An empty queue.
    public init() {
        numbers = []
    }

    deinit {
        for index in taken..<numbers.count {
            _ = FileDescriptor(owning: numbers[index])
        }
    }

    /// How many wait to be taken.
    public var count: Int { numbers.count - taken }

    /// Whether none waits.
    public var isEmpty: Bool { count == 0 }

    /// Adds a descriptor at the end.
    public mutating func append(_ descriptor: consuming FileDescriptor) {
        if taken == numbers.count {
            numbers.removeAll(keepingCapacity: true)
            taken = 0
        }
        numbers.append(descriptor.release())
    }

    /// The oldest one, or nothing.
    public mutating func takeFirst() -> FileDescriptor? {
        guard taken < numbers.count else { return nil }
        taken += 1
        return FileDescriptor(owning: numbers[taken - 1])
    }

    /// Moves everything to the end of another queue.
    public mutating func move(to other: inout DescriptorQueue) {
        while let descriptor = takeFirst() {
            other.append(descriptor)
        }
    }

    /// Closes everything that waits.
    public mutating func closeAll() {
        while let descriptor = takeFirst() {
            _ = consume descriptor
        }
    }
}
