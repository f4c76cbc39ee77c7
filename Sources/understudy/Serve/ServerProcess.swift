import ArgumentParser
import Configuration
import EventLoop
import Glibc
import Host
import Linux
import Logging

/// A server as a process: signals, the ready line, the pid file, exit statuses.
///
/// In functions of its own so that nothing here belongs to the main actor, which never gets a turn while the loop runs.
enum ServerProcess {
    static func run(settings: Settings, readyDescriptor: Int32?) throws {
        ProcessControl.ignoreBrokenPipes()
        ProcessControl.unblockSignals()
        do throws(SystemError) {
            try OpenFiles.raiseLimit()
            let loop = try EventLoop()
            let options = ServerOptions(
                settings: settings, workerExecutable: Programs.worker, lanes: Processor.count)
            let server = try Server(options: options, loop: loop, logger: logger(settings.log))
            let pidFile = try settings.pidFile.map { (path) throws(SystemError) in try PIDFile(path: path) }
            defer { pidFile?.remove() }
            try serve(server, on: loop, readyDescriptor: readyDescriptor)
        } catch {
            TextLine.write("understudy: \(error)")
            throw ExitCode(EX_OSERR)
        }
    }

    private static func serve(_ server: Server, on loop: EventLoop, readyDescriptor: Int32?) throws(SystemError) {
        var watchers: [SignalWatcher] = []
        var isDraining = false
        let stop = {
            guard !isDraining else { return server.finish() }
            isDraining = true
            ServiceManager.notify("STOPPING=1")
            server.drain()
        }
        server.onEnd = {
            for watcher in watchers { watcher.close() }
            watchers.removeAll()
        }
        for signal in [SIGTERM, SIGINT] { watchers.append(try SignalWatcher(loop, signal: signal, handler: stop)) }
        if let readyDescriptor {
            // Duplicated, so that closing it here leaves the caller's number alone; the reader sees the line at once.
            let ready = try FileDescriptor(duplicating: readyDescriptor)
            TextLine.write("ready", to: ready.rawValue)
        }
        ServiceManager.notify("READY=1")
        loop.run()
    }

    private static func logger(_ settings: LogSettings) -> Logger {
        var logger = Logger(label: "understudy") { label in
            switch settings.format {
            case .text: StreamLogHandler.standardError(label: label)
            case .json: JSONLogHandler()
            }
        }
        logger.logLevel = Logger.Level(rawValue: settings.level.rawValue) ?? .info
        return logger
    }
}
