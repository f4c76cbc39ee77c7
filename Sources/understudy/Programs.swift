import Linux

/// The programs of this project, which lie side by side.
enum Programs {
    static var worker: String { beside("understudy-worker") }

    /// A program of this project: in the same directory as this one.
    static func beside(_ name: String) -> String {
        guard let path = ProcessControl.executablePath else { return name }
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
        return folder + name
    }
}
