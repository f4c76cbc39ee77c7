/// A variable outside of functions.
public struct GlobalVariable: Hashable, Sendable {
    /// Its ID, which is a pointer to it.
    public let id: ID
    /// The ID of the pointer's type.
    public let type: ID
    /// Where it lies.
    public let storageClass: StorageClass
    /// The constant or global variable that it begins with, if any.
    public let initializer: ID?
    /// Index of the first word of its declaration.
    public let wordOffset: Int
}
