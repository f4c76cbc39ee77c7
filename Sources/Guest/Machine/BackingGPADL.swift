internal import DXGProtocol
internal import Synchronization

/// A GPADL that describes the pages of an allocation, and ends after the allocation (docs/protocol/findings.md 2).
struct BackingGPADL: Hashable, Sendable {
    let process: D3DKMTHandle
    let device: D3DKMTHandle
    let resource: D3DKMTHandle
    let allocation: D3DKMTHandle
    let gpadl: UInt32
}

extension GuestMachine {
    func remember(_ backing: BackingGPADL) {
        backings.withLock { $0.append(backing) }
    }

    /// Tears down the GPADLs of allocations that the host has just let go. One that fails is the host's fault and shows
    /// in its oddities or in the end of the connection.
    func tearDownGPADLs(where isGone: (BackingGPADL) -> Bool) {
        let gone = backings.withLock { backings in
            let gone = backings.filter(isGone)
            backings.removeAll(where: isGone)
            return gone
        }
        for backing in gone { try? tearDownGPADL(backing.gpadl) }
    }
}
