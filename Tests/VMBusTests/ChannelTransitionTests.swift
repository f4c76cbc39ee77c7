import Testing

@testable import VMBus

/// Every state with every event, against a table written independently of the code.
struct ChannelTransitionTests {
    /// A row for each event, a column for each state: `.` legal without consequence, `!` the guest may not do this,
    /// `x` the channel is gone, otherwise the next state by its abbreviation.
    static let columns: [(name: String, state: ChannelState)] = [
        ("Rel", .clientReleased), ("Cls", .closed), ("Opg", .opening), ("Opn", .open), ("Clg", .closing),
        ("ClR", .closingReopen), ("Rev", .revoked), ("Reo", .reoffered), ("CCR", .closingClientRelease),
        ("OCR", .openingClientRelease),
    ]

    static let table = """
                          Rel Cls Opg Opn Clg ClR Rev Reo CCR OCR
        announced         Cls .   .   .   .   .   .   .   .   .
        openRequested     !   Opg !   !   ClR !   .   .   !   !
        closeRequested    !   !   !   Clg !   !   .   .   !   !
        modifyRequested   !   !   !   Opn !   !   Rev Reo !   !
        relidReleased     !   !   !   !   !   !   x   Rel !   !
        clientReleased    .   Rel OCR CCR CCR CCR x   Rel .   .
        openSucceeded     .   .   Opn .   .   .   .   .   .   CCR
        openFailed        .   .   Cls .   .   .   .   .   .   Rel
        closeCompleted    .   .   .   .   Cls Opg .   .   Rel .
        rescinded         x   Rev Rev Rev Rev Rev .   Rev x   x
        deviceReturned    .   .   .   .   .   .   Reo .   .   .
        """

    /// The lines of the table, split into words: first the columns' heads, then the rows.
    static let lines = table.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }

    @Test func `The table is complete`() {
        #expect(Set(Self.columns.map(\.state)) == Set(ChannelState.allCases))
        #expect(Self.lines[0] == Self.columns.map(\.name))
        #expect(Self.lines.count == ChannelEvent.allCases.count + 1)
    }

    @Test(arguments: ChannelEvent.allCases)
    func `Every state goes where the table says`(event: ChannelEvent) throws {
        let row = try #require(Self.lines.first { $0[0] == "\(event)" })
        let cells = row.dropFirst()
        try #require(cells.count == Self.columns.count)
        for (cell, column) in zip(cells, Self.columns) {
            let transition = column.state.transition(on: event)
            let found =
                switch transition {
                case .quiet: "."
                case .violation: "!"
                case .removed: "x"
                case .to(let state, _): Self.columns.first { $0.state == state }?.name ?? "?"
                }
            #expect(found == cell, "\(event) in \(column.state)")
        }
    }

    /// All transitions that do something besides changing the state.
    static let effects: [(state: ChannelState, event: ChannelEvent, effects: [ChannelTransition.Effect])] = [
        (.clientReleased, .announced, [.sendOffer]),
        (.closed, .openRequested, [.askDeviceToOpen]),
        (.closed, .rescinded, [.sendRescind]),
        (.opening, .openSucceeded, [.sendOpenSucceeded]),
        (.opening, .openFailed, [.sendOpenFailed]),
        (.opening, .rescinded, [.sendOpenFailed, .sendRescind]),
        (.open, .closeRequested, [.askDeviceToClose]),
        (.open, .modifyRequested, [.tellDeviceToModify, .sendModifySucceeded]),
        (.open, .clientReleased, [.askDeviceToClose]),
        (.open, .rescinded, [.sendRescind]),
        (.closing, .rescinded, [.sendRescind]),
        (.closingReopen, .closeCompleted, [.askDeviceToOpen]),
        (.closingReopen, .rescinded, [.sendOpenFailed, .sendRescind]),
        (.openingClientRelease, .openSucceeded, [.askDeviceToClose]),
        (.closed, .modifyRequested, [.sendModifyFailed]),
        (.opening, .modifyRequested, [.sendModifyFailed]),
        (.closing, .modifyRequested, [.sendModifyFailed]),
        (.closingReopen, .modifyRequested, [.sendModifyFailed]),
        (.revoked, .modifyRequested, [.sendModifyFailed]),
        (.reoffered, .modifyRequested, [.sendModifyFailed]),
    ]

    @Test func `Transitions have the listed effects and no others`() {
        for state in ChannelState.allCases {
            for event in ChannelEvent.allCases {
                let found: [ChannelTransition.Effect] =
                    switch state.transition(on: event) {
                    case .to(_, let effects), .violation(let effects): effects
                    case .removed, .quiet: []
                    }
                let expected = Self.effects.first { $0.state == state && $0.event == event }?.effects ?? []
                #expect(found == expected, "\(event) in \(state)")
            }
        }
    }
}
