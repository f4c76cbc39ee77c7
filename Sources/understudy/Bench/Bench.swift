import ArgumentParser

/// Measures this machine's Understudy against baselines that it runs beside it.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the server against baselines in the same run.",
        discussion: """
            Starts a private server and, beside it, a bare libuv echo server of the same message sizes. Figures of one \
            run are comparable with each other, not with those of another machine or hour: read the ratios, each of \
            which is a figure divided by its baseline's.

            Exit status: 0 measured, 1 something failed, 64 wrong option.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Flag(help: "Fewer rounds, smaller sizes and fewer guests: a check that it works.")
    var quick = false

    func run() throws {
        do {
            let report = try BenchProgram.run(isQuick: quick)
            print(json ? report.json : report.table)
        } catch {
            TextLine.write("understudy bench: \(error)")
            throw ExitCode.failure
        }
    }
}
