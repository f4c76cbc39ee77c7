import CWorker
import WorkerProtocol

/// The process of one GPU address space: `understudy-worker ENGINES LANES`, with the channel as descriptor 0.
@main
enum Worker {
    static func main() {
        worker_enter_low_stack(serve)
    }
}

/// The service thread: starts the others, locks the process down, and carries out the host's orders.
///
/// Free functions, since C calls them and code inside an `@main` type would be bound to the main actor.
private func serve() {
    let channel = HostChannel()
    guard let (engines, lanes) = parseArguments() else {
        channel.fail(.arguments, 0)
    }
    // SAFETY: the function lives as long as the process, and so do the engines whose pointers it is called with.
    channel.require(.threads, unsafe worker_start_threads(engines, lanes, runEngine))
    channel.require(
        .addressSpace, worker_clear_addresses(Channel.gpuWindow.lowerBound, Channel.gpuWindow.upperBound))
    channel.require(.limits, worker_set_limits(Channel.descriptor))
    channel.require(.filter, channel.installFilter())
    channel.send(.ready)
    Service(channel: channel).run()
}

/// An engine's thread.
private func runEngine(_ handle: OpaquePointer?, _ index: UInt32) {
    guard let handle = unsafe handle else { worker_exit(1) }
    var engine = unsafe Engine(handle: handle, index: index, code: .shared)
    engine.run()
}

private func parseArguments() -> (engines: UInt32, lanes: UInt32)? {
    let arguments = CommandLine.arguments
    guard arguments.count == 3, let engines = UInt32(arguments[1]), let lanes = UInt32(arguments[2]) else { return nil }
    return (engines, lanes)
}
