package import DNSWire
import DomainNames
import IPAddressing

/// A policy and its replacement: which answers are valid under both.
///
/// An answer is cached by view and name, and depends only on the target that the policy chooses for them. So
/// it stays valid if both policies choose targets with the same effect on an answer.
package final class PolicyChange: Sendable {
    /// The present policy.
    package let old: ForwardingPolicy
    /// Its replacement.
    package let new: ForwardingPolicy

    /// For each target of the old and the new policy a number: equal targets have the same one.
    private let oldKinds: [Int]
    /// The number of each target of the new policy.
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

    /// True if a cached answer to the question in `message`, asked in `view`, is valid under both policies.
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

/// Checks cached answers, one after the other, with a `PolicyChange`.
package struct CachedAnswerCheck {
    /// The change.
    private let change: PolicyChange
    /// A question: the header, and room for the longest name, type and class.
    private var message: [UInt8] = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]

    /// A check for `change`.
    package init(_ change: PolicyChange) {
        self.change = change
        message.reserveCapacity(message.count + maximumNameLength + 4)
    }

    /// True if the cached answer for `name`, in wire form, and `view` is valid after the change as well.
    package mutating func keeps(_ name: Span<UInt8>, view: Int) -> Bool {
        message.removeLast(message.count - Question.nameStart)
        for index in name.indices { message.append(name[index]) }
        message += [0, 1, 0, 1]
        guard let question = try? Question(reading: message.span) else { return false }
        return change.keepsAnswer(message.span, question, view: view)
    }
}

/// The parts of a target that affect its answers.
private struct TargetContent: Hashable {
    /// The groups, in order.
    let groups: [GroupContent]
    /// The mapping of names.
    let mapping: NameMapping
    /// See `RouteTarget.answerNames`.
    let answerNames: NameMapping
    /// See `RouteTarget.addressMaps`.
    let addressMaps: [PrefixMap]
    /// See `RouteTarget.rewritesQuestion`.
    let rewritesQuestion: Bool
    /// The kind of names.
    let kind: RouteTarget.Kind
    /// See `RouteTarget.union`.
    let union: RouteTarget.Union?
    /// See `RouteTarget.members`.
    let members: ClusterSetMembers?
    /// See `RouteTarget.hasOnlyKubernetesNames`.
    let hasOnlyKubernetesNames: Bool
    /// The limits of the cache.
    let cacheLimits: CacheLimits
    /// nil if it does not matter.
    let guarded: ForwardingPolicy.Guarded?

    /// The content of `target`.
    init(_ target: RouteTarget, _ policy: ForwardingPolicy) {
        groups = target.groups.map { GroupContent(policy.groups[$0], policy) }
        mapping = target.mapping
        answerNames = target.answerNames
        addressMaps = target.addressMaps
        rewritesQuestion = target.rewritesQuestion
        kind = target.kind
        union = target.union
        members = target.members
        hasOnlyKubernetesNames = target.hasOnlyKubernetesNames
        cacheLimits = target.cacheLimits
        guarded = target.kind == .upstream ? policy.guarded : nil
    }
}

/// The parts of a group that affect its answers.
private struct GroupContent: Hashable {
    /// The group's name.
    let name: String
    /// The servers, in order.
    let servers: [Endpoint]
    /// The cluster's domain.
    let domain: DomainName?
    /// The cluster's prefixes.
    let prefixes: [IPPrefix]

    /// The content of `group`.
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

    /// The identity of a server in two policies.
    private func serverIdentity(_ server: Int) -> ServerIdentity {
        ServerIdentity(endpoint: servers[server], group: groups[groupOfServer[server]].name)
    }

    /// A server with the name of its group.
    private struct ServerIdentity: Hashable {
        /// The server's address.
        let endpoint: Endpoint
        /// The group's name.
        let group: String
    }
}
