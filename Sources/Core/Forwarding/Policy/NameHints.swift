import DNSWire
package import DomainNames
import Inventory

/// Finds the name that a client most likely meant by one that does not exist.
///
/// It reads the configuration only, and of that only what the client's view may ask: a hint tells a client
/// nothing that it could not ask for.
package struct NameHints: Sendable {
    /// The configuration.
    private let policy: ForwardingPolicy
    /// The client's view, an index into `ForwardingPolicy.views`.
    private let view: Int

    /// The most suffixes that a name is compared with, label by label and without a copy: with
    /// `mostSpellings` it bounds the time for one name.
    static let mostSuffixes = 256

    /// The most suffixes with one other label whose spelling is compared.
    static let mostSpellings = 32

    /// The most other clusters whose names are suggested.
    private static let mostClusters = 8

    /// A name that may exist in place of the one that was asked.
    package struct Candidate: Hashable, Sendable {
        /// The key of the cluster that would answer.
        package let cluster: String
        /// The name, as this client would ask for it.
        package let name: DomainName
    }

    /// - Parameter view: An index into `ForwardingPolicy.views`.
    package init(_ policy: ForwardingPolicy, view: Int) {
        self.policy = policy
        self.view = view
    }

    // MARK: - Spelling

    /// A name of the shape that clusters have, for one that has another shape or an unknown suffix; nil if
    /// none is near, or if the client may not ask for it.
    package func spelling(of name: DomainName) -> DomainName? {
        guard let labels = spelledLabels(name), let found = try? DomainName(labels: labels), found != name,
            mayAsk(found)
        else { return nil }
        return found
    }

    /// Its labels, whether it may be asked or not.
    private func spelledLabels(_ name: DomainName) -> [[UInt8]]? {
        let labels = name.labels.map { $0.map(foldedOctet) }
        // A search list makes many impossible names: those that end like this need no look at the suffixes.
        guard labels.count <= 12 else { return nil }
        let own = ownSuffix(labels)
        let rest = labels.dropLast(own?.count ?? 0)
        guard let kind = rest.lastIndex(where: Self.isKind) else {
            return withKind(Array(rest), own)
        }
        let tail = Array(labels[(kind + 1)...])
        if own == tail { return nil }
        let head = Array(labels[...kind])
        guard (2...5).contains(head.count) else { return nil }
        if let near = nearest(tail) ?? completed(tail) { return head + near }
        // `svc` stands before the namespace, or before the service.
        guard let own, rest.count == 3, kind < 2 else { return nil }
        return rest.filter { $0 != rest[kind] } + [rest[kind]] + own
    }

    /// The labels of a name without `svc`, with it.
    private func withKind(_ rest: [[UInt8]], _ own: [[UInt8]]?) -> [[UInt8]]? {
        let service = Array("svc".utf8)
        if let own {
            if rest.count == 3, let near = nearest([rest[2]] + own) {
                return rest.prefix(2) + [service] + near
            }
            return rest.count == 2 ? rest + [service] + own : nil
        }
        guard rest.count > 3 else { return nil }
        let head = Array(rest.prefix(2))
        return nearest(Array(rest.dropFirst(2))).map { head + [service] + $0 }
    }

    /// The longest suffix that the name lies below; nil if there is none.
    private func ownSuffix(_ labels: [[UInt8]]) -> [[UInt8]]? {
        var longest = 0
        visitSuffixes { suffix in
            let count = LabelWalk(suffix).count
            guard count > longest, count < labels.count,
                LabelWalk(suffix).differences(from: labels.suffix(count)) == []
            else { return }
            longest = count
        }
        return longest > 0 ? Array(labels.suffix(longest)) : nil
    }

    /// The suffix that differs from `tail` in one label, which is near; nil if there is none.
    private func nearest(_ tail: [[UInt8]]) -> [[UInt8]]? {
        var near: [String: [[UInt8]]] = [:]
        for (suffix, place) in similar(to: tail)
        where nearestSpelling(of: Self.text([tail[place]]), among: [Self.text([suffix[place]])]) != nil {
            near[Self.text(suffix)] = suffix
        }
        return nearestSpelling(of: Self.text(tail), among: near.keys.sorted()).flatMap { near[$0] }
    }

    /// The first suffixes that differ from `tail` in one label, at this place, of a similar length.
    func similar(to tail: [[UInt8]]) -> [(suffix: [[UInt8]], place: Int)] {
        var found: [(suffix: [[UInt8]], place: Int)] = []
        visitSuffixes { suffix in
            guard found.count < Self.mostSpellings,
                let places = LabelWalk(suffix).differences(from: tail[...]), places.count == 1
            else { return }
            let labels = Self.folded(suffix)
            // A slip for every three letters is the most that a near spelling has.
            let (one, other) = (labels[places[0]].count, tail[places[0]].count)
            if abs(one - other) <= max(1, min(one, other) / 3) { found.append((labels, places[0])) }
        }
        return found
    }

    /// The suffix that begins with `tail` and goes on, such as `prod.cluster.local` for `prod`; of none at
    /// all, the one that clusters share. Nil if several begin so.
    private func completed(_ tail: [[UInt8]]) -> [[UInt8]]? {
        guard !tail.isEmpty else {
            let shared = policy.views[view].sharedTargets.compactMap(\.self).first.map { policy.targets[$0] }
            return shared?.kind == .bareDomain ? shared.map { Self.folded($0.mapping.outer) } : nil
        }
        var longer: Set<[[UInt8]]> = []
        visitSuffixes { suffix in
            if longer.count < 2, LabelWalk(suffix).begins(with: tail) { longer.insert(Self.folded(suffix)) }
        }
        return longer.count == 1 ? longer.first : nil
    }

    // MARK: - Other clusters

    /// The same name in other clusters, and with service and namespace exchanged: what may exist if a
    /// cluster does not have `name`.
    package func alternatives(to name: DomainName) -> [Candidate] {
        let labels = name.labels.map { $0.map(foldedOctet) }
        guard case .ask(let target, let start) = route(name), target.kind == .clusterSuffix else { return [] }
        let kept = labels.dropLast(Self.count(of: name, from: start))
        guard let kind = kept.last, Self.isKind(kind) else { return [] }
        var found: [Candidate] = []
        if kept.count == 3, kept[0] != kept[1] {
            add(
                [kept[1], kept[0], kind] + Self.folded(target.mapping.outer), of: target.groups[0], to: &found
            )
        }
        var seen: Set<Int> = [target.groups[0]]
        for other in policy.targets where other.kind == .clusterSuffix && found.count <= Self.mostClusters {
            guard isVisible(other), seen.insert(other.groups[0]).inserted else { continue }
            add(Array(kept) + Self.folded(other.mapping.outer), of: other.groups[0], to: &found)
        }
        return found
    }

    /// Adds a candidate if the client may ask for it.
    private func add(_ labels: [[UInt8]], of group: Int, to found: inout [Candidate]) {
        guard let name = try? DomainName(labels: labels), mayAsk(name) else { return }
        found.append(Candidate(cluster: policy.groups[group].name, name: name))
    }

    // MARK: - The view

    /// Shows the suffixes below which the client may ask clusters.
    private func visitSuffixes(_ visit: (DomainName) -> Void) {
        var count = 0
        for target in policy.targets where target.kind == .clusterSuffix && isVisible(target) {
            guard count < Self.mostSuffixes else { break }
            count += 1
            visit(target.mapping.outer)
        }
        for target in policy.views[view].sharedTargets.compactMap(\.self) {
            visit(policy.targets[target].mapping.outer)
        }
    }

    /// True if the client may ask the target's only cluster.
    private func isVisible(_ target: RouteTarget) -> Bool {
        let cluster = policy.groups[target.groups[0]].name
        return policy.views[view].access?.permits(cluster: cluster) ?? true
    }

    /// True if a question of the client for the name goes to a cluster.
    private func mayAsk(_ name: DomainName) -> Bool {
        guard case .ask(let target, _) = route(name) else { return false }
        return target.kind != .upstream
    }

    /// The route of a question of the client for the name; nil for a malformed one.
    private func route(_ name: DomainName) -> Route? { policy.route(of: name, view: view) }

    /// A message that asks for the name.
    static func message(_ name: DomainName, type: Int) -> [UInt8] {
        [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0] + name.wire
            + [UInt8(truncatingIfNeeded: type >> 8), UInt8(truncatingIfNeeded: type), 0, 1]
    }

    // MARK: - Labels

    /// True for `svc` and `pod`.
    private static func isKind(_ label: [UInt8]) -> Bool {
        label.elementsEqual("svc".utf8) || label.elementsEqual("pod".utf8)
    }

    /// The labels of a name in lower case.
    private static func folded(_ name: DomainName) -> [[UInt8]] { name.labels.map { $0.map(foldedOctet) } }

    /// The number of labels from an offset on.
    private static func count(of name: DomainName, from start: Int) -> Int {
        (try? DomainName(wire: Array(name.wire[start...])))?.labels.count ?? 0
    }

    /// The labels as text, for comparison.
    private static func text(_ labels: [[UInt8]]) -> String {
        labels.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
    }
}

