import Testing

@testable import Configuration

/// Adapters that are chosen by their profiles, as `serve --adapter` does.
@Suite struct ProfileChoiceTests {
    private static let files = MemoryFiles(files: [
        "profiles/compute.yaml": "name: compute\ncompute-only: true\n",
        "profiles/tiny.yaml": "name: tiny\nmemory: 16MiB\n",
        "profiles/broken.yaml": "name: broken\nmemroy: 16MiB\n",
        "other/tiny.yaml": "name: tiny\nmemory: 32MiB\n",
    ])

    private func choose(
        _ profiles: [String], in folder: String? = "profiles", of settings: Settings = Settings()
    ) throws(ConfigurationError) -> Settings {
        var settings = settings
        try settings.replaceAdapters(with: profiles, in: folder, from: "--adapter", files: Self.files)
        return settings
    }

    private func problems(_ profiles: [String], of settings: Settings = Settings()) -> [String] {
        do throws(ConfigurationError) {
            _ = try choose(profiles, of: settings)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test func adaptersComeInTheirOrder() throws {
        let settings = try choose(["tiny", "compute", "default"])
        #expect(settings.adapters.map(\.name) == ["tiny", "compute", "default"])
        #expect(settings.adapters.map(\.isComputeOnly) == [false, true, false])
        #expect(settings.adapters[0].memory == 16 << 20)
        #expect(settings.adapterIndices(of: settings.guest) == [0, 1, 2])
    }

    @Test func foldersAreTheFilesUnlessTold() throws {
        let settings = try Settings("adapter-profiles: other\nadapters: [default]\n", files: Self.files)
        #expect(try choose(["tiny"], in: nil, of: settings).adapters.map(\.memory) == [32 << 20])
        #expect(try choose(["tiny"], of: settings).adapters.map(\.memory) == [16 << 20])
    }

    @Test func whatIsWrongIsNamed() {
        #expect(
            problems(["tinny"]) == [
                "--adapter: 'tinny' is not an adapter profile of profiles (nearest: 'tiny'); "
                    + "allowed: broken, compute, default, tiny"
            ])
        #expect(problems(["../tiny"]).first?.hasPrefix("--adapter: '../tiny' is not an adapter profile") == true)
        #expect(problems(["tiny", "tiny"]) == ["--adapter: 'tiny' is there twice; allowed: each profile once"])
        #expect(problems(["broken"]).first?.hasPrefix("profiles/broken.yaml:2: memroy: ") == true)
        #expect(problems([]) == ["--adapter: 0 adapters; allowed: 1 to 16"])
    }

    /// A guest is not left without an adapter that its section gives it.
    @Test func guestsKeepTheirAdapters() throws {
        let text = "adapters: [default]\nguests: [{name: a, adapters: [default]}]\n"
        let settings = try Settings(text, files: Self.files)
        #expect(try choose(["compute", "default"], of: settings).guests[0].settings.adapters == ["default"])
        #expect(
            problems(["compute"], of: settings) == [
                "--adapter: 'default' is missing, an adapter of guest 'a' in the configuration; "
                    + "allowed: profiles that it is among"
            ])
    }
}
