// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target: Swift 6, no implicit existentials or imports, every unsafe operation spelled out.
let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

/// Where LLVM's headers are: Debian's llvm-19-dev ships no file for pkg-config.
let llvm = Context.environment["LLVM_PREFIX"] ?? "/usr/lib/llvm-19"

let package = Package(
    name: "understudy",
    products: [
        .executable(name: "understudy", targets: ["understudy"]),
        .executable(name: "understudy-worker", targets: ["understudy-worker"]),
        .library(name: "Guest", targets: ["Guest"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    ],
    targets: [
        // The outside world, wrapped once.
        .systemLibrary(name: "CLibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
        .target(name: "CLinux"),
        .target(name: "Linux", dependencies: ["CLinux"], swiftSettings: swiftSettings),
        .target(name: "EventLoop", dependencies: ["CLibuv", "Linux"], swiftSettings: swiftSettings),

        // The pure rooms: no input or output, no clock, no threads.
        .target(name: "DXGProtocol", swiftSettings: swiftSettings),
        .target(name: "VMBus", swiftSettings: swiftSettings),
        .target(name: "CSoftGPU"),
        .target(
            name: "SoftGPU",
            dependencies: [
                "DXGProtocol", "VMBus", "CSoftGPU",
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: swiftSettings),

        // SPIR-V modules, read and checked: pure as well.
        .target(name: "SPIRV", swiftSettings: swiftSettings),

        // GPU address spaces as processes.
        .target(name: "WorkerProtocol", dependencies: ["CSoftGPU"], swiftSettings: swiftSettings),
        .target(name: "CWorker", dependencies: ["CSoftGPU"]),
        // Static and at a fixed low address: nothing of the process may lie where GPU addresses do. Such flags reach
        // whatever links the target, so no test target can depend on it; `swift build` makes it beside them.
        .executableTarget(
            name: "understudy-worker",
            dependencies: ["CWorker", "CSoftGPU", "WorkerProtocol"],
            swiftSettings: swiftSettings,
            linkerSettings: [.unsafeFlags(["-static-executable", "-use-ld=lld"])]),
        .target(
            name: "Workers", dependencies: ["EventLoop", "Linux", "WorkerProtocol"],
            swiftSettings: swiftSettings),

        // SPIR-V to code objects. Only what depends on it links LLVM.
        .systemLibrary(name: "CLLVM", providers: [.apt(["llvm-19-dev"])]),
        .target(
            name: "Compiler", dependencies: ["CLLVM"],
            swiftSettings: swiftSettings + [.unsafeFlags(["-Xcc", "-I\(llvm)/include"])]),

        // The configuration file.
        .systemLibrary(name: "CLibyaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .target(
            name: "Configuration", dependencies: ["CLibyaml", "SoftGPU", "VMBus", "DXGProtocol", "Linux"],
            swiftSettings: swiftSettings),

        // What a server tells those who run it.
        .target(name: "Control", dependencies: ["SoftGPU", "VMBus", "DXGProtocol"], swiftSettings: swiftSettings),

        // The running server.
        .target(
            name: "Carriers",
            dependencies: ["EventLoop", "Linux", "VMBus", .product(name: "DequeModule", package: "swift-collections")],
            swiftSettings: swiftSettings),
        .target(
            name: "Host",
            dependencies: [
                "Carriers", "Configuration", "Control", "Workers", "WorkerProtocol", "EventLoop", "SoftGPU", "VMBus",
                "DXGProtocol", "Linux",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings),

        // The guest end, and the command line.
        .target(
            name: "Guest", dependencies: ["DXGProtocol", "VMBus", "CSoftGPU", "Linux", "Carriers"],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "understudy",
            dependencies: [
                "Host", "Guest", "Configuration", "Control", "Linux", "EventLoop", "Carriers", "VMBus", "SoftGPU",
                "DXGProtocol", "CSoftGPU",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings),

        .executableTarget(name: "understudy-bench-echo", dependencies: ["CLibuv"]),

        // What the example kernels of Kernels/ must compute, for whatever runs them.
        .target(name: "KernelReferences", path: "Tests/KernelReferences", swiftSettings: swiftSettings),
        .testTarget(name: "TidyTests", dependencies: ["KernelReferences"], swiftSettings: swiftSettings),
        .testTarget(name: "LinuxTests", dependencies: ["Linux"], swiftSettings: swiftSettings),
        .testTarget(name: "EventLoopTests", dependencies: ["EventLoop", "Linux"], swiftSettings: swiftSettings),
        .target(
            name: "DXGProtocolAccess", dependencies: ["DXGProtocol"], path: "Tests/DXGProtocolAccess",
            swiftSettings: swiftSettings),
        .testTarget(
            name: "DXGProtocolTests", dependencies: ["DXGProtocol", "DXGProtocolAccess"], exclude: ["Resources"],
            swiftSettings: swiftSettings),
        .testTarget(name: "VMBusTests", dependencies: ["VMBus"], swiftSettings: swiftSettings),
        .testTarget(name: "SPIRVTests", dependencies: ["SPIRV"], swiftSettings: swiftSettings),
        .testTarget(
            name: "SoftGPUTests", dependencies: ["SoftGPU", "DXGProtocol", "VMBus", "CSoftGPU"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "ConfigurationTests", dependencies: ["Configuration", "SoftGPU", "VMBus", "DXGProtocol", "Linux"],
            swiftSettings: swiftSettings),
        .testTarget(name: "ControlTests", dependencies: ["Control", "DXGProtocol"], swiftSettings: swiftSettings),
        .testTarget(
            name: "CarriersTests", dependencies: ["Carriers", "EventLoop", "Linux", "VMBus"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "WorkersTests",
            dependencies: ["Workers", "WorkerProtocol", "EventLoop", "Linux", "CSoftGPU"],
            exclude: ["Resources"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "CompilerTests",
            dependencies: [
                "Compiler", "Workers", "WorkerProtocol", "EventLoop", "Linux", "CSoftGPU",
            ],
            swiftSettings: swiftSettings + [.unsafeFlags(["-Xcc", "-I\(llvm)/include"])]),
        .testTarget(
            name: "HostTests",
            dependencies: [
                "Host", "Carriers", "Configuration", "EventLoop", "Linux", "SoftGPU", "VMBus", "DXGProtocol",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "GuestTests", dependencies: ["Guest", "Carriers", "DXGProtocol", "Linux", "VMBus"],
            swiftSettings: swiftSettings),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "Guest", "Control", "Carriers", "SoftGPU", "VMBus", "DXGProtocol", "CSoftGPU", "Linux", "understudy",
            ],
            swiftSettings: swiftSettings),
    ],
    cLanguageStandard: .gnu11
)

// Programs for libFuzzer: `scripts/fuzz` asks for them.
if Context.environment["FUZZ"] != nil {
    package.targets += [
        .executableTarget(
            name: "FuzzFrames", dependencies: ["Carriers"], path: "Fuzz/FuzzFrames", swiftSettings: swiftSettings),
        .executableTarget(
            name: "FuzzControl", dependencies: ["VMBus"], path: "Fuzz/FuzzControl", swiftSettings: swiftSettings),
        .executableTarget(
            name: "FuzzMessages", dependencies: ["DXGProtocol", "DXGProtocolAccess"], path: "Fuzz/FuzzMessages",
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "FuzzConfiguration", dependencies: ["Configuration", "Linux"], path: "Fuzz/FuzzConfiguration",
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "FuzzCodeObject", dependencies: ["Workers"], path: "Fuzz/FuzzCodeObject",
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "FuzzSPIRV", dependencies: ["SPIRV"], path: "Fuzz/FuzzSPIRV", swiftSettings: swiftSettings),
        .executableTarget(
            name: "FuzzCommands", dependencies: ["WorkerProtocol"], path: "Fuzz/FuzzCommands",
            swiftSettings: swiftSettings),
    ]
}

// A static program cannot have a sanitizer in it: `scripts/test-sanitized` brings the worker of an ordinary build.
if Context.environment["SANITIZED"] != nil {
    package.targets.removeAll { $0.name == "understudy-worker" }
    package.products.removeAll { $0.name == "understudy-worker" }
}
