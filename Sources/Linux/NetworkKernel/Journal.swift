import JSON
package import NetworkModel
package import NetworkPlanning

/// The state of a host before an apply, written to the disk before the first change: any later process can
/// undo everything from it.
package struct Journal: Sendable, Hashable {
    /// Unique for each apply: the process's identifier and the time of its clock.
    package var identifier: String

    /// The process that wrote it.
    package var process: Int

    /// Our objects, and the foreign objects that the apply removes.
    package var before: HostState

    /// The settings that the apply changes.
    package var settings: [SettingRecord]

    /// The records of settings before the apply.
    package var records: [SettingRecord]

    /// The links that the apply makes: such a link is ours even before it has its alias.
    package var making: Set<String>

    /// The desired state of the host once the apply is done and confirmed; nil if the apply does not set one.
    package var desired: DesiredConfiguration?

    /// True once everything is done except `net confirm`.
    package var waits: Bool

    /// Until when the confirmation must come, in seconds of the monotonic clock; nil if none is asked for.
    package var deadline: Int?

    /// Creates a journal.
    package init(
        identifier: String, process: Int, before: HostState, steps: [Step], records: [SettingRecord],
        desired: DesiredConfiguration? = nil
    ) {
        self.identifier = identifier
        self.process = process
        self.before = before.partConcerned(by: steps)
        self.records = records
        self.desired = desired
        settings = []
        making = []
        waits = false
        for step in steps {
            switch step.change {
            case .add(.link(let link)): making.insert(link.name)
            case .add(.namespace(let name)): making.insert(name)
            case .set(let setting, let old, let new): note(setting, old, new: new, among: before.settings)
            default: break
            }
        }
    }

    /// Several changes of one setting count as one.
    private mutating func note(
        _ setting: KernelSetting, _ old: Int, new: Int, among present: [KernelSetting: Int]
    ) {
        if let index = settings.firstIndex(where: { $0.setting == setting }) {
            settings[index].ours = new
        } else {
            settings.append(SettingRecord(setting: setting, previous: old, ours: new, among: present))
        }
    }

    /// The steps that undo the apply, as far as it ran.
    package func steps(from observed: HostState) -> [Step] {
        restoration(of: before, settings: settings, making: making, from: observed)
    }
}

// MARK: - On the disk

extension Journal {
    /// One line of JSON.
    var text: String {
        var members: [String: JSONValue] = [
            "version": .integer(1), "identifier": .string(identifier), "process": .integer(process),
            "before": before.json, "settings": settings.json, "records": records.json,
            "making": .array(making.sorted().map { .string($0) }), "waits": .boolean(waits),
        ]
        members["wanted"] = desired?.json
        members["deadline"] = deadline.map { .integer($0) }
        members["linkSettings"] = .object(
            Dictionary(
                before.settings.map { ($0.key.description, JSONValue.integer($0.value)) },
                uniquingKeysWith: { first, _ in first }))
        return JSONValue.object(members).description
    }

    /// Reads what `text` wrote; nil for anything else.
    init?(_ json: JSONValue) {
        guard json["version"] == .integer(1), let identifier = json["identifier"]?.string,
            let process = json["process"]?.integer, let before = json["before"],
            let waits = json["waits"]?.boolean,
            let settings = [SettingRecord](json: json["settings"]),
            let records = [SettingRecord](json: json["records"]), let making = json["making"]?.elements
        else { return nil }
        do throws(ReadingError) { self.before = try HostState(json: before) } catch { return nil }
        for (key, value) in json["linkSettings"]?.members ?? [] {
            guard let setting = KernelSetting(key), let value = value.integer else { return nil }
            self.before.settings[setting] = value
        }
        self.identifier = identifier
        self.process = process
        self.settings = settings
        self.records = records
        desired = json["wanted"].flatMap { DesiredConfiguration($0) }
        self.making = Set(making.compactMap(\.string))
        self.waits = waits
        deadline = json["deadline"]?.integer
    }
}

extension [SettingRecord] {
    /// The journal as JSON.
    var json: JSONValue {
        .array(
            map { record in
                var members: [String: JSONValue] = [
                    "setting": .string(record.setting.description), "previous": .integer(record.previous),
                    "ours": .integer(record.ours),
                ]
                members["overwriting"] = record.overwriting.map { .integer($0) }
                return .object(members)
            })
    }

    /// Nil if it is not a list of records.
    init?(json: JSONValue?) {
        guard let elements = json?.elements else { return nil }
        self = []
        for element in elements {
            guard let setting = element["setting"]?.string.flatMap({ KernelSetting($0) }),
                let previous = element["previous"]?.integer, let ours = element["ours"]?.integer
            else { return nil }
            append(
                SettingRecord(
                    setting: setting, previous: previous, ours: ours,
                    overwriting: element["overwriting"]?.integer))
        }
    }
}
