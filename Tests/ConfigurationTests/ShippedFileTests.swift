import SoftGPU
import Testing
import VMBus

@testable import Configuration

/// The files that come with the project: they are the reference that people read, so they must be right.
@Suite struct ShippedFileTests {
    /// The main file with everything switched on that is off.
    private static func everything() throws -> [UInt8] {
        let lines = try Project.text("config/understudy.yaml").split(separator: "\n", omittingEmptySubsequences: false)
        return Array(
            lines.map { $0.hasPrefix("#") && !$0.hasPrefix("##") ? $0.dropFirst() : $0 }.joined(separator: "\n").utf8)
    }

    @Test func mainFileIsTheDefaults() throws {
        let settings = try Settings(file: "\(Project.root)/config/understudy.yaml")
        var standard = Settings()
        standard.adapterProfiles = "\(Project.root)/config/adapters"
        #expect(settings.entries == standard.entries)
    }

    @Test func mainFileHasEveryKey() throws {
        let file = FileReading(name: "\(Project.root)/config/understudy.yaml", files: SystemFiles())
        let document = try #require(file.document(try Self.everything()))
        var settings = Settings()
        settings.adapterProfiles = "\(Project.root)/config/adapters"
        Settings.schema.read(document, into: &settings, at: file.root)
        #expect(file.problems == [])
        // Which element of a list a key is in does not matter.
        let found = Set(
            file.lines.keys.map { path in
                path.split(separator: "[").map { part in
                    part.first?.isNumber == true ? "]" + part.drop { $0 != "]" }.dropFirst() : String(part)
                }.joined(separator: "[")
            })
        for description in Settings.descriptions {
            #expect(found.contains(description.path), "\(description.path) is not in config/understudy.yaml")
        }
    }

    @Test func examplesShowDefaults() throws {
        let path = "\(Project.root)/config/understudy.yaml"
        let settings = try Settings(parsing: try Self.everything(), file: path)
        // What must be given, and examples that say something else on purpose.
        let chosen = [
            "name", "endpoint", "profile", "memory", "adapters[1].registry", "guests[0].limits.memory",
        ]
        let standard = Dictionary(
            uniqueKeysWithValues: Settings.descriptions.compactMap { entry in entry.standard.map { (entry.path, $0) } })
        for entry in settings.entries where !chosen.contains(where: { entry.path.contains($0) }) {
            let general = entry.path.replacing("[0]", with: "[]").replacing("[1]", with: "[]")
            if let value = standard[general] {
                #expect(entry.value == value || entry.path == "adapter-profiles", "\(entry.path)")
            }
        }
    }

    @Test func profilesAreWhatTheyAreCalled() throws {
        let profiles = AdapterProfiles(folder: "\(Project.root)/config/adapters")
        #expect(profiles.names == ["compute", "default"])
        let standard = try profiles.adapter("default")
        #expect(
            AdapterSettings.schema.list(standard, at: "") == AdapterSettings.schema.list(AdapterSettings(), at: ""))
        let compute = try profiles.adapter("compute")
        #expect(compute.isComputeOnly)
        #expect(compute.function == .computeAccelerator)
        #expect(compute.nodes.map(\.engineType) == [0, 6])
    }

    /// The example of several adapters is one: every path of a driver has a guest in it.
    @Test func severalAdapters() throws {
        let settings = try Settings(file: "\(Project.root)/config/several-adapters.yaml")
        #expect(settings.adapters.map(\.name) == ["default", "compute", "small"])
        #expect(settings.adapters.map(\.isComputeOnly) == [false, true, false])
        #expect(settings.adapters.map(\.memory) == [4 << 30, 4 << 30, 256 << 20])
        #expect(Set(settings.modelOptions.adapters.map(\.hostLUID)).count == 3)
        #expect(settings.adapterIndices(of: settings.guest) == [0, 1, 2])
        let guests = Dictionary(uniqueKeysWithValues: settings.guests.map { ($0.name, $0.settings) })
        #expect(guests["old"]?.interfaceVersion == 27)
        #expect(guests["old"]?.mapsGuestPages == false)
        #expect(guests["async"]?.asyncMessages == true)
        #expect(guests["async"].map { settings.adapterIndices(of: $0) } == [1, 0])
        #expect(guests["paging"]?.pagingNanoseconds == 2_000_000)
        #expect(guests["lenient"]?.allowsNonResidentAccess == true)
    }

    /// `docs/configuration.md` has a row for every key, with what the program really takes and has.
    @Test func documentHasEveryKey() throws {
        let document = try Project.text("docs/configuration.md")
        let rows = Set(
            document.split(separator: "\n").map { $0.split(separator: "|").prefix(3).joined(separator: "|") })
        for entry in Settings.descriptions {
            let standard = entry.standard.map { "`\($0)`" } ?? ""
            #expect(rows.contains(" `\(entry.path)` | \(standard) | \(entry.allowed) "), "no row like it for \(entry)")
        }
    }
}
