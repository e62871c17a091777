import IPAddressing

extension OwnerInstruction {
    /// The instruction as comments: the owner and the reason on one line, what to enter below it. Ends with
    /// a newline.
    package var text: String {
        var text = ""
        var because: String?
        for (line, reason) in entries {
            if reason != because {
                because = reason
                text += "# \(subject.words)" + (reason.isEmpty ? "" : ", for \(reason)") + ":\n"
            }
            text += "#   \(line)\n"
        }
        return text
    }

    /// What to enter, and for which purpose.
    private var entries: [(line: String, because: String)] {
        var entries = routes.map { route in
            let hops = route.nextHops.map { "\($0.name) (\($0.address))" }.joined(separator: ", ")
            let way = route.isThroughTunnel ? "through the tunnel to" : "via"
            return (line: "\(route.destination) \(way) \(hops)", because: route.because)
        }
        entries += pools.map { (line: "IPPool \($0.prefix), disabled", because: $0.because) }
        if case .kubeProxy(_, let field) = subject { entries.append((line: "\(field): true", because: "")) }
        return entries
    }
}

extension OwnerInstruction.Subject {
    /// Whose device it is.
    fileprivate var words: String {
        switch self {
        case .router(let site, let addresses):
            "router of \(site)"
                + (addresses.isEmpty ? "" : " (\(addresses.map(\.description).joined(separator: ", ")))")
        case .routeTable(let cluster, let name): "route table \(name) of \(cluster)"
        case .calico(let cluster): "Calico of \(cluster)"
        case .kubeProxy(let cluster, _): "kube-proxy of \(cluster)"
        }
    }
}
