package import DNSWire
import DomainNames
import IPAddressing

/// A policy and the one that takes its place: which answers hold under both.
///
/// An answer is kept by view and name, and depends on nothing but the target that the policy chooses for
/// them. So it holds where both policies choose targets that are the same in all that shapes an answer.
package final class PolicyChange: Sendable {
    package let old: ForwardingPolicy
    package let new: ForwardingPolicy

    /// For each target of the old and the new policy a number: equal targets have the same one.
    private let oldKinds: [Int]
    private let newKinds: [Int]

    /// - Parameter new: Made with `after: old`.
    package init(from old: ForwardingPolicy, to new: ForwardingPolicy) {
        self.old = old
        self.new = new
        var kinds: [TargetContent: Int] = [:]
        func kind(_ target: RouteTarget, _ policy: ForwardingPolicy) -> Int {
            let content = TargetContent(target, policy)
            if let kind = kinds[content] { return kind }
            kinds[content] = kinds.count
            return kinds.count - 1
        }
        oldKinds = old.targets.map { kind($0, old) }
        newKinds = new.targets.map { kind($0, new) }
    }

    /// True where a kept answer to the question in `message`, asked in `view`, holds under both policies.
    package func keepsAnswer(_ message: Span<UInt8>, _ question: Question, view: Int) -> Bool {
        guard view < old.views.count, view < new.views.count,
            case .ask(let before, let start) = old.route(message, question, view: view),
            case .ask(let after, start) = new.route(message, question, view: view)
        else { return false }
        return oldKinds[before.index] == newKinds[after.index]
    }

    /// For each group of the new policy the old policy's group of the same servers for the same names; nil if
    /// there is none.
    var groupPlaces: [Int?] {
        let places = FirstPlaces(old.groups.map { GroupContent($0, old) })
        return new.groups.map { places[GroupContent($0, new)] }
    }
}

/// Asks a `PolicyChange` about one kept answer after the other.
package struct KeptAnswerCheck {
    private let change: PolicyChange
    /// A question: the header, and room for the longest name, type and class.
    private var message: [UInt8] = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]

    package init(_ change: PolicyChange) {
        self.change = change
        message.reserveCapacity(message.count + maximumNameLength + 4)
    }

    /// True where what is kept for `name`, in wire form, and `view` holds after the change as well.
    package mutating func keeps(_ name: Span<UInt8>, view: Int) -> Bool {
        message.removeLast(message.count - Question.nameStart)
        for index in name.indices { message.append(name[index]) }
        message += [0, 1, 0, 1]
        guard let question = try? Question(reading: message.span) else { return false }
        return change.keepsAnswer(message.span, question, view: view)
    }
}

/// All of a target that shapes its answers.
private struct TargetContent: Hashable {
    let groups: [GroupContent]
    let mapping: NameMapping
    let rewritesQuestion: Bool
    let kind: RouteTarget.Kind
    let hasOnlyKubernetesNames: Bool
    let cacheLimits: CacheLimits
    /// nil where it does not matter.
    let guarded: ForwardingPolicy.Guarded?

    init(_ target: RouteTarget, _ policy: ForwardingPolicy) {
        groups = target.groups.map { GroupContent(policy.groups[$0], policy) }
        mapping = target.mapping
        rewritesQuestion = target.rewritesQuestion
        kind = target.kind
        hasOnlyKubernetesNames = target.hasOnlyKubernetesNames
        cacheLimits = target.cacheLimits
        guarded = target.kind == .upstream ? policy.guarded : nil
    }
}

/// All of a group that shapes its answers.
private struct GroupContent: Hashable {
    let name: String
    let servers: [Endpoint]
    let domain: DomainName?
    let prefixes: [IPPrefix]

    init(_ group: ServerGroup, _ policy: ForwardingPolicy) {
        name = group.name
        servers = group.servers.map { policy.servers[$0] }
        domain = group.domain
        prefixes = group.prefixes
    }
}

extension ForwardingPolicy {
    /// For each server its place in `old`, under the same name of a group; nil for one that is not there.
    func places(in old: ForwardingPolicy) -> [Int?] {
        let places = FirstPlaces(old.servers.indices.map(old.serverIdentity))
        return servers.indices.map { places[serverIdentity($0)] }
    }

    /// What makes a server the same one in two policies.
    private func serverIdentity(_ server: Int) -> ServerIdentity {
        ServerIdentity(endpoint: servers[server], group: groups[groupOfServer[server]].name)
    }

    private struct ServerIdentity: Hashable {
        let endpoint: Endpoint
        let group: String
    }
}
