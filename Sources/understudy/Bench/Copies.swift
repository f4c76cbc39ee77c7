import Guest

/// COPY packets against memcpy.
struct Copies {
    let server: PrivateServer
    let isQuick: Bool

    func measure(into report: inout BenchReport) throws {
        let guest = try BareGuest(endpoint: server.endpoint)
        try guest.start()
        let queue = try guest.makeQueue()
        let commands = try guest.makeMemory(bytes: 4096, isCPUVisible: true)
        let sizes: [UInt64] = isQuick ? [1 << 20] : [1 << 20, 16 << 20, 256 << 20]
        var value: UInt64 = 0
        for size in sizes {
            let source = try guest.makeMemory(bytes: size, isCPUVisible: false)
            let destination = try guest.makeMemory(bytes: size, isCPUVisible: false)
            let plain = try PlainCopy(bytes: Int(size))
            var gpuBest = UInt64.max
            var plainBest = UInt64.max
            for _ in 0..<(isQuick ? 3 : 9) {
                var buffer = CommandBuffer()
                buffer.timestamp(to: commands.address + 2048)
                buffer.copy(from: source.address, to: destination.address, bytes: size)
                buffer.timestamp(to: commands.address + 2056)
                try guest.write(buffer.bytes, to: commands)
                value += 1
                try guest.expect(value, of: queue.fence, event: value)
                try guest.submit(commands.address, bytes: buffer.bytes.count, to: queue, value: value, event: value)
                let first = try guest.readUInt64(from: commands, at: 2048)
                let last = try guest.readUInt64(from: commands, at: 2056)
                gpuBest = min(gpuBest, last - first)
                plainBest = min(plainBest, plain.run())
            }
            report.add(
                "copy.\(size >> 20)", "COPY of \(size >> 20) MiB, best, against memcpy on one core",
                Double(size) / Double(gpuBest), "GB/s", ratio: Double(plainBest) / Double(gpuBest), aim: "at least 0.9")
            try guest.destroy(source)
            try guest.destroy(destination)
        }
    }
}
