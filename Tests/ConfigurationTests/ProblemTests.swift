import Testing

@testable import Configuration

/// Every way to be wrong, with its message.
@Suite struct ProblemTests {
    static let cases: [(text: String, problems: [String])] = [
        // Keys.
        (
            "limits:\n  guests: 5\n  wokers: 5\n",
            [
                "3: limits.wokers: 'wokers' is not a known key (nearest: 'workers'); allowed: guests, half-open-connections, workers"
            ]
        ),
        (
            "zebra: 1\nlog:\n  zebra: 1\n",
            [
                "1: zebra: 'zebra' is not a known key; allowed: listeners, adapter-profiles, adapters, guest, guests, limits, timeouts, workers, log, control, pid-file, drain-time",
                "3: log.zebra: 'zebra' is not a known key; allowed: level, format",
            ]
        ),
        ("listeners:\n  - permissions: 0600\n", ["2: listeners[0]: the key 'endpoint' is missing"]),
        ("guests:\n  - name: a\n  - {}\n", ["3: guests[1]: the key 'name' is missing"]),
        // Types.
        (
            "- a\n",
            [
                "1: a list is not a mapping; allowed: the keys listeners, adapter-profiles, adapters, guest, guests, limits, timeouts, workers, log, control, pid-file, drain-time"
            ]
        ),
        ("limits: 5\n", ["1: limits: '5' is not a mapping; allowed: the keys guests, half-open-connections, workers"]),
        ("limits:\n  guests: [5]\n", ["2: limits.guests: a list is not a whole number; allowed: 1 to 65536"]),
        ("limits:\n  guests: {a: 5}\n", ["2: limits.guests: a mapping is not a whole number; allowed: 1 to 65536"]),
        ("limits:\n  guests:\n", ["2: limits.guests: nothing is not a whole number; allowed: 1 to 65536"]),
        ("limits:\n  guests: many\n", ["2: limits.guests: 'many' is not a whole number; allowed: 1 to 65536"]),
        ("limits:\n  guests: +5\n", ["2: limits.guests: '+5' is not a whole number; allowed: 1 to 65536"]),
        ("limits:\n  guests: 1.5\n", ["2: limits.guests: '1.5' is not a whole number; allowed: 1 to 65536"]),
        ("listeners: unix:a\n", ["1: listeners: 'unix:a' is not a list; allowed: a list of 0 to 64 entries"]),
        (
            "guest: {async-messages: yes}\n",
            ["1: guest.async-messages: 'yes' is not a truth value; allowed: true, false"]
        ),
        (
            "log: {level: warn}\n",
            ["1: log.level: 'warn' is not a log level; allowed: trace, debug, info, notice, warning, error, critical"]
        ),
        (
            "log: {level: inof}\n",
            [
                "1: log.level: 'inof' is not a log level (nearest: 'info'); allowed: trace, debug, info, notice, warning, error, critical"
            ]
        ),
        (
            "guest:\n  vmbus-version: 6.0\n",
            ["2: guest.vmbus-version: '6.0' is not a VMBus version; allowed: 2.4, 3.0, 4.0, 4.1, 5.0, 5.1, 5.2, 5.3"]
        ),
        (
            "guest:\n  interface-version: 30\n",
            ["2: guest.interface-version: '30' is not an interface version; allowed: 27, 40"]
        ),
        // Ranges.
        ("limits:\n  guests: 0\n", ["2: limits.guests: '0' is not in range; allowed: 1 to 65536"]),
        (
            "limits:\n  guests: 99999999999999999999\n",
            ["2: limits.guests: '99999999999999999999' is not in range; allowed: 1 to 65536"]
        ),
        ("limits:\n  workers: 0\n", ["2: limits.workers: '0' is not in range; allowed: 1 to 65536, or none"]),
        ("adapters: []\n", ["1: adapters: a list of 0 is not in range; allowed: a list of 1 to 16 entries"]),
        (
            "guest: {adapters: []}\n",
            ["1: guest.adapters: a list of 0 is not in range; allowed: all, or a list of 1 to 16 adapters' names"]
        ),
        // Units.
        (
            "guest: {io-space: 512}\n",
            [
                "1: guest.io-space: '512' is not a size such as 512MiB or 4GiB; allowed: 1MiB to 65535MiB in steps of 1MiB"
            ]
        ),
        (
            "guest: {io-space: 4GB}\n",
            [
                "1: guest.io-space: '4GB' is not a size such as 512MiB or 4GiB; allowed: 1MiB to 65535MiB in steps of 1MiB"
            ]
        ),
        (
            "guest: {io-space: 64GiB}\n",
            ["1: guest.io-space: '64GiB' is not in range; allowed: 1MiB to 65535MiB in steps of 1MiB"]
        ),
        (
            "guest: {io-space: 1025KiB}\n",
            ["1: guest.io-space: '1025KiB' is not in range; allowed: 1MiB to 65535MiB in steps of 1MiB"]
        ),
        (
            "guest: {io-space: 99999999999TiB}\n",
            ["1: guest.io-space: '99999999999TiB' is not in range; allowed: 1MiB to 65535MiB in steps of 1MiB"]
        ),
        ("drain-time: 2\n", ["1: drain-time: '2' is not a time such as 20s or 500ms; allowed: 0ns to 1h"]),
        ("drain-time: 2 s\n", ["1: drain-time: '2 s' is not a time such as 20s or 500ms; allowed: 0ns to 1h"]),
        ("drain-time: 61min\n", ["1: drain-time: '61min' is not in range; allowed: 0ns to 1h"]),
        (
            "timeouts:\n  packet: never\n",
            ["2: timeouts.packet: 'never' is not a time such as 20s or 500ms; allowed: 1ms to 24h, or none"]
        ),
        // Listeners.
        (
            "listeners:\n- endpoint: tcp:1\n",
            [
                "2: listeners[0].endpoint: 'tcp:1' is not an endpoint (unknown scheme 'tcp'; write unix:PATH, vsock:CID:PORT, hybrid:PATH:PORT, hybrid-dial:PATH:PORT or ivshmem:PATH); allowed: unix:PATH, vsock:CID:PORT, vsock:any:PORT, hybrid:PATH:PORT, hybrid-dial:PATH:PORT, ivshmem:PATH"
            ]
        ),
        (
            "listeners:\n- endpoint: unix:/a\n  permissions: 660g\n",
            ["3: listeners[0].permissions: '660g' is not an octal mode such as 0660; allowed: 0000 to 0777"]
        ),
        (
            "listeners:\n- endpoint: unix:/a\n  permissions: 1777\n",
            ["3: listeners[0].permissions: '1777' is not in range; allowed: 0000 to 0777"]
        ),
        (
            "listeners:\n- endpoint: vsock:any:5\n  permissions: 0600\n",
            ["3: listeners[0].permissions: the key is not for vsock:any:5; allowed: with unix:, hybrid: and ivshmem:"]
        ),
        (
            "listeners:\n- endpoint: vsock:3:5\n  users: [0]\n",
            [
                "3: listeners[0].users: the key is not for vsock:3:5; "
                    + "allowed: with unix:, hybrid:, hybrid-dial: and ivshmem:"
            ]
        ),
        (
            "listeners:\n- endpoint: ivshmem:/a\n  token: secretsecret\n",
            ["3: listeners[0].token: the key is not for ivshmem:/a; allowed: with others"]
        ),
        (
            "listeners:\n- endpoint: unix:/a\n  allow-loopback: false\n",
            ["3: listeners[0].allow-loopback: the key is not for unix:/a; allowed: with vsock:"]
        ),
        (
            "listeners:\n- endpoint: unix:/a\n  users: [root]\n",
            ["3: listeners[0].users[0]: 'root' is not a whole number; allowed: 0 to 4294967294"]
        ),
        (
            "listeners:\n- endpoint: unix:/a\n  users: 1000\n",
            ["3: listeners[0].users: '1000' is not a list; allowed: any, or a list of 0 to 256 user numbers"]
        ),
        (
            "listeners:\n- endpoint: unix:/a\n- endpoint: unix:/a\n",
            ["3: listeners[1].endpoint: listeners[0] has the same endpoint; allowed: one of its own"]
        ),
        (
            "listeners:\n- endpoint: unix:/a\n  guests: [ada]\nguests:\n- name: adam\n",
            ["3: listeners[0].guests[0]: 'ada' is not a guest (nearest: 'adam'); allowed: adam"]
        ),
        (
            "listeners:\n- endpoint: unix:/a\n  guests: [ada]\n",
            ["3: listeners[0].guests[0]: 'ada' is not a guest; allowed: none is configured"]
        ),
        // Guests.
        (
            "guests:\n- name: a b\n",
            [
                "2: guests[0].name: 'a b' is not a name; allowed: 1 to 64 letters, digits and . _ -, a letter or digit first"
            ]
        ),
        (
            "guests:\n- name: any\n",
            [
                "2: guests[0].name: 'any' is not a name; allowed: 1 to 64 letters, digits and . _ -, a letter or digit first"
            ]
        ),
        (
            "guests:\n- name: a\n- name: a\n",
            ["3: guests[1].name: guests[0] has the same name; allowed: one of its own"]
        ),
        (
            "guests:\n- name: a\n  id: 5\n",
            ["3: guests[0].id: '5' is not a GUID; allowed: 32 hexadecimal digits as 8-4-4-4-12, not all zero, or none"]
        ),
        (
            "guests:\n- name: a\n  id: 00000000-0000-0000-0000-000000000000\n",
            [
                "3: guests[0].id: '00000000-0000-0000-0000-000000000000' is not in range; allowed: 32 hexadecimal digits as 8-4-4-4-12, not all zero, or none"
            ]
        ),
        (
            "guests:\n- name: a\n  token: secret\n",
            [
                "3: guests[0].token: the value, which is secret, is not a token; allowed: 8 to 256 bytes without control characters, or none"
            ]
        ),
        (
            "guests:\n- {name: a, token: 12345678}\n- {name: b, token: 12345678}\n",
            ["3: guests[1].token: guests[0] has the same token; allowed: one of its own"]
        ),
        (
            "guests:\n- name: a\n  token: 12345678\n  token-file: none-such\n",
            ["4: guests[0].token-file: the key is not for a section with a token; allowed: token or token-file"]
        ),
        (
            "guests:\n- name: a\n  token-file: none-such\n",
            ["3: guests[0].token-file: 'none-such' is not readable (open none-such: No such file or directory)"]
        ),
        (
            "guests:\n- name: a\n  endpoint: unix:/b\nlisteners:\n- endpoint: unix:/a\n",
            ["3: guests[0].endpoint: 'unix:/b' is not a listener's endpoint (nearest: 'unix:/a'); allowed: unix:/a"]
        ),
        (
            "guests:\n- name: a\n  endpoint: unix:/a\nlisteners:\n- endpoint: unix:/a\n  guests: []\n",
            ["3: guests[0].endpoint: the listener unix:/a does not let 'a' in; allowed: its guests"]
        ),
        (
            "guest:\n  adapters: [default, defualt]\n",
            ["2: guest.adapters[1]: 'defualt' is not an adapter (nearest: 'default'); allowed: default"]
        ),
        (
            "guest:\n  interface-version: 27\n  async-messages: true\n",
            ["3: guest.async-messages: asynchronous messages are not possible under interface version 27; allowed: 40"]
        ),
        (
            "guest:\n  async-messages: true\nguests:\n- name: a\n  interface-version: 27\n",
            [
                "5: guests[0].interface-version: asynchronous messages are not possible under interface version 27; allowed: 40"
            ]
        ),
        // Adapters.
        (
            "adapters: [compte]\n",
            [
                "1: adapters[0]: 'compte' is not an adapter profile of adapters (nearest: 'compute'); allowed: broken, compute, default, wrong"
            ]
        ),
        (
            "adapters: [../compute]\n",
            [
                "1: adapters[0]: '../compute' is not an adapter profile of adapters; allowed: broken, compute, default, wrong"
            ]
        ),
        (
            "adapters:\n- name: x\n  profile: y\n",
            [
                "3: adapters[0].profile: 'y' is not an adapter profile of adapters; allowed: broken, compute, default, wrong"
            ]
        ),
        (
            "adapters: [default, default]\n",
            ["1: adapters[1].name: adapters[0] has the same name; allowed: one of its own"]
        ),
        (
            "adapters: [5.5.]\nadapter-profiles: other\n",
            ["1: adapters[0]: '5.5.' is not an adapter profile of other; allowed: default"]
        ),
        (
            "adapters:\n- name: x\n  nodes: []\n",
            ["3: adapters[0].nodes: a list of 0 is not in range; allowed: a list of 1 to 16 entries"]
        ),
        ("adapters:\n- name: x\n  nodes:\n  - name: N\n", ["4: adapters[0].nodes[0]: the key 'type' is missing"]),
        (
            "adapters:\n- name: x\n  nodes:\n  - {name: N, type: 4d}\n",
            [
                "4: adapters[0].nodes[0].type: '4d' is not an engine type; allowed: other, 3d, video-decode, video-encode, video-processing, scene-assembly, copy, overlay, crypto"
            ]
        ),
        (
            "adapters:\n- name: x\n  wddm-version: 2.6\n",
            [
                "3: adapters[0].wddm-version: hardware scheduling is not possible before WDDM 2.7; allowed: false, or 2.7 and later"
            ]
        ),
        (
            "adapters:\n- name: x\n  registry:\n  - name: R\n",
            ["4: adapters[0].registry[0]: the value is missing; allowed: one of dword, qword, string, binary"]
        ),
        (
            "adapters:\n- name: x\n  registry:\n  - name: R\n    dword: 1\n    qword: 1\n",
            ["4: adapters[0].registry[0]: more than one value is given; allowed: one of dword, qword, string, binary"]
        ),
        (
            "adapters:\n- name: x\n  registry: [{name: R, dword: 0x100000000}]\n",
            ["3: adapters[0].registry[0].dword: '0x100000000' is not in range; allowed: 0 to 4294967295"]
        ),
        (
            "adapters:\n- name: x\n  registry: [{name: R, binary: 0f0}]\n",
            [
                "3: adapters[0].registry[0].binary: '0f0' is not a row of hexadecimal digits; allowed: 1 to 2048 bytes of two digits each"
            ]
        ),
        ("adapters: [wrong]\n", ["adapters/wrong.yaml:2: name: 'right' is not the name of the file; allowed: wrong"]),
        (
            "adapters: [broken]\n",
            [
                "adapters/broken.yaml:1: the key 'name' is missing",
                "adapters/broken.yaml:1: memory: '1' is not a size such as 512MiB or 4GiB; allowed: 1MiB to 1TiB in steps of 1MiB",
            ]
        ),
        (
            "guest: {machine-type: q53}\n",
            ["1: guest.machine-type: 'q53' is not a machine type (nearest: 'q35'); allowed: q35, pc"]
        ),
        (
            "guest: {guest-memory: ''}\n",
            ["1: guest.guest-memory: '' is not a path; allowed: a file on tmpfs, or none"]
        ),
        (
            "guests:\n- {name: a, guest-memory: /r}\n- {name: b, guest-memory: /r}\n",
            ["3: guests[1].guest-memory: guests[0] has the same guest-memory; allowed: one of its own"]
        ),
        // The text itself.
        ("log:\n  level: info\n  level: info\n", ["3: log.level: the key is given twice; first in line 2"]),
        ("log: {level: [}\n", ["1: did not find expected node content while parsing a flow node"]),
        // How values are shown.
        (
            "log: {level: \"\\e[31mred\\nline\"}\n",
            [
                "1: log.level: '\\u{1b}[31mred\\u{a}line' is not a log level; allowed: trace, debug, info, notice, warning, error, critical"
            ]
        ),
        (
            "log: {level: \(String(repeating: "x", count: 61))}\n",
            [
                "1: log.level: '\(String(repeating: "x", count: 60))…' is not a log level; allowed: trace, debug, info, notice, warning, error, critical"
            ]
        ),
    ]

