package import IPAddressing

/// A change of the kernel's network, as it is reported to subscribers (rtnetlink(7), nf_tables).
package struct KernelEvent: Hashable, Sendable {
    /// The object that has changed.
    package var subject: Subject

    /// True if it was deleted, false if it was made or altered.
    package var isGone: Bool

    /// True if it happened in another network namespace of this host, where devices have other numbers.
    package var isElsewhere = false

    /// The process that asked for it; nil if the kernel changed it by itself, or does not say.
    package var actor: Actor?

    /// The object that has changed.
    package enum Subject: Hashable, Sendable {
        /// A device.
        case link(name: String, index: Int, isUp: Bool)
        /// An address of a device.
        case address(IPAddress?, device: Int)
        /// A route.
        case route(IPPrefix, routeProtocol: Int)
        /// A policy rule.
        case policyRule(ruleProtocol: Int)
        /// A numbered next hop, or a group of such.
        case nextHop(madeBy: Int)
        /// A neighbour or an entry of a forwarding table; the address is the neighbour's own, or that of the
        /// host which the entry leads to. Nil if it is not told.
        case neighbour(device: Int, address: IPAddress? = nil)
        /// A setting of one device, or of `KernelEvent.allDevices`.
        case setting(device: Int)
        /// A table of nf_tables.
        case table(String)
        /// A chain of nf_tables.
        case chain(String, table: String)
        /// A rule of nf_tables.
        case filterRule(chain: String, table: String)
        /// The end of a transaction of nf_tables: all its events since the last one belong to it.
        case transaction
    }

    /// A process.
    package struct Actor: Hashable, Sendable {
        /// Its process number.
        package var process: Int

        /// Its name in /proc, at most 15 octets; nil if it has ended.
        package var name: String?

        /// Creates an actor.
        package init(process: Int, name: String? = nil) {
            self.process = process
            self.name = name
        }
    }

    /// Stands for the settings of all devices (NETCONFA_IFINDEX_ALL).
    package static let allDevices = -1

    /// Creates a kernel event.
    package init(_ subject: Subject, isGone: Bool = false, actor: Actor? = nil) {
        self.subject = subject
        self.isGone = isGone
        self.actor = actor
    }
}

extension KernelEvent.Actor: CustomStringConvertible {
    /// As in `nft (process 4711)`.
    package var description: String {
        name.map { "\($0) (process \(process))" } ?? "process \(process), which has ended"
    }
}
