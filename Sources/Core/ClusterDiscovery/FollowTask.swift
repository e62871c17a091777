package import Time

/// What a follower does for a cluster, through kubectl.
package enum FollowTask: Hashable, Sendable {
    /// Ask one question; `FollowedCluster.take` takes the answer.
    case ask(SurveyTopic, path: String)
    /// Begin a watch: `takeEvent` takes each of its lines, and `endWatch` its end.
    case watch(SurveyTopic, number: Int, path: String)
    /// End a watch; nothing more is taken from it.
    case stop(WatchName)
}

/// One watch of a list.
package struct WatchName: Hashable, Sendable {
    /// The list.
    package let topic: SurveyTopic
    /// Different for each watch of a cluster.
    package let number: Int

    /// Creates a watch name.
    package init(topic: SurveyTopic, number: Int) {
        self.topic = topic
        self.number = number
    }
}

/// Names of a cluster whose addresses have changed.
package struct ChangedNames: Hashable, Sendable {
    /// The services whose endpoints have changed, as `SERVICE.NAMESPACE`.
    package private(set) var services: Set<String> = []
    /// Of these: those whose last event was that endpoints were deleted. They may have none any more.
    package private(set) var gone: Set<String> = []
    /// True if events were missed: any name may have changed.
    package var areUnknown = false

    /// Creates changed names.
    package init() {}

    /// Adds a service.
    ///
    /// - Parameter isGone: True if endpoints were deleted.
    package mutating func note(_ service: String, isGone: Bool) {
        services.insert(service)
        if isGone { gone.insert(service) } else { gone.remove(service) }
    }

    /// Adds later ones.
    package mutating func formUnion(_ other: ChangedNames) {
        services.formUnion(other.services)
        gone = gone.subtracting(other.services).union(other.gone)
        areUnknown = areUnknown || other.areUnknown
    }
}

/// The readings of two clocks at one moment.
package struct FollowTime: Hashable, Sendable {
    /// For what is due when.
    package let monotonic: MonotonicTime
    /// In seconds since 1970, for the age of facts.
    package let wall: Int

    /// Creates a follow time.
    package init(monotonic: MonotonicTime, wall: Int) {
        self.monotonic = monotonic
        self.wall = wall
    }
}

/// How it is going with a followed cluster.
package enum FollowState: Hashable, Sendable {
    /// Everything is asked for the first time.
    case starting
    /// Every list is watched, or will be at once.
    case following
    /// More than half of the nodes seem to be gone: the lists are read once more before that is believed.
    case doubting
    /// The cluster, or one of its lists, can't be read. The facts stay as they are.
    case failing(KubectlFailure)

    /// The state as a word.
    package var word: String {
        switch self {
        case .starting: "starting"
        case .following: "following"
        case .doubting: "doubting"
        case .failing: "failing"
        }
    }

    /// What is wrong, and what to do; nil if nothing is.
    ///
    /// - Parameter kubectl: How to call kubectl for this cluster by hand.
    package func reason(kubectl: String) -> String? {
        switch self {
        case .starting, .following: nil
        case .doubting:
            "more than half of the nodes seem to be gone; the lists are read once more before they go here"
        case .failing(let failure): failure.explanation(kubectl: kubectl)
        }
    }
}
