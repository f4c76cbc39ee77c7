import ArgumentParser
import Configuration

extension Settings {
    /// The settings of a file, or the defaults without one. Says what is wrong with the file, and exits with 64.
    init(orExitWithProblemsOf path: String?) throws {
        self = try Self.orExit { () throws(ConfigurationError) in
            try path.map { (path) throws(ConfigurationError) in try Settings(file: path) } ?? Settings()
        }
    }

    /// Takes these profiles' adapters. Says what is wrong with them, and exits with 64.
    mutating func replaceAdaptersOrExit(with profiles: [String], in folder: String?) throws {
        var changed = self
        try Self.orExit { () throws(ConfigurationError) in
            try changed.replaceAdapters(with: profiles, in: folder, from: "--adapter")
        }
        self = changed
    }

    private static func orExit<Value>(_ body: () throws(ConfigurationError) -> Value) throws -> Value {
        do throws(ConfigurationError) {
            return try body()
        } catch {
            TextLine.write("\(error)")
            throw ExitCode.validationFailure
        }
    }
}
