import SoftGPU

// Names of the model that `Workers` has too, under others for the files that use both.
typealias ModelOutcome = JobOutcome
typealias ModelAccess = GPUAccess
