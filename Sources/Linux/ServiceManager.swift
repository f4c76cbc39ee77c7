internal import Glibc

/// systemd's notification socket, where there is one (sd_notify(3)).
public enum ServiceManager {
    /// Tells the service manager a state, such as `READY=1`. Nothing happens where no manager asked for it.
    public static func notify(_ state: String) {
        guard let variable = unsafe getenv("NOTIFY_SOCKET") else { return }
        let name = unsafe String(cString: variable)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(name.utf8)
        guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        // SAFETY: the name fits the field, and the kernel reads no further than the length that it is given.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { field in
            unsafe field.copyBytes(from: bytes)
            // A name that starts with @ is in the abstract namespace, where the first byte is zero.
            if bytes[0] == UInt8(ascii: "@") { unsafe field[0] = 0 }
        }
        let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { return }
        let descriptor = FileDescriptor(owning: number)
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        var message = Array(state.utf8)
        unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { target in
                unsafe message.withUnsafeMutableBytes { buffer in
                    _ = unsafe sendto(
                        descriptor.rawValue, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL), target,
                        length)
                }
            }
        }
    }
}
