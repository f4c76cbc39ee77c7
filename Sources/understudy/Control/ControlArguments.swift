import ArgumentParser
import Configuration
import Control

/// Where to ask, and how to show the answer.
struct ControlArguments: ParsableArguments {
    @Option(help: ArgumentHelp("The server's control socket, as given to `serve --control`.", valueName: "path"))
    var control: String

    @Flag(help: "Print the answer as it comes: a line of JSON (docs/control.md).")
    var json = false

    func validate() throws {
        if !ControlSettings.pathBytes.contains(control.utf8.count) {
            throw ValidationError(
                "--control '\(control)': a path of 1 to \(ControlSettings.pathBytes.upperBound) bytes")
        }
    }

    /// Asks and prints the answer, by `show` unless it is wanted as it comes.
    func run<Reply: Codable>(_ request: ControlRequest, show: (Reply) -> String) throws {
        do {
            let reply = try ControlClient(path: control).ask(request, for: Reply.self)
            print(json ? String(decoding: JSONLine.encode(reply).dropLast(), as: UTF8.self) : show(reply))
        } catch let error as ErrorReply {
            TextLine.write("understudy: \(error.error)")
            throw ExitCode.failure
        } catch {
            TextLine.write("understudy: \(control): \(error)")
            throw ExitCode.failure
        }
    }
}
