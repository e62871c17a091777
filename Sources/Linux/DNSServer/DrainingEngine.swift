import Forwarding
import LinuxSystem
import Telemetry

/// An engine of an earlier configuration with its sockets towards servers: it only answers its questions
/// in flight.
final class DrainingEngine {
    /// The engine.
    var engine: ForwardingEngine
    /// Its sockets towards servers.
    var upstreams: OwnedArray<Upstream>
    /// See `DNSServerWorker.engineNumber`.
    var number: UInt8
    /// When the remaining questions are given up.
    let end: MonotonicTime

    init(
        _ engine: consuming ForwardingEngine, _ upstreams: consuming OwnedArray<Upstream>, number: UInt8,
        end: MonotonicTime
    ) {
        self.engine = engine
        self.upstreams = upstreams
        self.number = number
        self.end = end
    }

    /// When something is due.
    var nextDeadline: MonotonicTime { engine.nextDeadline.map { min($0, end) } ?? end }

    /// True if it has no question in flight.
    var isFinished: Bool { engine.transactionCount == 0 }
}
