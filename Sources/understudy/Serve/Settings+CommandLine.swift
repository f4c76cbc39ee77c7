import ArgumentParser
import Configuration

extension Settings {
    /// The settings of a file, or the defaults without one. Says what is wrong with the file, and exits with 64.
    init(orExitWithProblemsOf path: String?) throws {
        do throws(ConfigurationError) {
            self = try path.map { (path) throws(ConfigurationError) in try Settings(file: path) } ?? Settings()
        } catch {
            TextLine.write("\(error)")
            throw ExitCode.validationFailure
        }
    }
}
