import NetworkModel

/// A VXLAN segment in the namespace of a cluster: the device that a node without a map has on itself.
struct SegmentPart: Hashable {
    let link: PlannedLink
    let address: InterfaceAddress
    /// The path that needs it.
    let because: String
    var neighbours: [Neighbour] = []
    var entries: [ForwardingEntry] = []
    var routes: [Route] = []

    init(link: PlannedLink, address: InterfaceAddress, because: String) {
        self.link = link
        self.address = address
        self.because = because
    }

    /// Limits segments of TCP to what fits into the segment's packets.
    var clamp: FilterRule {
        FilterRule(
            [.outDevice([link.name]), .synchronize], .clampSegmentSize, comment: FilterRule.comment(because))
    }

    /// Adds everything but the rules.
    func add(to content: inout HostPlan) {
        func desired<Value>(_ value: Value) -> Desired<Value> { Desired(value, because: because) }
        content.links.append(desired(link))
        content.addresses.append(desired(address))
        content.neighbours += neighbours.map(desired)
        content.forwardingEntries += entries.map(desired)
        content.routes += routes.map(desired)
    }
}