// MARK: - In errors

extension NameHints {
    /// `error` with the name that the client most likely meant by `name`, if one is near and it fits.
    func adding(to error: ExtendedError, for name: DomainName) -> ExtendedError {
        spelling(of: name).map { error.adding("; did you mean \($0)?") } ?? error
    }

    /// True if an impossible name may be near to a possible one: others, which search lists make in numbers,
    /// cost no more than this.
    ///
    /// - Parameter labels: Those before the suffix, in wire form without the root.
    static func mayHelp(_ labels: Span<UInt8>) -> Bool {
        var position = 0
        var count = 0
        var last = 0
        while position < labels.count {  // a checked name: each label is at least two octets
            last = position
            count += 1
            position += 1 + Int(labels[position])
        }
        guard (2...6).contains(count) else { return false }
        let isInPlace =
            hasLabel(Array("svc".utf8), in: labels, at: last)
            || hasLabel(Array("pod".utf8), in: labels, at: last)
        return !isInPlace
    }
}

extension ExtendedError {
    /// The same error with more text; without it if the whole would be too long.
    func adding(_ more: String) -> ExtendedError {
        let whole = text + Array(more.utf8)
        return whole.count > Self.maximumTextLength ? self : ExtendedError(code: code, text: whole)
    }
}

// MARK: - Comparing

