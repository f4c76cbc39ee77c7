internal import SPIRV

/// libFuzzer's entry: a guest that hands over a module.
///
/// The first byte chooses whether the input is a module's words as they are, behind a header that is right, or a sound
/// module with the input's changes, each of four bytes: where (two), how, what.
@c(LLVMFuzzerTestOneInput)
public func fuzzSPIRV(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes that stay for the call; the copy is all that is used.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
    guard let choice = input.first else { return 0 }
    let bytes = Array(input.dropFirst())
    let module: Module
    do {
        switch choice % 3 {
        case 0: module = try Module(bytes: bytes)
        case 1: module = try Module(words: SoundWords.header + Module.words(of: bytes))
        default: module = try Module(words: changed(bytes))
        }
    } catch {
        precondition(error.wordOffset >= 0 && error.wordOffset <= SoundWords.all.count + bytes.count + 5)
        precondition(!error.reason.isEmpty)
        return 0
    }
    observe(module)
    return 0
}

private func changed(_ bytes: [UInt8]) -> [UInt32] {
    var words = SoundWords.all
    for index in stride(from: 0, to: bytes.count - 3, by: 4) where !words.isEmpty {
        let place = (Int(bytes[index]) | Int(bytes[index + 1]) << 8) % words.count
        let how = bytes[index + 2]
        let value = UInt32(bytes[index + 3])
        let shift = UInt32(how & 3) * 8
        switch how >> 6 {
        case 0: words.remove(at: place)
        case 1: words.insert(value, at: place)
        default: words[place] = words[place] & ~(0xFF << shift) | value << shift
        }
    }
    return words
}

/// What a code generator looks at is there for every module that was read.
private func observe(_ module: Module) {
    _ = try? ConstantTable(module, specialization: [0: 7])
    for function in module.functions {
        let graph = ControlFlowGraph(function)
        let dominators = DominatorTree(dominatorsOf: graph)
        precondition(graph.successors.indices.allSatisfy { graph.isReachable($0) == dominators.contains($0) })
        _ = DominatorTree(postDominatorsOf: graph)
        precondition(function.blocks.allSatisfy { module.blockIndex($0.label) != nil })
        for block in function.blocks {
            precondition(block.successors.allSatisfy { $0 > 0 && $0 < function.blocks.count })
            for index in Array(block.phis) + Array(block.body) {
                let instruction = module.instructions[index]
                _ = module.operands(instruction).count
                if let result = instruction.result {
                    precondition(module.typeID(ofValue: result) == instruction.resultType)
                    _ = module.decorations(of: result).count
                }
            }
            for index in block.phis { _ = module.phiSources(module.instructions[index]) }
        }
    }
    for entryPoint in module.entryPoints {
        _ = module.function(entryPoint.function)
        _ = module.executionModes(of: entryPoint.function)
    }
}
