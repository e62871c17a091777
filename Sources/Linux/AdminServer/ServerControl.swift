import AnswerCache
package import DNSServer
import DomainNames
import Forwarding
package import Inventory
package import JSON
import LinuxSystem
import Synchronization
import Telemetry

/// Answers what is asked about a running DNS server, and does what it is told to it.
package final class ServerControl: Sendable {
    let server: DNSServer
    let version: String
    let cacheLimit: Int
    let start = MonotonicClock.now
    /// The same by the time of day, in seconds since 1970.
    let startSeconds = WallClock.seconds
    let inventory: Inventory
    /// What the numbers were some time ago.
    let history: Mutex<StatusHistory>

    /// - Parameters:
    ///   - version: The program's.
    ///   - inventory: What the server was made from.
    package init(_ server: DNSServer, version: String, inventory: Inventory) {
        self.server = server
        self.version = version
        self.inventory = inventory
        cacheLimit = inventory.dns.cache.size
        history = Mutex(StatusHistory(start: start))
    }

    /// Notes the numbers of now; to be called every five seconds, by one thread or several.
    package func tick() {
        let statistics = server.statistics
        history.withLock { $0.tick(statistics, at: MonotonicClock.now) }
    }

    package func answer(_ request: ControlRequest) -> JSONValue {
        switch request {
        case .status: status.json
        case .flush(let scope): flush(scope)
        }
    }

    // MARK: - Flush

    private func flush(_ scope: FlushScope) -> JSONValue {
        guard let cache = server.cache else { return Self.refusal("the server keeps no answers") }
        let count: Int
        switch scope {
        case .everything:
            count = cache.removeAll { _ in true }
        case .name(let name):
            count = cache.removeAll { DomainName($0) == name }
        case .below(let name):
            count = cache.removeAll { DomainName($0)?.isAtOrBelow(name) ?? false }
        case .cluster(let key):
            let policy = server.policy
            guard let group = policy.groups.firstIndex(where: { $0.name == key }) else {
                let known = policy.groups.map(\.name).joined(separator: ", ")
                return Self.refusal(
                    "no cluster \"\(key)\" is asked here, expected one of: \(known)"
                        + " (a name of one label takes a final dot)")
            }
            count = cache.removeAll { policy.mayAnswer($0, group: group) }
        }
        return .object([("flushed", .integer(count))])
    }

    private static func refusal(_ reason: String) -> JSONValue { .object([("error", .string(reason))]) }
}

extension DomainName {
    /// Copies a name in wire form; nil where it is not one.
    fileprivate init?(_ wire: Span<UInt8>) {
        var octets: [UInt8] = []
        octets.reserveCapacity(wire.count)
        for index in wire.indices { octets.append(wire[index]) }
        guard let name = try? DomainName(wire: octets) else { return nil }
        self = name
    }
}
