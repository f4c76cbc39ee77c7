/// An object with a place among others of its kind that never changes.
protocol Ordered: AnyObject {
    /// Unique, and higher than that of everything made before.
    var order: UInt64 { get }
}

/// Objects in the order of their making: found by binary search, so that a long list is as good as a short one.
struct OrderedList<Element: Ordered> {
    private(set) var elements: [Element] = []

    var isEmpty: Bool { elements.isEmpty }
    var count: Int { elements.count }
    var first: Element? { elements.first }

    /// Adds an object that was made after all others of the list.
    mutating func append(_ element: Element) {
        precondition(elements.last.map { $0.order < element.order } ?? true, "an object out of order")
        elements.append(element)
    }

    mutating func remove(_ element: Element) {
        var low = 0
        var high = elements.count
        while low < high {
            let middle = (low + high) / 2
            if elements[middle].order < element.order { low = middle + 1 } else { high = middle }
        }
        guard low < elements.count, elements[low] === element else { return }
        elements.remove(at: low)
    }

    mutating func removeAll() { elements.removeAll() }
}
