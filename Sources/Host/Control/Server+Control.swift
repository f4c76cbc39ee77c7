import Carriers
import Control
import Linux
import SoftGPU
import VMBus

/// What the control socket is answered (docs/control.md 3 to 6).
extension Server {
    func answer(_ request: ControlRequest) -> [UInt8] {
        switch request {
        case .version: JSONLine.encode(VersionReply(version: ServerVersion.number))
        case .capabilities: JSONLine.encode(options.settings.capabilities)
        case .guests:
            JSONLine.encode(
                GuestsReply(guests: sessions.values.sorted { $0.id < $1.id }.compactMap { report(on: $0) }))
        case .fences(let number, let all):
            if let fences = model.inspectFences(of: GuestID(rawValue: number), all: all) {
                JSONLine.encode(FencesReply(guest: number, fences: fences))
            } else {
                JSONLine.encode(ErrorReply(error: "guest \(number) is not connected"))
            }
        }
    }

    private func report(on session: GuestSession) -> GuestReport? {
        model.inspect(session.id).map { gpu in
            GuestReport(
                guest: session.id.rawValue, name: session.name, id: session.guestID.description,
                peer: session.carrier.peer.description,
                connectedMilliseconds: (now.nanoseconds - session.connectedAt.nanoseconds) / 1_000_000,
                workers: spaces.values.count { $0.session === session }, gpu: gpu)
        }
    }
}