/// The labels of a name, compared with others in lower case where they are.
private struct LabelWalk {
    /// Length octets and labels; the root's ends it.
    private let wire: [UInt8]

    init(_ name: DomainName) { wire = name.wire }

    /// How many labels it has, without the root's.
    var count: Int {
        var count = 0
        var position = 0
        while wire[position] != 0 {  // a checked name: each label is at least two octets
            count += 1
            position += 1 + Int(wire[position])
        }
        return count
    }

    /// The first places, at most two, at which a name of as many labels differs from `labels`; nil if it has
    /// more or fewer.
    func differences(from labels: ArraySlice<[UInt8]>) -> [Int]? {
        var places: [Int] = []
        var position = 0
        for (place, label) in labels.enumerated() {
            guard wire[position] != 0 else { return nil }
            if !isLabel(at: position, label) {
                places.append(place)
                if places.count == 2 { return places }
            }
            position += 1 + Int(wire[position])
        }
        return wire[position] == 0 ? places : nil
    }

    /// True if it has all of `labels` at its beginning, and more.
    func begins(with labels: [[UInt8]]) -> Bool {
        var position = 0
        for label in labels {
            guard wire[position] != 0, isLabel(at: position, label) else { return false }
            position += 1 + Int(wire[position])
        }
        return wire[position] != 0
    }

    private func isLabel(at position: Int, _ label: [UInt8]) -> Bool {
        guard Int(wire[position]) == label.count else { return false }
        for index in label.indices where foldedOctet(wire[position + 1 + index]) != label[index] {
            return false
        }
        return true
    }
}
