import DomainNames
import IPAddressing
import Inventory
import JSON

extension ClusterSurvey {
    /// The findings of all answers.
    ///
    /// - Parameter key: The cluster's key in the configuration file.
    package func findings(key: String) -> ClusterFindings {
        var survey = self
        survey.distribution = Distribution(of: items(.nodes))
        return survey.findingsOfDistribution(key: key)
    }

    /// The same once the distribution is known.
    private func findingsOfDistribution(key: String) -> ClusterFindings {
        var findings = ClusterFindings(key: key, context: plainText(context))
        findings.version = document(.version)?["gitVersion"]?.string.map(plainText)
        let cni = findCNI()
        findings.cni = cni.found
        findings.remarks[.cni] = cni.remarks
        findings.cilium = findCilium(cni: cni.found?.value)
        findings.calico = findCalico(cni: cni.found?.value)
        let kubeProxy = findKubeProxy(calico: findings.calico)
        findings.kubeProxy = kubeProxy.found
        findings.remarks[.kubeProxy] = kubeProxy.remarks
        findings.dns = findServers()
        findings.otherDNS = findOtherServers()
        findings.remarks[.dns] = serverRemarks
        let domain = findDomain()
        findings.domain = domain.found
        if !domain.others.isEmpty {
            let names = domain.others.map(\.description).joined(separator: ", ")
            findings.remarks[.domain] = ["it serves \(names) as well"]
        }
        findings.services = servicePrefixes
        findings.pods = podPrefixes(cni: cni.found?.value)
        let nodes = findNodes(cni: cni.found?.value)
        findings.nodes = nodes.found
        findings.knowsNodePrefixes = nodes.knowsPrefixes
        findings.remarks[.nodes] = nodes.remarks
        findings.addPodRemarks(disabled: disabledCalicoPools)
        findings.keepNodesInsidePods()
        findings.addServerRemarks()
        findings.refusals = refusals
        for (topic, failure) in partial {
            let words = failure.explanation(kubectl: kubectlCommand(context: plainText(context)))
            findings.partial.append(
                "partial: only a part of \(topic.purpose ?? topic.path) was read: \(words)")
            findings.partialKeys.formUnion(topic.keys)
        }
        findings.partial.sort()
        findings.addReasons(of: self)
        return findings
    }

    /// The questions without an answer that leave something unknown, one line each. A question that another
    /// one has replaced with success is left out.
    private var refusals: [String] {
        var lines: [String] = []
        for (topic, answer) in answers {
            guard case .failure(let failure) = answer, let purpose = topic.purpose, failure != .notFound
            else {
                continue
            }
            // The questions that replace a list are reported as that list.
            if topic == .configMaps, !Self.systemConfigMaps.contains(where: isForbidden) { continue }
            if isForbidden(.configMaps), Self.systemConfigMaps.contains(topic) { continue }
            if topic == .daemonSets, document(.systemDaemonSets) != nil { continue }
            if topic == .systemDaemonSets { continue }
            // A refused dry run is the purpose of the question.
            if case .serviceRange = topic, case .invalid = failure { continue }
            let words = failure.explanation(kubectl: kubectlCommand(context: plainText(context)))
            lines.append("\(words); not known therefore: \(purpose)")
        }
        return lines.sorted()
    }
}

extension ClusterFindings {
    /// Adds to each key without a value the refusals that are the reason.
    fileprivate mutating func addReasons(of survey: ClusterSurvey) {
        for key in missing {
            let kubectl = self.kubectl
            let reasons = survey.answers.compactMap { topic, answer -> String? in
                guard case .failure(let failure) = answer, topic.keys.contains(key), failure != .notFound
                else {
                    return nil
                }
                if case .serviceRange = topic, case .invalid(let words) = failure {
                    return "the API server refuses a wrong service address without naming the range: \(words)"
                }
                return failure.explanation(kubectl: kubectl)
            }
            remarks[key, default: []] += Set(reasons).sorted().prefix(3)
        }
    }

    /// Remarks about the pods' prefixes.
    fileprivate mutating func addPodRemarks(disabled: [IPPrefix]) {
        if !disabled.isEmpty {
            let list = disabled.map(\.description).joined(separator: ", ")
            remarks[.pods, default: []].append("disabled pools, where no pods are: \(list)")
        }
        guard let pods = values.pods else {
            if values.cni?.value == .vpc {
                remarks[.pods, default: []].append(
                    "pods have addresses of the cloud's network: enter the prefixes of their subnets")
            }
            return
        }
        if pods.source.hasPrefix("spec.podCIDRs") {
            remarks[.pods, default: []].append(
                "nodes that come later may get others; who set the cluster up knows the whole range")
        }
    }

    /// Adds prefixes of nodes that are outside of `pods`, since pods do have those addresses.
    fileprivate mutating func keepNodesInsidePods() {
        guard let nodes, !nodes.value.isEmpty else { return }
        let table = IPPrefixTable((values.pods?.value ?? []).map { ($0, $0) })
        let outside = nodes.value.flatMap(\.pods).filter {
            table.longestMatch($0.address)?.contains($0) != true
        }
        if outside.isEmpty { return }
        let extra = joined(outside)
        let list = extra.map(\.description).joined(separator: ", ")
        let source = values.pods?.source ?? "pod prefixes of the nodes, together"
        if values.pods != nil {
            remarks[.pods, default: []].append("\(list): of nodes, outside of what is declared")
        }
        values.pods = Fact(withoutNested((values.pods?.value ?? []) + extra), source)
    }

    /// Remarks about addresses of the DNS besides its ClusterIP.
    fileprivate mutating func addServerRemarks() {
        guard values.dns != nil, !otherDNS.isEmpty else { return }
        let list = otherDNS.prefix(6).map(\.description).joined(separator: ", ")
        let more = otherDNS.count > 6 ? " and \(otherDNS.count - 6) more" : ""
        remarks[.dns, default: []].append(
            "it answers at \(list)\(more) as well: for a host without a route to services (pods' addresses"
                + " change)")
    }
}
