public import Configuration
public import Control
import Linux
import SoftGPU
import VMBus

extension Settings {
    /// What a server with these settings can do.
    public var capabilities: Capabilities {
        Capabilities(
            version: ServerVersion.number, transports: Endpoint.forms, adapters: adapters.map(\.capability))
    }
}

extension AdapterSettings {
    fileprivate var capability: AdapterCapability {
        AdapterCapability(
            name: name, profile: profile, description: description,
            pciID: "1414:00" + String(function.deviceID, radix: 16), memory: memory, nonLocalMemory: nonLocalMemory,
            wddmVersion: wddmVersion, hardwareScheduling: hardwareScheduling, nodes: nodes.map(\.name))
    }
}
