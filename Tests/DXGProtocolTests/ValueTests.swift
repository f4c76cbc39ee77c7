import DXGProtocol
import Testing

struct ValueTests {
    @Test func positiveCodesAreSuccesses() {
        #expect(NTStatus.success.isSuccess && NTStatus.pending.isSuccess && NTStatus.timeout.isSuccess)
        #expect(!NTStatus.noMemory.isSuccess && !NTStatus(rawValue: 0x8000_0000).isSuccess)
    }

    /// The values of docs/protocol/semantics.md 1.8.
    static let statuses: [(status: NTStatus, value: UInt32, name: String)] = [
        (.success, 0, "SUCCESS"), (.timeout, 0x102, "TIMEOUT"), (.pending, 0x103, "PENDING"),
        (.noMemory, 0xC000_0017, "NO_MEMORY"), (.invalidParameter, 0xC000_000D, "INVALID_PARAMETER"),
        (.invalidHandle, 0xC000_0008, "INVALID_HANDLE"), (.accessDenied, 0xC000_0022, "ACCESS_DENIED"),
        (.bufferTooSmall, 0xC000_0023, "BUFFER_TOO_SMALL"),
        (.objectTypeMismatch, 0xC000_0024, "OBJECT_TYPE_MISMATCH"),
        (.objectNameInvalid, 0xC000_0033, "OBJECT_NAME_INVALID"),
        (.objectNameNotFound, 0xC000_0034, "OBJECT_NAME_NOT_FOUND"),
        (.objectNameCollision, 0xC000_0035, "OBJECT_NAME_COLLISION"), (.notSupported, 0xC000_00BB, "NOT_SUPPORTED"),
        (.notImplemented, 0xC000_0002, "NOT_IMPLEMENTED"), (.illegalInstruction, 0xC000_001D, "ILLEGAL_INSTRUCTION"),
        (.deviceRemoved, 0xC000_02B6, "DEVICE_REMOVED"), (.unsuccessful, 0xC000_0001, "UNSUCCESSFUL"),
        (.graphicsAllocationBusy, 0xC01E_0102, "GRAPHICS_ALLOCATION_BUSY"),
        (.graphicsNoVideoMemory, 0xC01E_0100, "GRAPHICS_NO_VIDEO_MEMORY"),
        (.graphicsTooManyReferences, 0xC01E_0103, "GRAPHICS_TOO_MANY_REFERENCES"),
    ]

    @Test(arguments: statuses)
    func statusesHaveTheirValuesAndNames(status: NTStatus, value: UInt32, name: String) {
        #expect(status.rawValue == value && status.description == name)
    }

    @Test func unnamedStatusesAreShownAsNumbers() {
        #expect(NTStatus(rawValue: 0xC000_1234).description == "0xC0001234")
    }

    @Test func handlesAreMadeOfInstanceIndexAndUnique() {
        let handle = D3DKMTHandle(index: 5, unique: 1)
        #expect(handle.rawValue == 0x4000_0140)
        let all = D3DKMTHandle(rawValue: 0xFFFF_FFFF)
        #expect(all.instance == 0x3F && all.index == 0xFF_FFFF && all.unique == 3)
        let last = D3DKMTHandle(index: D3DKMTHandle.maximumIndex, unique: 2)
        #expect(last.index == 0xFF_FFFE && last.unique == 2 && last.instance == 0)
        #expect(D3DKMTHandle.none < handle && handle.description == "0x40000140")
    }

    @Test func luidsAreLowThenHigh() {
        let luid = LUID(low: 1, high: -1)
        #expect(luid.wire == 0xFFFF_FFFF_0000_0001 && LUID(wire: luid.wire) == luid)
        #expect(luid.description == "ffffffff-1")
    }

    @Test func onlyVersion40HasExtendedHeaders() {
        #expect(InterfaceVersion.v40.hasExtendedHeader && !InterfaceVersion.v27.hasExtendedHeader)
        #expect(!InterfaceVersion(rawValue: 39).hasExtendedHeader && InterfaceVersion.v27 < .v40)
    }
}
