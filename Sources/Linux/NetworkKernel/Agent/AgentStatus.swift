import Inventory
package import JSON
import NetworkModel
import NetworkPlanning

/// The counts and the present problems of an agent, for `net status`, the status page and metrics.
package struct AgentStatus: Hashable, Sendable {
    /// The agent's process.
    package var process: Int

    /// False once it has ended in order.
    package var isRunning = true

    /// Seconds since 1970.
    package var started: Int

    /// The number of planned objects, and how many of them existed at the last check.
    package var desired = 0
    /// The number of planned objects that existed at the last check.
    package var present = 0

    /// The number of restored objects, and of repairs.
    package var healed = 0
    /// The number of repairs.
    package var repairs = 0

    /// Failed attempts to restore objects or to apply the changed file.
    package var failures = 0

    /// The last deviation.
    package var lastLoss: LastLoss?

    /// Objects that another program removes again and again.
    package var contested: [String] = []

    /// Next hops that do not answer.
    package var silent: [String] = []

    /// Foreign rules and routes that stop packets of the paths.
    package var obstacles: [String] = []

    /// The present error; nil if there is none.
    package var trouble: String?

    /// Objects that are missing or not as planned, at most twenty of them.
    package var missing: [String] = []

    /// The paths in which this host has a role.
    package var paths: [PathState] = []

    /// The paths whose relays the agent chooses.
    package var relays: [RelayGroup] = []

    /// The paths that this host relays.
    package var relayed: [RelayedPath] = []

    /// True while routes do not lead yet where `relays` and `relayed` say.
    package var isMoving = false

    /// The status of an agent that has just started.
    package init(process: Int, started: Int) {
        self.process = process
        self.started = started
    }

    /// The part of a path on this host.
    package struct PathState: Hashable, Sendable {
        /// Keys of sites and clusters. If `to` is empty, all of `from` reach each other.
        package var from: [String]
        /// The far end's keys.
        package var to: [String]
        /// `relay`, `routed` or `vxlan`.
        package var carrier: String
        /// Objects that the path needs on this host, and how many of them are not as planned.
        package var desired: Int
        /// The number of these that are not as planned.
        package var missing: Int
    }

    /// The last deviation from the plan.
    package struct LastLoss: Hashable, Sendable {
        /// Seconds since 1970.
        package var time: Int
        /// The objects concerned.
        package var objects: [String]

        /// From the first event to the check that found everything restored; nil without an event: it may
        /// have been missing since the check before.
        package var milliseconds: Int?

        /// The process that likely caused it.
        package var suspicion: String?
    }
}

extension AgentStatus {
    /// The status as JSON.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "version": .integer(1), "process": .integer(process), "running": .boolean(isRunning),
            "started": .integer(started), "wanted": .integer(desired), "present": .integer(present),
            "healed": .integer(healed), "repairs": .integer(repairs), "failures": .integer(failures),
            "contested": .array(contested.map { .string($0) }),
            "missing": .array(missing.map { .string($0) }), "paths": .array(paths.map(\.json)),
        ]
        if isMoving { members["moving"] = .boolean(true) }
        if !relayed.isEmpty { members["relayed"] = .array(relayed.map(\.json)) }
        if !relays.isEmpty { members["relays"] = .array(relays.map(\.json)) }
        if !silent.isEmpty { members["silent"] = .array(silent.map { .string($0) }) }
        if !obstacles.isEmpty { members["obstacles"] = .array(obstacles.map { .string($0) }) }
        members["trouble"] = trouble.map { .string($0) }
        if let lastLoss {
            var loss: [String: JSONValue] = [
                "time": .integer(lastLoss.time), "objects": .array(lastLoss.objects.map { .string($0) }),
            ]
            loss["milliseconds"] = lastLoss.milliseconds.map { .integer($0) }
            loss["by"] = lastLoss.suspicion.map { .string($0) }
            members["last-loss"] = .object(loss)
        }
        return .object(members)
    }

    /// Reads what `json` wrote; nil for anything else.
    package init?(_ json: JSONValue) {
        guard json["version"] == .integer(1), let process = json["process"]?.integer,
            let isRunning = json["running"]?.boolean, let started = json["started"]?.integer
        else { return nil }
        self.init(process: process, started: started)
        self.isRunning = isRunning
        desired = json["wanted"]?.integer ?? 0
        present = json["present"]?.integer ?? 0
        healed = json["healed"]?.integer ?? 0
        repairs = json["repairs"]?.integer ?? 0
        failures = json["failures"]?.integer ?? 0
        isMoving = json["moving"]?.boolean ?? false
        contested = json["contested"]?.elements?.compactMap(\.string) ?? []
        relayed = json["relayed"]?.elements?.compactMap(RelayedPath.init(json:)) ?? []
        relays = json["relays"]?.elements?.compactMap(RelayGroup.init(json:)) ?? []
        silent = json["silent"]?.elements?.compactMap(\.string) ?? []
        obstacles = json["obstacles"]?.elements?.compactMap(\.string) ?? []
        trouble = json["trouble"]?.string
        missing = json["missing"]?.elements?.compactMap(\.string) ?? []
        paths = json["paths"]?.elements?.compactMap(PathState.init(json:)) ?? []
        if let loss = json["last-loss"], let time = loss["time"]?.integer {
            lastLoss = LastLoss(
                time: time, objects: loss["objects"]?.elements?.compactMap(\.string) ?? [],
                milliseconds: loss["milliseconds"]?.integer, suspicion: loss["by"]?.string)
        }
    }
}

extension AgentStatus.PathState {
    /// - Parameters:
    ///   - missing: The objects of the whole plan that are missing on the host, as `observed`.
    ///   - acceptRules: Those of the whole plan.
    init(
        _ plan: PathPlan, missing: [Drift], acceptRules: [Desired<IPTablesRule>], on observed: HostState
    ) {
        switch plan.path.ends {
        case .oneWay(let near, let far): (from, to) = ([near], [far])
        case .mutual(let members): (from, to) = (members, [])
        }
        carrier =
            switch plan.path.carrier {
            case .relay: "relay"
            case .routed: "routed"
            case .vxlan: "vxlan"
            }
        desired = plan.objectCount(on: observed, acceptRules: acceptRules)
        self.missing = plan.count(of: missing, on: observed)
    }

    /// The path as JSON.
    fileprivate var json: JSONValue {
        .object([
            "from": .array(from.map { .string($0) }), "to": .array(to.map { .string($0) }),
            "via": .string(carrier), "wanted": .integer(desired), "missing": .integer(missing),
        ])
    }

    /// Nil if `json` did not write it.
    fileprivate init?(json: JSONValue) {
        guard let from = json["from"]?.elements, let to = json["to"]?.elements,
            let carrier = json["via"]?.string, let desired = json["wanted"]?.integer,
            let missing = json["missing"]?.integer
        else { return nil }
        self.from = from.compactMap(\.string)
        self.to = to.compactMap(\.string)
        self.carrier = carrier
        self.desired = desired
        self.missing = missing
    }
}
