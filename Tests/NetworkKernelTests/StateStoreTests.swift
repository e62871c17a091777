import Foundation
import LinuxSystem
import NetworkKernel
import NetworkModel
import NetworkPlanning
import TestSupport
import Testing

/// The files between two runs, and what is said where they, or the host, are not as they should be.
@Suite struct StateStoreTests {
    @Test(arguments: LabHosts.all)
    func `a journal is unchanged after encoding and decoding`(lab: LabHosts) throws {
        let run = try Run(lab)
        _ = try run.apply()
        var state = run.kernel.state
        state.routes.append(run.fresh.routes[0])
        var journal = Journal(identifier: "7", process: 9, before: state, steps: [], records: try run.store.records())
        journal.waits = true
        try run.store.write(journal)
        let read = try #require(try run.store.journal())
        #expect(read.before.deviations(from: journal.before) == [])
        #expect(read.settings == journal.settings && read.records == journal.records && read.waits)
    }

    @Test func `a truncated file is refused and the host is not changed`() throws {
        let run = try Run(LabHosts(network: "relay-between-clusters", host: "web02"))
        let journal = Journal(identifier: "7", process: 9, before: run.fresh, steps: [], records: [])
        try run.store.write(journal)
        let path = URL(filePath: run.store.journalPath)
        let whole = try Data(contentsOf: path)
        for length in stride(from: 0, to: whole.count, by: 7) {
            try whole.prefix(length).write(to: path)
            #expect(throws: KernelError.self, "\(length) of \(whole.count)") { try run.apply() }
        }
        #expect(run.kernel.calls == 0)
        do {
            _ = try run.apply()
        } catch KernelError.damagedFile(let path, let why) {
            #expect(path == run.store.journalPath && why == "it is cut short or was changed")
        }
    }

    @Test func `a second process at the same time is refused and changes nothing`() throws {
        let run = try Run(LabHosts(network: "relay-between-clusters", host: "web02"))
        let lock = try run.store.lock()
        do {
            _ = try run.apply()
            Issue.record("it went through")
        } catch KernelError.locked {}
        #expect(run.kernel.calls == 0 && lock.number >= 0)
    }

    @Test func `a confirmed apply stays, another one is undone, and until then no other apply runs`() throws {
        let run = try Run(LabHosts(network: "vxlan-mesh", host: "001"))
        var armed: [String] = []
        let options = NetworkApplier<FakeKernel>.Options(armUndo: { armed.append($0.identifier) })
        #expect(try run.apply(options))
        #expect(armed == ["1"])
        do {
            _ = try run.apply()
            Issue.record("it did not wait")
        } catch KernelError.waiting {}
        #expect(try run.undo() == .undone)
        #expect(run.kernel.state.deviations(from: run.fresh) == [])
        #expect(try run.confirm() == nil)
        #expect(try run.apply(options))
        #expect(try run.confirm()?.identifier == "1")
        #expect(try run.undo() == .notNeeded)
        #expect(try !run.apply())
    }

    @Test func `an undo that cannot be armed changes nothing`() throws {
        let run = try Run(LabHosts(network: "vxlan-mesh", host: "001"))
        let options = NetworkApplier<FakeKernel>.Options(armUndo: { _ throws(KernelError) in throw .notPrivileged })
        #expect(throws: KernelError.self) { try run.apply(options) }
        #expect(run.kernel.state == run.fresh)
        #expect(run.announced.allSatisfy { $0.hasPrefix("#") })
    }

    @Test(arguments: [
        ("nftables v1.0.6 (Lester Gooch #5)\n", true), ("nftables v0.9.3 (Topsy)\n", true), ("nftables v1.1\n", true),
        ("nftables v0.9.2 (Scram)\n", false), ("nftables v0.8.8\n", false), ("", false),
    ])
    func `an nft of a too old version is refused`(text: String, isGood: Bool) {
        if isGood {
            #expect(throws: Never.self) { try LinuxKernel.checkVersion(of: text) }
        } else {
            #expect(throws: KernelError.self) { try LinuxKernel.checkVersion(of: text) }
        }
    }

    @Test func `a missing or failing program is reported with what to do`() throws {
        do {
            try HostTools.run(Command(Command.Program("no-such-nft"), []))
        } catch {
            #expect("\(error)" == "the program no-such-nft is not installed: install the package no-such-nft")
        }
        do {
            try HostTools.run(Command(Command.Program("sh"), ["-c", "echo wrong >&2; exit 4"]))
        } catch {
            #expect("\(error)" == "\"sh -c \"echo wrong >&2; exit 4\"\" failed (exit status 4): wrong")
        }
    }
}
