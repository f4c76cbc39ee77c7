/// A variable part of a message, behind its declared fields and the parts before it.
public struct TailDescription: Hashable, Sendable {
    /// What the part consists of.
    public enum Element: Hashable, Sendable {
        case value(FieldDescription.Kind, bytes: Int)
        case structure(String, bytes: Int)
        /// Private data of each element of the part named, as long as that element's size field says.
        case chunks(of: String, sizeField: String)
    }

    /// The name in messages.json.
    public let name: String

    /// Where the part begins; `nil` if it follows the part before it.
    public let offset: Int?

    /// What the part consists of.
    public let element: Element

    /// The field of the request that counts the elements.
    public let countField: String

    /// The smallest number of elements.
    public let minimumCount: Int

    /// With this field of the request nonzero there is one element, whatever the count.
    public let oneWhen: String?

    /// With this field of the request zero there is one element, whatever the count.
    public let oneUnless: String?

    /// Whether the part may be left out; the message's length tells.
    public let isOptional: Bool

    init(
        _ name: String, at offset: Int? = nil, _ element: Element, count countField: String,
        atLeast minimumCount: Int = 0,
        oneWhen: String? = nil, oneUnless: String? = nil, isOptional: Bool = false
    ) {
        self.name = name
        self.offset = offset
        self.element = element
        self.countField = countField
        self.minimumCount = minimumCount
        self.oneWhen = oneWhen
        self.oneUnless = oneUnless
        self.isOptional = isOptional
    }
}
