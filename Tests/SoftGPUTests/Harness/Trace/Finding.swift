/// A promise that a trace breaks.
struct Finding: CustomStringConvertible {
    let rule: Rule
    /// The place in the trace, counted from 0.
    let step: Int
    let text: String

    var description: String { "step \(step), \(rule.rawValue): \(text)" }

    /// What holds for every trace of a model.
    enum Rule: String, CaseIterable {
        case oneAnswer = "every request is answered exactly once"
        case fenceOrder = "a fence never goes back, except where a signal allows it or the GPU writes it"
        case earlyWait = "no wait ends before its values are there"
        case lateWait = "what is waited for comes as soon as it can"
        case cause = "nothing happens before its cause, or without one"
        case residency = "the GPU sees memory that is mapped there and resident, and no other"
        case handles = "a handle works in the process that it was given to, and nowhere else"
        case isolation = "a guest hears of its own doings only"
        case budget = "what processes use adds up to what is used, and fits"
        case release = "memory is given back when nobody sees it, and has one owner until then"
        case worker = "workers are told what makes sense"
    }
}
