import Testing
import WorkerProtocol

@Suite struct RecordTests {
    static let hostRecords: [HostRecord] = [
        .map(
            MapOrder(
                address: 0x1234_5678_9abc_d000, length: 0x1000, descriptor: 1003, offset: .max - 1,
                access: [.read, .execute])),
        .unmap(address: 1, length: .max),
        .run(RunOrder(job: .max, engine: 15, address: 8, length: 16)),
        .abort(job: 5, engine: 6),
        .codeReady(job: 5, engine: 6, image: CodeImageSize(imageBytes: 1, fileBytes: 2, alignment: 3)),
        .codeUnmapped(job: 5, engine: 6, address: 7),
        .codeRefused(job: 5, engine: 6),
        .synchronize(token: 9),
    ]

    private static func ended(_ end: JobEnd) -> WorkerRecord {
        .ended(JobReport(job: 1, engine: 2, end: end, packetOffset: 3, startedAt: 4, endedAt: 5))
    }

    static let workerRecords: [WorkerRecord] = [
        .hello(version: 1), .ready, .failed(stage: .filter, code: -1),
        .needCode(job: 1, engine: 2, address: 3, size: 4),
        .orderFailed(address: 1, length: 2, code: 12), .synchronized(token: 3), ended(.completed), ended(.aborted),
        ended(.codeRefused), ended(.pageFault(address: nil, write: false)), ended(.pageFault(address: 0, write: true)),
        ended(.invalidCommand(CommandError(.gridTooLarge, value: .max))),
        ended(.faulted(ProcessorFault(.systemCall, code: -5, address: .max))),
    ]

    private func bytes(_ record: Record) -> [UInt8] {
        var bytes: [UInt8] = []
        record.append(to: &bytes)
        return bytes
    }

    @Test(arguments: hostRecords)
    func carriesHostRecords(record: HostRecord) throws {
        let bytes = bytes(record.record)
        #expect(bytes.count == Record.size)
        #expect(try HostRecord(Record(unsafe bytes.span.bytes)) == record)
        #expect(throws: RecordError.self) { try WorkerRecord(Record(unsafe bytes.span.bytes)) }
    }

    @Test(arguments: workerRecords)
    func carriesWorkerRecords(record: WorkerRecord) throws {
        let bytes = bytes(record.record)
        #expect(bytes.count == Record.size)
        #expect(try WorkerRecord(Record(unsafe bytes.span.bytes)) == record)
        #expect(throws: RecordError.self) { try HostRecord(Record(unsafe bytes.span.bytes)) }
    }

    @Test func isLittleEndian() {
        let bytes = bytes(HostRecord.abort(job: 0x0102_0304_0506_0708, engine: 0x0a0b_0c0d).record)
        #expect(bytes[..<16] == [4, 0, 0, 0, 0x0d, 0x0c, 0x0b, 0x0a, 8, 7, 6, 5, 4, 3, 2, 1])
    }

    @Test(arguments: [0, 1, 63, 64, 100])
    func refusesPartsOfRecords(offset: Int) {
        let bytes = [UInt8](repeating: 0, count: 127)
        let fits = offset <= 63
        let record = try? Record(unsafe bytes.span.bytes, at: offset)
        #expect((record != nil) == fits)
    }

    /// Every byte of every record, with a bit turned: an error or another record. Nothing is ignored.
    @Test func checksEveryBit() throws {
        for original in RecordTests.workerRecords {
            let good = bytes(original.record)
            for place in good.indices {
                for bit in 0..<8 {
                    var changed = good
                    changed[place] ^= 1 << UInt8(bit)
                    let record = try? WorkerRecord(Record(unsafe changed.span.bytes))
                    #expect(record != original, "byte \(place)")
                }
            }
        }
    }
}
