import IPAddressing
import Inventory
import LinuxSystem
import PathHealth
import PathProbing
import Synchronization
import Testing
import Time

/// Probes over loopback sockets.
@Suite struct PathProberTests {
    private final class Listener {
        let descriptor: FileDescriptor
        let endpoint: Endpoint

        init() throws {
            let any = try #require(Endpoint("127.0.0.1:0", defaultPort: 0))
            descriptor = try StreamSocket.listen(on: any, sharesPort: false)
            endpoint = try descriptor.localEndpoint()
        }
    }

    private func path(_ endpoint: Endpoint, mayRefuse: Bool = false) -> ProbedPath {
        var settings = ProbeSettings(every: .milliseconds(100), fail: 2, rise: 2)
        settings.hold = .zero
        return ProbedPath(
            from: "office", to: "prod", relays: ["relay1"],
            targets: [ProbeTarget(endpoint, mayRefuse: mayRefuse)], settings: settings)
    }

    /// Waits until what was told last is `state`; the time that it took, in milliseconds.
    private func wait(for state: PathState, _ told: borrowing Mutex<[PathVerdict]>) -> Int64? {
        let start = MonotonicClock.now
        while MonotonicClock.now.nanoseconds(since: start) < 20_000_000_000 {
            if told.withLock({ $0.last?.state == state }) {
                return MonotonicClock.now.nanoseconds(since: start) / 1_000_000
            }
            ThisProcess.sleep(milliseconds: 10)
        }
        return nil
    }

    @Test func `a target that closes is seen, and that it is back`() throws {
        let told = Told()
        var listener: Listener? = try Listener()
        let endpoint = try #require(listener?.endpoint)
        let prober = try PathProber([path(endpoint)], mostOpen: 100) { verdict in
            told.verdicts.withLock { $0.append(verdict) }
        }
        try prober.start()
        defer { prober.stop() }
        #expect(wait(for: .up, told.verdicts) != nil)
        listener = nil
        #expect(wait(for: .down, told.verdicts) ?? 0 >= 700)
        let cause = told.verdicts.withLock { $0.last?.cause ?? "" }
        #expect(cause.contains("connection refused"))
        let again = try StreamSocket.listen(on: endpoint, sharesPort: false)
        #expect(wait(for: .up, told.verdicts) != nil)
        _ = again
        #expect(prober.verdicts.first?.counts.transitions == 2)
    }

    @Test func `a cluster's DNS server that refuses shows that the path works`() throws {
        let told = Told()
        let endpoint = try #require(Endpoint("127.0.0.1:1", defaultPort: 0))
        let prober = try PathProber([], mostOpen: 100) { verdict in
            told.verdicts.withLock { $0.append(verdict) }
        }
        try prober.start()
        defer { prober.stop() }
        prober.replace([path(endpoint, mayRefuse: true)])
        #expect(wait(for: .up, told.verdicts) != nil)
    }

    @Test func `a shortage of sockets is no path's fault`() throws {
        let told = Told()
        let endpoint = try #require(Endpoint("127.0.0.1:1", defaultPort: 0))
        let prober = try PathProber([path(endpoint, mayRefuse: true)], mostOpen: 0) { verdict in
            told.verdicts.withLock { $0.append(verdict) }
        }
        try prober.start()
        defer { prober.stop() }
        ThisProcess.sleep(milliseconds: 2500)
        let last = told.verdicts.withLock { $0.last }
        #expect(last?.state == .unknown)
        #expect(last?.cause.contains("probes can't be sent") == true)
    }

    private final class Told: Sendable {
        let verdicts = Mutex<[PathVerdict]>([])
    }
}
