import CWorker
import Glibc
import WorkerProtocol

extension JobEnd {
    /// What a signal says about a job.
    init(_ fault: worker_fault) {
        let address = fault.address_known ? fault.address : nil
        switch fault.signal {
        case SIGSEGV where fault.is_lane_stack:
            self = .faulted(ProcessorFault(.stackOverflow, code: fault.code, address: fault.address))
        case SIGSEGV:
            self = .pageFault(address: address, write: fault.is_write)
        case SIGBUS where fault.address_known:
            self = .pageFault(address: address, write: fault.is_write)
        case SIGBUS:
            self = .faulted(ProcessorFault(.bus, code: fault.code, address: fault.address))
        case SIGFPE:
            self = .faulted(ProcessorFault(.arithmetic, code: fault.code, address: fault.address))
        case SIGSYS:
            self = .faulted(ProcessorFault(.systemCall, code: fault.code, address: fault.address))
        default:
            self = .faulted(ProcessorFault(.illegalInstruction, code: fault.code, address: fault.address))
        }
    }
}