    private static let profiles = MemoryFiles(files: [
        "adapters/compute.yaml": "name: compute\ncompute-only: true\n",
        "adapters/wrong.yaml": "\nname: right\n",
        "adapters/broken.yaml": "memory: 1\n",
    ])

    @Test(arguments: cases.indices)
    func says(_ index: Int) {
        let example = Self.cases[index]
        #expect(Settings.problems(example.text, files: Self.profiles) == example.problems)
    }

    @Test func problemsComeInTheOrderOfTheLines() {
        let problems = Settings.problems("drain-time: x\nlog: {level: x}\nlimits: {guests: x}\nlisteners: x\n")
        #expect(problems.map { $0.prefix(2) } == ["1:", "2:", "3:", "4:"])
    }

    @Test func longListsOfProblemsEnd() {
        let text = "log:\n" + (0..<30).map { "  x\($0): 1\n" }.joined()
        let problems = Settings.problems(text)
        #expect(problems.count == 21)
        #expect(problems.last == " and 10 more problems")
    }

    @Test func fileThatCannotBeReadIsNamed() {
        let error = #expect(throws: ConfigurationError.self) {
            try Settings(file: "/none/such.yaml", files: MemoryFiles())
        }
        #expect(
            error?.description
                == "/none/such.yaml: the file is not readable (open /none/such.yaml: No such file or directory)")
    }

    @Test func profileThatCannotBeReadIsNamed() {
        let problems = Settings.problems("adapters: [big]\n", files: MemoryFiles(code: 13))
        #expect(
            problems == [
                "1: adapters[0]: the adapter profile 'big' is not readable (open adapters/big.yaml: Permission denied)"
            ])
    }

    @Test(arguments: ["short", "line\nanother line", ""])
    func tokenFilesHoldTokens(_ content: String) {
        let files = MemoryFiles(files: ["t": content])
        #expect(
            Settings.problems("guests:\n- {name: a, token-file: t}\n", files: files) == [
                "2: guests[0].token-file: 't' is not a file with a token; allowed: 8 to 256 bytes without control characters"
            ])
    }
}
