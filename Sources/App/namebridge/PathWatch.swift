import AdminServer
import Forwarding
import IPAddressing
import Inventory
import LinuxSystem
import NetworkKernel
import PathHealth
import PathProbing
import Synchronization

/// Probes the paths that this host speaks for, and writes one line for each that dies or comes back.
final class PathWatch: Sendable {
    private let prober: PathProber
    private let gatekeeper: PathGatekeeper
    private let why: PathReasons
    private let followed: Mutex<Followed>

    /// What the probed paths follow from.
    private struct Followed {
        var inventory: Inventory
        var ownAddresses: [IPAddress]
    }

    /// Connections of probes that may be open at a time.
    private static let mostOpen = 1024

    /// Starts probing.
    ///
    /// - Parameter gates: Of the policy that is served by.
    init(_ inventory: Inventory, _ gates: PathGates) throws(Errno) {
        let addresses = Self.ownAddresses
        followed = Mutex(Followed(inventory: inventory, ownAddresses: addresses))
        let mostOpen = min(Self.mostOpen, ProcessLimits.descriptorLimit(orIfUnknown: 1024) / 8)
        let log = PathLog()
        let gatekeeper = PathGatekeeper()
        gatekeeper.follow([], RangeElection.all(in: inventory))
        gatekeeper.keep([gates])
        self.gatekeeper = gatekeeper
        let why = PathReasons(inventory)
        self.why = why
        prober = try PathProber(
            inventory.probedPaths(ownAddresses: addresses), mostOpen: mostOpen
        ) { verdict in
            gatekeeper.take(verdict)
            gatekeeper.elect(drained: StateStore.drainedRelays(below: NetState.path))
            log.write(verdict)
            why.take(verdict)
        }
        try prober.start()
    }

    func stop() { prober.stop() }

    /// What is known of each path; at most half a second old.
    var verdicts: [PathVerdict] { prober.verdicts }

    /// Why paths are down, by their names; a path that has just gone down may not be among them yet.
    var reasons: [String: ServerStatus.PathReason] { why.reasons }

    /// A policy with the gates `next` is about to be served by, instead of one with the gates `current`.
    func prepare(_ next: PathGates, after current: PathGates) { gatekeeper.keep([current, next]) }

    /// Another configuration is served by, with these gates.
    func adopt(_ inventory: Inventory, _ gates: PathGates) {
        gatekeeper.keep([gates])
        followed.withLock { $0.inventory = inventory }
        why.follow(inventory)
        follow(Self.ownAddresses)
    }

    /// Which relays' ranges are given out.
    var rangeReports: [ServerStatus.RelayGroup] { gatekeeper.reports }

    /// This host may have got other addresses, and so stand elsewhere, relays may have been drained, and hold
    /// times end; to be called once a second.
    func lookAround() {
        gatekeeper.elect(drained: StateStore.drainedRelays(below: NetState.path))
        let addresses = Self.ownAddresses
        guard addresses != followed.withLock({ $0.ownAddresses }) else { return }
        follow(addresses)
    }

    private func follow(_ addresses: [IPAddress]) {
        followed.withLock { followed in
            followed.ownAddresses = addresses
            let paths = followed.inventory.probedPaths(ownAddresses: addresses)
            gatekeeper.follow(paths, RangeElection.all(in: followed.inventory))
            prober.replace(paths)
        }
    }

    private static var ownAddresses: [IPAddress] { NetworkInterfaces.all.map(\.address).sorted() }
}
