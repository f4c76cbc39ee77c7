import Configuration
import Linux

/// No files but the input.
private struct NoFiles: ConfigurationFiles {
    func read(_ path: String, maximum: Int) throws(SystemError) -> [UInt8] {
        throw SystemError(code: 2, operation: "open \(path)")
    }

    func names(in folder: String) throws(SystemError) -> [String] { [] }
}

/// Reads the input as a configuration file. Nothing may trap; what is refused is refused with a `ConfigurationError`,
/// and what is read can be shown and handed to the model.
@c(LLVMFuzzerTestOneInput)
public func fuzzConfiguration(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    // SAFETY: libFuzzer lends `count` bytes for the call, and they are copied here.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    if let settings = try? Settings(parsing: input, file: "fuzz.yaml", files: NoFiles()) {
        _ = settings.entries
        _ = settings.modelOptions
        for guest in settings.guests { _ = settings.adapterIndices(of: guest.settings) }
    }
    return 0
}
