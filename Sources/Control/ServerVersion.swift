/// The release that this is.
public enum ServerVersion {
    /// As semantic versioning writes it.
    public static let number = "0.1.0"
}
