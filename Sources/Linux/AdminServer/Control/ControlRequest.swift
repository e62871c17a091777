package import DomainNames

/// A request over the control socket: one line of words.
///
/// ```
/// status
/// reload
/// flush | flush name NAME | flush below NAME | flush cluster KEY
/// flush missed KEY                              its follower has missed events
/// flush services KEY SERVICE.NAMESPACE,...      with ! before one whose endpoints were deleted
/// names SCOPE FROM
/// walk CLUSTER PER-SECOND
/// ```
package enum ControlRequest: Hashable, Sendable {
    /// Show the state of the server.
    case status
    /// Say whether it can ask some server.
    case ready
    /// Remove answers from the cache.
    case flush(FlushScope)
    /// Read the configuration again.
    case reload
    /// List the names in a scope that are known, from this place in the list.
    case names(NameScope, from: Int)
    /// Ask for the name of each address in the cluster's service ranges, so many a second.
    case walk(cluster: String, perSecond: Int)

    /// The longest line, in octets: the longest name has at most 1004 in presentation form.
    package static let longestLine = 1200

    /// Parses a line without its end.
    package init(parsing line: String) throws(ControlRequestError) {
        let words = line.split(separator: " ").map(String.init)
        switch words.count {
        case 1 where words[0] == "status": self = .status
        case 1 where words[0] == "ready": self = .ready
        case 1 where words[0] == "reload": self = .reload
        case 1 where words[0] == "flush": self = .flush(.everything)
        case 3 where words[0] == "flush": self = .flush(try FlushScope(kind: words[1], words[2]))
        case 3 where words[0] == "names": self = try Self.names(words[1], from: words[2])
        case 3 where words[0] == "walk": self = try Self.walk(words[1], perSecond: words[2])
        case 4 where words[0] == "flush" && words[1] == "services":
            let services = words[3].split(separator: ",").map(String.init)
            self = .flush(
                .services(
                    cluster: words[2], services.filter { !$0.hasPrefix("!") },
                    gone: services.filter { $0.hasPrefix("!") }.map { String($0.dropFirst()) }))
        default: throw .unknown
        }
    }

    /// The request `names`.
    private static func names(_ scope: String, from place: String) throws(ControlRequestError) -> Self {
        guard let scope = NameScope(scope), let from = Int(place), from >= 0 else { throw .unknown }
        return .names(scope, from: from)
    }

    /// The request `walk`.
    private static func walk(_ cluster: String, perSecond: String) throws(ControlRequestError) -> Self {
        guard let rate = Int(perSecond), (1...100_000).contains(rate) else { throw .unknown }
        return .walk(cluster: cluster, perSecond: rate)
    }

    /// The request as a line, without its end.
    package var line: String {
        switch self {
        case .status: "status"
        case .ready: "ready"
        case .reload: "reload"
        case .flush(.everything): "flush"
        case .flush(.name(let name)): "flush name \(name)"
        case .flush(.below(let name)): "flush below \(name)"
        case .flush(.cluster(let key)): "flush cluster \(key)"
        case .flush(.missed(let key)): "flush missed \(key)"
        case .names(let scope, let from): "names \(scope.text) \(from)"
        case .walk(let cluster, let rate): "walk \(cluster) \(rate)"
        case .flush(.services(let key, let services, let gone)):
            "flush services \(key) \((services + gone.map { "!" + $0 }).joined(separator: ","))"
        }
    }
}

/// Which answers are removed from the cache.
package enum FlushScope: Hashable, Sendable {
    /// All answers.
    case everything
    /// One name: all its types, in all views.
    case name(DomainName)
    /// A name, and every name below it.
    case below(DomainName)
    /// The answers of a cluster; `upstream` means the servers of `dns.upstream`.
    case cluster(String)
    /// The same, because a follower has missed changes of the cluster: what it has seen of services no longer
    /// holds either.
    case missed(String)
    /// The names of a cluster's services, each as `SERVICE.NAMESPACE`, and all names below them: of those
    /// that have endpoints, and of those that may have none any more.
    case services(cluster: String, [String], gone: [String] = [])

    fileprivate init(kind: String, _ value: String) throws(ControlRequestError) {
        if kind == "cluster" || kind == "missed" {
            self = kind == "cluster" ? .cluster(value) : .missed(value)
            return
        }
        let name: DomainName
        do throws(DomainNameError) {
            name = try DomainName(parsing: value)
        } catch {
            throw .badName(error)
        }
        switch kind {
        case "name": self = .name(name)
        case "below": self = .below(name)
        default: throw .unknown
        }
    }
}

/// Why a request is not valid.
package enum ControlRequestError: Error, Hashable, Sendable {
    /// An unknown word.
    case unknown
    /// A name that is not one.
    case badName(DomainNameError)
    /// Longer than `longestLine`.
    case tooLong
}

extension ControlRequestError: CustomStringConvertible {
    /// As it is shown to people.
    package var description: String {
        switch self {
        case .unknown:
            "unknown request, expected: status, reload, flush, flush name NAME, flush below NAME,"
                + " flush cluster KEY, flush missed KEY, flush services KEY SERVICE.NAMESPACE,...,"
                + " names SCOPE FROM, walk CLUSTER PER-SECOND"
        case .badName(let error): "the name \(error)"
        case .tooLong: "the request is longer than \(ControlRequest.longestLine) octets"
        }
    }
}
