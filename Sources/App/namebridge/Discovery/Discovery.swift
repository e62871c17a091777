import ArgumentParser
import ClusterDiscovery
import IPAddressing
import Inventory
import JSON

/// The findings of all clusters that were asked for.
struct Discovery {
    /// The clusters that could be asked.
    private(set) var found: [ClusterFindings] = []

    /// The file in use; nil if none was named.
    let file: Inventory?

    /// For the clusters that are in the file too.
    private(set) var differences: [ClusterDifference] = []

    /// Overlapping prefixes.
    private(set) var overlaps: [PrefixOverlap] = []

    /// For each cluster that overlaps others a map that would tell them apart.
    private let proposals: [String: PrefixMap]

    /// Contexts that could not be asked, and why.
    private(set) var failures: [(context: String, reason: String)] = []

    /// - Parameters:
    ///   - surveys: One for each context, with the key that was chosen for it; nil: a free one.
    ///   - hostRoutes: Prefixes that this host has routes to: no map is proposed there.
    init(
        _ surveys: [(survey: ClusterSurvey, key: String?)], by kubectl: Kubectl, file: Inventory?,
        contexts: [String], hostRoutes: [IPPrefix] = []
    ) {
        self.file = file
        var taken = Set((file?.sites ?? []).map(\.key))
        for (survey, _) in surveys {
            guard let failure = survey.failure else { continue }
            failures.append((survey.context, Self.reason(failure, survey.context, known: contexts, kubectl)))
        }
        // Chosen keys first, so that no generated key collides with them.
        taken.formUnion(surveys.compactMap(\.key))
        for (survey, chosen) in surveys where survey.failure == nil {
            var findings = survey.findings(key: chosen ?? ClusterKey.label(of: survey.context))
            if chosen == nil { findings.key = Self.key(for: findings, file, taken) }
            taken.insert(findings.key)
            found.append(findings)
        }
        differences = found.compactMap { findings in
            file?.cluster(findings.key).map { ClusterDifference(from: $0, to: findings) }
        }
        let all = (file ?? Inventory()).merging(found)
        overlaps = PrefixOverlap.find(in: all)
        let overlapping = Set(overlaps.flatMap { [$0.first.place, $0.second.place] })
        proposals = all.proposedMaps(
            for: all.clusters.filter { overlapping.contains($0.key) && !$0.isMapped }.map(\.key),
            besides: hostRoutes)
        for index in found.indices where file?.cluster(found[index].key) == nil {
            found[index].proposedMap = proposals[found[index].key]
        }
    }

    /// True if the text that is printed has a map for each cluster that needs one.
    private func isSolved(_ overlap: PrefixOverlap) -> Bool {
        let places = Set([overlap.first.place, overlap.second.place])
        let clusters = places.filter { file?.site($0) == nil }
        return places.count > 1
            && clusters.allSatisfy { place in found.contains { $0.key == place && $0.proposedMap != nil } }
    }

    /// The cluster's key in the file, or a new one.
    private static func key(
        for findings: ClusterFindings, _ file: Inventory?, _ taken: Set<String>
    ) -> String {
        if let file {
            if let key = ClusterKey.match(findings, in: file), !taken.contains(key) { return key }
            // A cluster of the same key that contradicts the findings is another cluster.
            if file.cluster(findings.key) != nil, !taken.contains(findings.key) { return findings.key }
        }
        return ClusterKey.free(findings.key, besides: taken)
    }

    /// Why a context could not be asked, with a suggestion for a wrong name.
    private static func reason(
        _ failure: KubectlFailure, _ context: String, known: [String], _ kubectl: Kubectl
    ) -> String {
        let reason = failure.explanation(kubectl: kubectlCommand(context: context))
        guard failure == .noContext else { return reason }
        if known.isEmpty { return kubectl.lackOfContexts }
        let near = nearestSpelling(of: context, among: known).map { "; did you mean \"\(plainText($0))\"?" }
        let list = known.prefix(8).map(plainText).joined(separator: ", ") + (known.count > 8 ? ", ..." : "")
        return "the kubeconfig has no such context\(near ?? ""); it has: \(list)"
    }

    /// True if a person must act.
    var hasProblem: Bool {
        !failures.isEmpty || !overlaps.allSatisfy(isSolved) || found.contains { !$0.partial.isEmpty }
    }

    /// Clusters of the file for which no context was named.
    var unasked: [String] {
        let keys = Set(found.map(\.key))
        return (file?.clusters ?? []).map(\.key).filter { !keys.contains($0) }
    }

    // MARK: - For people

    /// Prints failures, missing permissions and overlaps to standard error.
    ///
    /// - Parameter place: Where `text` stands.
    func printProblems(place: String = "the output") {
        for (context, reason) in failures {
            printError(Style.error.paint("\(plainText(context)): \(reason)"))
        }
        for findings in found {
            for line in findings.partial {
                printError(Style.error.paint("\(findings.context): \(line)"))
            }
            for refusal in findings.refusals {
                printError(Style.heading.paint("\(findings.context): \(refusal)"))
            }
            if !findings.missing.isEmpty {
                let list = findings.missing.map(\.rawValue).joined(separator: ", ")
                printError("\(findings.context): not found: \(list); \(place) says how to find that")
            }
        }
        for overlap in overlaps {
            let style = isSolved(overlap) ? Style.heading : .error
            printError(style.paint("\(overlap)\(isSolved(overlap) ? "; a map is proposed" : "")"))
        }
        for cluster in file?.clusters ?? [] {
            guard let map = proposals[cluster.key] else { continue }
            printError(Style.heading.paint("clusters.\(cluster.key): a line for the file: \(map.line)"))
        }
    }

    /// The clusters as entries of a configuration file.
    var text: String { inventoryText(of: found) }

    /// Prints the differences from the file, one a line, and clusters that are new.
    func printDifference(path: String) {
        for findings in found {
            guard let difference = differences.first(where: { $0.key == findings.key }) else {
                print("clusters.\(findings.key) (context \(findings.context)): not in \(path)")
                for line in findings.yaml.split(separator: "\n") {
                    print(Style.success.paint("+ \(line)"))
                }
                continue
            }
            let count = difference.rows.count
            let words = count == 0 ? "as found" : "\(count) \(count == 1 ? "difference" : "differences")"
            print("clusters.\(findings.key) (context \(findings.context)): \(words)")
            for row in difference.rows { print(row.style.paint("  \(row.text)")) }
            for key in difference.unknown {
                let isPartial = findings.partialKeys.contains(key)
                let words = isPartial ? "read only in part" : "not found"
                print("  ? \(key.rawValue): in the file, and \(words) in the cluster")
            }
        }
        for key in unasked { print("clusters.\(key): not asked for: no context of it was named") }
    }

    // MARK: - For programs

    /// Everything for programs.
    var json: JSONValue {
        .object([
            ("clusters", .array(found.map(\.json))),
            (
                "failures",
                .array(
                    failures.map {
                        .object([("context", .string($0.context)), ("reason", .string($0.reason))])
                    })
            ),
            ("overlaps", .array(overlaps.map { .string($0.description) })),
            ("differences", file == nil ? .null : .array(differences.map(\.json))),
            ("not-asked", .array(unasked.map { .string($0) })),
        ])
    }
}

extension ClusterDifference.Row {
    /// The colour of a difference.
    fileprivate var style: Style {
        switch kind {
        case .new: .success
        case .gone: .error
        case .changed: .heading
        }
    }
}
