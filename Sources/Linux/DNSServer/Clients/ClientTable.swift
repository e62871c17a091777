import DNSWire
import Forwarding
import IPAddressing
import LinuxSystem
import Time

/// The clients' connections of one worker, each in a slot whose generation distinguishes it from
/// earlier ones.
///
/// `connections.count == generations.count == settings.connectionsPerWorker`; `free` holds the empty slots.
struct ClientTable {
    /// The connection in each slot.
    private var connections: [ClientConnection?]
    /// The generation of each slot.
    private var generations: [UInt32]
    /// The empty slots.
    private var free: [Int]
    /// By `owner`.
    private var countByClient: [IPAddress: Int] = [:]
    /// Octets that wait for clients to read them, or are the beginning of a question, on all connections;
    /// see `recount`.
    private(set) var queuedOctets = 0
    /// The limits.
    private var settings: DNSServerSettings

    init(_ settings: DNSServerSettings) {
        self.settings = settings
        connections = Array(repeating: nil, count: settings.connectionsPerWorker)
        generations = Array(repeating: 0, count: settings.connectionsPerWorker)
        free = Array((0..<settings.connectionsPerWorker).reversed())
    }

    /// The number of connections.
    var count: Int { connections.count - free.count }

    /// Applies other settings; the number of slots stays.
    mutating func apply(_ settings: DNSServerSettings) {
        self.settings = settings
    }

    /// The decision about a new connection.
    enum Admission: Hashable {
        /// There is room.
        case admit
        /// There is room once the idle connection in this slot has been closed.
        case displace(slot: Int)
        /// There is no room.
        case refuse
    }

    /// Decides about a new connection of `client`: at a limit the connection that is idle longest is closed,
    /// one of the same client if that client is at its own limit; if all are busy, the new one is refused.
    func admission(of client: IPAddress) -> Admission {
        let owner = client.owner
        if countByClient[owner, default: 0] >= settings.connectionsPerClient {
            let idle = longestIdle { $0.path.client.address.owner == owner }
            return idle.map { .displace(slot: $0) } ?? .refuse
        }
        guard free.isEmpty else { return .admit }
        return longestIdle { _ in true }.map { .displace(slot: $0) } ?? .refuse
    }

    /// The slot of the connection that has been idle longest.
    func longestIdle(where isWanted: (ClientConnection) -> Bool = { _ in true }) -> Int? {
        var longest: (slot: Int, since: MonotonicTime)? = nil
        for (slot, connection) in connections.enumerated() {
            guard let connection, connection.progress.isIdle(queued: connection.output.count),
                isWanted(connection)
            else { continue }
            let since = connection.progress.lastActivity
            if longest.map({ since < $0.since }) ?? true { longest = (slot, since) }
        }
        return longest?.slot
    }

    /// Adds a connection, made for the given slot and generation, to the table; nil if it is full.
    mutating func insert(
        _ make: (_ slot: Int, _ generation: UInt32) -> ClientConnection?
    )
        -> ClientConnection?
    {
        guard let slot = free.last, let connection = make(slot, generations[slot]) else { return nil }
        free.removeLast()
        connections[slot] = connection
        countByClient[connection.path.client.address.owner, default: 0] += 1
        return connection
    }

    /// Removes the connection in `slot` from the table; it closes with its last use.
    mutating func remove(_ slot: Int) {
        guard let connection = connections[slot] else { return }
        connections[slot] = nil
        queuedOctets -= connection.countedOctets
        connection.countedOctets = 0
        generations[slot] = EventToken.generation(after: generations[slot])
        free.append(slot)
        let client = connection.path.client.address.owner
        let left = countByClient[client, default: 1] - 1
        countByClient[client] = left > 0 ? left : nil
    }

    /// Must be called when the octets that a connection holds have changed.
    mutating func recount(_ connection: ClientConnection) {
        guard connections[Int(connection.path.socket)] === connection else { return }
        let octets = connection.output.count + connection.framing.heldCount
        queuedOctets += octets - connection.countedOctets
        connection.countedOctets = octets
    }

    /// Retires the connections that are old enough at `now`, and returns them.
    func retire(at now: MonotonicTime) -> [ClientConnection] {
        connections.compactMap { connection in
            guard let connection else { return nil }
            return connection.progress.retireWhereOld(at: now, settings) == .retired ? connection : nil
        }
    }

    /// All connections.
    var all: [ClientConnection] { connections.compactMap(\.self) }

    /// The connection in `slot`, if that still has this `generation`.
    func find(_ slot: Int, _ generation: UInt32) -> ClientConnection? {
        guard slot < connections.count, generations[slot] == generation else { return nil }
        return connections[slot]
    }

    /// The slots of the connections that have been idle too long at `now`.
    func expired(at now: MonotonicTime) -> [Int] {
        connections.indices.filter { connections[$0]?.progress.isExpired(at: now, settings) ?? false }
    }
}

extension IPAddress {
    /// The client that the address belongs to: itself, or over IPv6 its /64, in which a host chooses its
    /// own addresses.
    fileprivate var owner: IPAddress {
        family == .v4 ? self : IPAddress(v6: bits & ~UInt128(UInt64.max))
    }
}
