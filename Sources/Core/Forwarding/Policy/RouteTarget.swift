package import DNSWire
package import DomainNames
package import IPAddressing
import Inventory

/// Name servers with the same data: those of one cluster, or those of `dns.upstream`.
package struct ServerGroup: Sendable {
    /// The cluster's key, or `upstream`; used in logs and in the texts of Extended DNS Errors.
    package let name: String

    /// Its place in `ForwardingPolicy.clusterNames`, which a reload does not change.
    package let number: Int

    /// Indexes into `ForwardingPolicy.servers`, in the order of the file.
    package let servers: [Int]

    /// The domain of a cluster's servers; nil for `dns.upstream`.
    package let domain: DomainName?

    /// The cluster's pods and services, and their outer ranges; nil for `dns.upstream`, and if the file
    /// names none.
    package let addresses: IPPrefixTable<Bool>?

    /// Of these the ClusterIPs of its services; nil for `dns.upstream`, and if the file names none.
    let services: IPPrefixTable<Bool>?

    /// The cluster's pods and services as they are inside.
    let innerPrefixes: [IPPrefix]

    /// The same as `addresses`, for comparison.
    let prefixes: [IPPrefix]

    /// Which outer addresses stand for the cluster's; empty if it has no map.
    package let addressMap: PrefixMap

    /// From every outer address of the cluster to the inner one, also those that single relays lead to it.
    let ranges: PrefixMap

    /// How long clients wait for the group.
    package let timeouts: Timeouts

    /// The times after which a question is sent again and given up, in milliseconds.
    ///
    /// At most three questions go to one server over one transport (RFC 9520 section 3.1).
    package struct Timeouts: Hashable, Sendable {
        /// Until the first retry.
        package let firstRetry: Int
        /// Between later retries.
        package let laterRetries: Int
        /// Until the group is given up; nil: with the client's whole time, see `EngineLimits`.
        package let total: Int?

        /// A cluster's DNS answers from memory: silence means a lost packet. An answer or an error comes
        /// within 2 s, unless probes find only one server alive: see `QuestionsInFlight.groupTimeIsOver`.
        package static let cluster = Timeouts(firstRetry: 400, laterRetries: 500, total: 1_900)

        /// A resolver may have to ask other servers.
        package static let resolver = Timeouts(firstRetry: 800, laterRetries: 1_200, total: nil)
    }
}

/// The servers for questions below one suffix, and the names under which answers return.
///
/// A class, so that a question in flight needs one reference count for it.
package final class RouteTarget: Sendable {
    /// Its place in `ForwardingPolicy.targets`.
    package let index: Int

    /// Indexes into `ForwardingPolicy.groups`, never empty. Several: the first that has the name answers,
    /// unless there is a `union`.
    package let groups: [Int]

    /// From the names that the servers are asked for to those that clients ask.
    package let mapping: NameMapping

    /// From the clusters' names in answers to those that clients know. The same as `mapping`, but for
    /// questions whose own name has no suffix of a cluster.
    package let answerNames: NameMapping

    /// For each of `groups` what becomes of the addresses in its answers.
    package let addressMaps: [PrefixMap]

    /// Index of the same target for clients that stand inside of its only cluster; nil if it changes no
    /// addresses.
    package let innerTwin: Int?

    /// True if the question's suffix `mapping.outer` is replaced by `mapping.inner` for servers; false if the
    /// question is sent unchanged: plain names, reverse names.
    package let rewritesQuestion: Bool

    /// The kind of names.
    package let kind: Kind

    /// Of a merged suffix how the answers of its groups become one; nil: the first that has the name answers.
    package let union: Union?

    /// Of a cluster set what tells its members apart; nil for others.
    let members: ClusterSetMembers?

    /// True if groups that no packets of a client reach are left out for it.
    var goesAroundPaths: Bool { kind == .merged || kind == .clusterSet }

    /// How the answers of several groups become one.
    package struct Union: Hashable, Sendable {
        /// Whether an answer is given although a group has failed.
        let isPartial: Bool
    }

    /// True if a name outside the Kubernetes schema is denied without asking.
    package let hasOnlyKubernetesNames: Bool

    /// How long answers are cached.
    package let cacheLimits: CacheLimits

    /// The kind of names of a target.
    package enum Kind: Sendable {
        /// Below a suffix of one cluster.
        case clusterSuffix
        /// Below the domain that the clusters share.
        case bareDomain
        /// Below a suffix of its own that several clusters answer.
        case merged
        /// In the zone of a cluster set, which each of its members serves.
        case clusterSet
        /// At or below a private zone that one cluster resolves: its names and addresses stay as they are.
        case privateZone
        /// A reverse name of an address inside a cluster's prefixes.
        case reverse
        /// Every other name.
        case upstream
    }

    /// What makes up a target besides what follows from its groups.
    struct Plan {
        /// See `RouteTarget.goesAroundPaths`.
        var goesAroundPaths: Bool { kind == .merged || kind == .clusterSet }
        /// See `RouteTarget`, as the others.
        var groups: [Int]
        var mapping: NameMapping
        /// Nil: as `mapping`.
        var answerNames: NameMapping?
        var addressMaps: [PrefixMap]
        var rewritesQuestion: Bool
        var kind: Kind
        var innerTwin: Int?
        var union: Union?
        var members: ClusterSetMembers?
    }

    /// Creates a target.
    init(_ plan: Plan, index: Int, hasOnlyKubernetesNames: Bool, cacheLimits: CacheLimits) {
        self.index = index
        groups = plan.groups
        mapping = plan.mapping
        answerNames = plan.answerNames ?? plan.mapping
        addressMaps = plan.addressMaps
        innerTwin = plan.innerTwin
        rewritesQuestion = plan.rewritesQuestion
        kind = plan.kind
        union = plan.union
        members = plan.members
        self.hasOnlyKubernetesNames = hasOnlyKubernetesNames
        self.cacheLimits = cacheLimits
    }

    /// The same target for one question of which one cluster, at `position` of `groups`, is asked another
    /// name.
    init(_ target: RouteTarget, askingGroupAt position: Int, _ mapping: NameMapping) {
        index = target.index
        groups = [target.groups[position]]
        self.mapping = mapping
        answerNames = target.answerNames
        addressMaps = [target.addressMaps[position]]
        innerTwin = target.innerTwin
        rewritesQuestion = true
        kind = target.kind
        union = target.union
        members = target.members
        hasOnlyKubernetesNames = target.hasOnlyKubernetesNames
        cacheLimits = target.cacheLimits
    }

    /// How an answer of the group at `position` becomes one for clients.
    func answerTerms(ofGroupAt position: Int, _ bailiwick: Bailiwick) -> AnswerTerms {
        // The name of each record says whose map holds; see `AnswerPreparation.resolveOwners`.
        let isByName = members?.haveSharedAddresses == true
        return AnswerTerms(
            names: answerNames, question: mapping == answerNames ? nil : mapping,
            addresses: isByName ? PrefixMap() : addressMaps[position], bailiwick: bailiwick,
            changesAddressesLater: isByName)
    }

    /// TTLs of stale answers: 30 s (RFC 8767 section 4), or less if answers are cached for a shorter time.
    var staleFreshness: AnswerFreshness { .stale(min(30, cacheLimits.maximumSeconds)) }
}

