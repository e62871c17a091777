package import NetworkPlanning

extension NetworkAgent {
    /// The paths whose relays this agent chooses; empty while it maintains nothing.
    package var relayGroups: [RelayGroup] { planned?.plan.relayGroups ?? [] }

    /// The paths for which others are led to this host while it works.
    package var relayedPaths: [RelayedPath] { planned?.plan.relayedPaths ?? [] }

    /// Addresses of forwarders for which others are led to this host while its forwarder can answer.
    package var announcedServices: [AnnouncedService] { planned?.plan.announcedServices ?? [] }

    /// What the host is kept by; nil while nothing is.
    package var configuration: AppliedConfiguration? { planned?.configuration }

    /// Leads packets to these relays from now on: changes the routes at once, or, if another command is
    /// changing the host, as soon as that has ended.
    package func move(to choices: RelayChoices) {
        unwritten = choices
        checkAtOnce()
    }

    /// Stores what the plan is made of; if it can't be, the routes stay as they are, and the next check tries
    /// it again.
    func writeChoices() throws(KernelError) {
        guard let choices = unwritten else { return }
        try store.write(choices)
        unwritten = nil
        beginMove()
    }

    /// Takes what the status says of relays, and of paths that this host relays.
    package func note(_ relays: [AgentStatus.RelayGroup], _ relayed: [AgentStatus.RelayedPath]) {
        guard status.relays != relays || status.relayed != relayed else { return }
        (status.relays, status.relayed) = (relays, relayed)
        writeStatus()
    }
}
