import Glibc

/// A directory for one test, gone with the object.
final class TemporaryDirectory {
    let path: String

    init() {
        var template = Array("/tmp/understudy-test-XXXXXX".utf8CString)
        // SAFETY: mkdtemp fills in the six letters of the array's own storage.
        path = unsafe template.withUnsafeMutableBufferPointer { unsafe String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit {
        // SAFETY: the directory stream is used between opendir and closedir only.
        if let stream = unsafe opendir(path) {
            while let entry = unsafe readdir(stream) {
                let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
                    unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name != "." && name != ".." { unsafe unlink("\(path)/\(name)") }
            }
            unsafe closedir(stream)
        }
        unsafe rmdir(path)
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }
}