/// How long answers below one suffix are cached at most, regardless of their TTLs.
package struct CacheLimits: Hashable, Sendable {
    /// Positive answers, in seconds.
    package let maximumSeconds: UInt32
    /// Negative answers, in seconds.
    package let negativeSeconds: UInt32
    /// How long expired positive answers may be served while no server answers, in nanoseconds.
    package let staleNanoseconds: Int64
}

extension CacheLimits {
    /// The limits of a configuration.
    init(_ settings: CacheSettings) {
        maximumSeconds = UInt32(clamping: settings.maximumTTL.components.seconds)
        negativeSeconds = UInt32(clamping: settings.negativeTTL.components.seconds)
        staleNanoseconds = settings.stale.components.seconds * 1_000_000_000
    }

    /// The lower of each limit, for answers that may come from either of two clusters.
    func strictest(_ other: CacheLimits) -> CacheLimits {
        CacheLimits(
            maximumSeconds: min(maximumSeconds, other.maximumSeconds),
            negativeSeconds: min(negativeSeconds, other.negativeSeconds),
            staleNanoseconds: min(staleNanoseconds, other.staleNanoseconds))
    }
}

/// The policy's decision about a question.
package enum Route: Sendable {
    /// Ask the target's groups. `suffixStart` is the offset inside the name of the suffix that was matched.
    case ask(RouteTarget, suffixStart: Int)

    /// Answer without asking a server.
    case answer(LocalAnswer)
}

/// An answer that needs no server.
package enum LocalAnswer: Sendable {
    /// REFUSED, for the stated reason.
    case refused(ExtendedError)

    /// The answer of a zone that is served here, with authority. `start` is its offset in the name asked.
    case zone(LocalZone, start: Int)
}

/// A zone that is served here: it contains only SOA and NS, and addresses if it names the host.
package struct LocalZone: Sendable {
    /// The names in the zone.
    package let names: Names
    /// The reason in its answers; nil if they need none.
    package var reason: ExtendedError?

    /// The answer for names in the zone.
    package enum Names: Sendable {
        /// Neither the zone nor what is below it exists.
        case denied
        /// Nothing below the zone exists, except empty non-terminals above foreign names (RFC 8020).
        case empty(isOnTheWay: Bool)
        /// Every name exists and has no data.
        case withoutData
        /// Every name has the addresses of the client's own host (RFC 6761 section 6.3).
        case loopback
    }
}
