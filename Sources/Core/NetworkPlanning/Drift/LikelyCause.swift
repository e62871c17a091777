package import NetworkModel

/// The process that likely removed something, derived from the kernel's events of that moment.
package enum LikelyCause {
    /// One phrase for each kind of loss, as in `the whole ruleset was flushed by nft (process 4711)`; nil if
    /// the events do not show it.
    package static func text(for steps: [Step], from events: [KernelEvent]) -> String? {
        let transactions = Transaction.all(in: events)
        var phrases: [String] = []
        let made = steps.devicesMade
        for step in steps {
            if case .set(let setting, _, _) = step.change, made.contains(setting.device) {
                continue
            }
            guard let phrase = phrase(for: step.change, events, transactions), !phrases.contains(phrase)
            else {
                continue
            }
            phrases.append(phrase)
        }
        return phrases.isEmpty ? nil : phrases.prefix(3).joined(separator: "; ")
    }

    /// The phrase for one kind of loss.
    private static func phrase(
        for change: Change, _ events: [KernelEvent], _ transactions: [Transaction]
    ) -> String? {
        switch change {
        case .add(.table), .replace(.table, with: .table): return table(transactions)
        case .add(.iptablesRule(let rule)):
            let touching = transactions.last { $0.chains.contains("filter \(rule.chain)") }
            return touching.map { "chain \(rule.chain) was changed" + $0.author(among: transactions) }
        case .add(.link(let link)):
            return events.last { $0.isLoss(of: link.name) }.map {
                "device \(link.name) was deleted" + $0.author
            }
        case .replace(.link(let link), with: .link), .replace(_, with: .link(let link)):
            return down(events, [link.name])
        case .add(.route(let route)), .replace(.route, with: .route(let route)):
            let gone = events.last {
                if case .route(let prefix, _) = $0.subject {
                    $0.isGone && prefix == route.destination
                } else {
                    false
                }
            }
            if let gone { return "routes were deleted" + gone.author }
            return down(events, nil) ?? address(events)
        case .add(.address), .add(.neighbour), .add(.forwardingEntry), .add(.extraForwardingEntry):
            return down(events, nil) ?? address(events) ?? neighbours(events)
        case .set:
            let isTold = events.contains { if case .setting = $0.subject { true } else { false } }
            return isTold ? "sysctl or another program wrote to /proc/sys/net" : nil
        default: return nil
        }
    }

    /// How our table was removed.
    private static func table(_ transactions: [Transaction]) -> String? {
        guard
            let last = transactions.last(where: { $0.tablesGone.contains(Ownership.table) || $0.touchesOurs })
        else { return nil }
        guard last.tablesGone.contains(Ownership.table) else {
            return "rules of table inet \(Ownership.table) were changed" + last.author(among: transactions)
        }
        let isWhole = last.tablesGone.count > 1 || !last.tablesMade.isEmpty
        let what =
            isWhole
            ? "the whole ruleset was flushed"
            : "table inet \(Ownership.table) was deleted, or the ruleset flushed"
        return what + last.author(among: transactions)
    }

    /// A device that was set down or deleted: the kernel deletes its routes without an event.
    private static func down(_ events: [KernelEvent], _ names: [String]?) -> String? {
        for event in events.reversed() {
            guard case .link(let name, _, let isUp) = event.subject, names?.contains(name) ?? true else {
                continue
            }
            if event.isGone { return "device \(name) was deleted" + event.author }
            if !isUp { return "device \(name) was set down" + event.author }
        }
        return nil
    }

    /// The phrase for lost addresses.
    private static func address(_ events: [KernelEvent]) -> String? {
        for event in events.reversed() {
            guard event.isGone, case .address(let address?, _) = event.subject else { continue }
            return "address \(address) was deleted" + event.author
        }
        return nil
    }

    /// The phrase for lost neighbours.
    private static func neighbours(_ events: [KernelEvent]) -> String? {
        let gone = events.last { if case .neighbour = $0.subject { $0.isGone } else { false } }
        return gone.map { "entries were deleted" + $0.author }
    }
}

extension KernelEvent {
    /// As in ` by ip (process 4711)`; empty if no process is known.
    fileprivate var author: String { actor.map { " by \($0)" } ?? "" }

    /// True if the event shows that `device` went down or was deleted.
    fileprivate func isLoss(of device: String) -> Bool {
        if case .link(device, _, _) = subject { isGone } else { false }
    }
}

/// The changes of one transaction of nf_tables.
private struct Transaction {
    /// The process that caused it.
    var actor: KernelEvent.Actor?
    /// The deleted tables.
    var tablesGone: [String] = []
    /// The created tables.
    var tablesMade: [String] = []
    /// As in `filter FORWARD`.
    var chains: Set<String> = []
    /// True if it changed our table.
    var touchesOurs = false

    /// In their order; events after the end of the last one make another one, without an actor.
    static func all(in events: [KernelEvent]) -> [Transaction] {
        var all: [Transaction] = []
        var current = Transaction()
        var isEmpty = true
        for event in events {
            isEmpty = false
            switch event.subject {
            case .table(let name):
                if event.isGone { current.tablesGone.append(name) } else { current.tablesMade.append(name) }
            case .chain(let chain, let table), .filterRule(let chain, let table):
                current.chains.insert("\(table) \(chain)")
                if table == Ownership.table { current.touchesOurs = true }
            case .transaction:
                current.actor = event.actor
                all.append(current)
                current = Transaction()
                isEmpty = true
            default: break
            }
        }
        return isEmpty ? all : all + [current]
    }

    /// The process, and the service that is known to do so.
    func author(among all: [Transaction]) -> String {
        let name = actor?.name ?? ""
        let tables = all.flatMap { $0.tablesMade + $0.tablesGone }
        var guess = ""
        if name.hasPrefix("firewalld") || tables.contains("firewalld") {
            guess = ", as firewalld does when it starts or reloads"
        } else if name.hasPrefix("dockerd") || all.contains(where: { $0.chains.contains("filter DOCKER") }) {
            guess = ", as docker does when it starts"
        } else if !tablesGone.isEmpty, !tablesMade.isEmpty {
            guess = ", as nftables.service does when it starts or reloads"
        } else if name.hasPrefix("ufw") || all.contains(where: { $0.chains.contains { $0.contains(" ufw") } })
        {
            guess = ", as ufw does when it reloads"
        }
        return (actor.map { " by \($0)" } ?? "") + guess
    }
}
