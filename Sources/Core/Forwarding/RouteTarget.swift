package import DNSWire
package import DomainNames
package import IPAddressing
import Inventory

/// Name servers that hold the same data: those of one cluster, or those of `dns.upstream`.
package struct ServerGroup: Sendable {
    /// The cluster's key, or `upstream`; stands in logs and in the texts of Extended DNS Errors.
    package let name: String

    /// Its place in `ForwardingPolicy.clusterNames`: stays the same over reloads.
    package let number: Int

    /// Indexes into `ForwardingPolicy.servers`, in the order of the file.
    package let servers: [Int]

    /// The domain that a cluster's servers hold; nil for `dns.upstream`.
    package let domain: DomainName?

    /// The cluster's pods and services; nil for `dns.upstream`, and where the file names none.
    package let addresses: IPPrefixTable<Bool>?

    /// The same, to be compared.
    let prefixes: [IPPrefix]

    /// How long the group is waited for.
    package let timeouts: Timeouts

    /// Times after which a question is sent again, and after which it is given up, in milliseconds.
    ///
    /// At most three questions go to one server over one transport (RFC 9520 section 3.1).
    package struct Timeouts: Hashable, Sendable {
        package let firstRetry: Int
        package let laterRetries: Int
        package let total: Int

        /// A cluster's DNS answers from memory: silence is loss. An answer or an error comes within 2 s.
        package static let cluster = Timeouts(firstRetry: 400, laterRetries: 500, total: 1_900)

        /// A resolver may have to ask around itself. Below the 5 s that common clients wait.
        package static let resolver = Timeouts(firstRetry: 800, laterRetries: 1_200, total: 4_500)
    }
}

/// Where questions below one suffix go, and under which names their answers come back.
///
/// A class, so that holding one in flight costs one reference count.
package final class RouteTarget: Sendable {
    /// Its place in `ForwardingPolicy.targets`.
    package let index: Int

    /// Indexes into `ForwardingPolicy.groups`, never empty. Several: the first that has the name answers.
    package let groups: [Int]

    /// From the clusters' names to those that clients ask.
    package let mapping: NameMapping

    /// True where the question's suffix `mapping.outer` is replaced by `mapping.inner` on the way out; false
    /// where the question goes out as it came: plain names, reverse names.
    package let rewritesQuestion: Bool

    package let kind: Kind

    /// True where a name outside the Kubernetes schema is denied without asking.
    package let hasOnlyKubernetesNames: Bool

    /// How long answers are kept.
    package let cacheLimits: CacheLimits

    package enum Kind: Sendable {
        /// Below a suffix of one cluster.
        case clusterSuffix
        /// Below the domain that the clusters share.
        case bareDomain
        /// A reverse name of an address inside a cluster's prefixes.
        case reverse
        /// Every other name.
        case upstream
    }

    init(
        index: Int, groups: [Int], mapping: NameMapping, rewritesQuestion: Bool, kind: Kind,
        hasOnlyKubernetesNames: Bool, cacheLimits: CacheLimits
    ) {
        self.index = index
        self.groups = groups
        self.mapping = mapping
        self.rewritesQuestion = rewritesQuestion
        self.kind = kind
        self.hasOnlyKubernetesNames = hasOnlyKubernetesNames
        self.cacheLimits = cacheLimits
    }

    /// TTLs of stale answers: 30 s (RFC 8767 section 4), or less where no answer is to be kept for so long.
    var staleFreshness: AnswerFreshness { .stale(min(30, cacheLimits.maximumSeconds)) }
}

/// How long answers below one suffix are kept at most, whatever their TTLs say.
package struct CacheLimits: Hashable, Sendable {
    /// Positive answers, in seconds.
    package let maximumSeconds: UInt32
    /// Negative answers, in seconds.
    package let negativeSeconds: UInt32
    /// How long past their end positive answers may be served while no server answers, in nanoseconds.
    package let staleNanoseconds: Int64
}

extension CacheLimits {
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

/// What the policy says about a question.
package enum Route: Sendable {
    /// Ask the target's groups. `suffixStart` is the offset inside the name of the suffix that was matched.
    case ask(RouteTarget, suffixStart: Int)

    /// Answer without asking anybody.
    case answer(LocalAnswer)
}

/// An answer that needs no server.
package enum LocalAnswer: Sendable {
    /// REFUSED, for the stated reason.
    case refused(ExtendedError)

    /// What a zone says that is served here, with authority. `start` is its offset in the name asked.
    case zone(LocalZone, start: Int)
}

/// A zone that is served here: nothing is in it but SOA and NS, and addresses where it stands for the host.
package struct LocalZone: Sendable {
    package let names: Names
    /// Goes with its answers; nil if they need no reason.
    package var reason: ExtendedError?

    /// What is said of names in the zone.
    package enum Names: Sendable {
        /// Neither the zone nor what is below it exists.
        case denied
        /// Nothing below the zone exists, but for a node on the way to others' names (RFC 8020).
        case empty(isOnTheWay: Bool)
        /// Every name is there and has no data.
        case withoutData
        /// Every name has the addresses of the client's own host (RFC 6761 section 6.3).
        case loopback
    }
}
