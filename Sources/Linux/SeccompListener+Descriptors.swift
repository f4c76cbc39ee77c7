internal import CLinux

extension SeccompListener {
    /// Puts a descriptor (borrowed) into the process whose call waits, under the given number there; what has that
    /// number is closed. The filter's limits on the process do not matter. From Linux 5.9.
    public borrowing func place(_ file: Int32, as number: UInt32, for identifier: UInt64) throws(SystemError) {
        let listener = descriptor.rawValue
        _ = try systemCall("place descriptor \(file) as \(number) for system call \(identifier)") {
            linux_seccomp_place_descriptor(listener, identifier, file, number)
        }
    }
}
