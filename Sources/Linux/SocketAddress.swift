internal import CLinux
internal import Glibc

/// Addresses as the kernel wants them.
extension Endpoint {
    var family: Int32 {
        if case .vsock = self { AF_VSOCK } else { AF_UNIX }
    }

    /// Calls `body` with the address that the endpoint's socket is bound to, or connects to.
    func withAddress<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) throws(SystemError) -> Result {
        if case .vsock(let cid, let port) = self {
            var address = sockaddr_vm()
            address.svm_family = sa_family_t(AF_VSOCK)
            address.svm_cid = cid
            address.svm_port = port
            return unsafe Self.rebound(&address, body)
        }
        let path = Array((socketPath ?? "").utf8)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard !path.isEmpty, path.count <= Self.maximumPathBytes, !path.contains(0) else {
            throw SystemError(code: ENAMETOOLONG, operation: "use \(self) as an address")
        }
        // SAFETY: the path is shorter than the field, checked above; the rest of it stays zero.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path) }
        return unsafe Self.rebound(&address, body)
    }

    /// SAFETY: the kernel reads an address through its general form and knows the real one by family and length.
    @unsafe
    private static func rebound<Address, Result>(
        _ address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
                unsafe body(general, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }
}
