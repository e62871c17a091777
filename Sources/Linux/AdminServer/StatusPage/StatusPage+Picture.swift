// The picture of sites, relays and clusters, once for wide windows and once for narrow ones.

extension StatusPage {
    /// Both drawings and the legend.
    var picture: String {
        let legend = """
            <p class="legend"><span><span class="key"></span>names</span>\
            \(status.paths.isEmpty ? "" : "<span><span class=\"key way\"></span>packets, not known</span>")\
            <span><span class="key dot good"></span>answers</span>\
            <span><span class="key dot warn"></span>answers in part</span>\
            <span><span class="key dot bad"></span>dead or broken</span></p>
            <p class="empty">Choose a cluster or a path to see why.</p>
            """
        return widePicture.svg(class: "wide", label: label)
            + narrowPicture.svg(class: "narrow", label: label)
            + legend + reasons
    }

    /// The description for screen readers.
    private var label: String {
        let clusters = status.groups.map { "\($0.name) with \(Self.count($0.servers.count, "name server"))" }
        return "Namebridge between \(status.sites.map(\.name).joined(separator: ", ")) and "
            + clusters.joined(separator: ", ")
    }

    // MARK: - Boxes

    /// More would make the drawing unreadable; the table has all.
    private static let mostClusters = 24
    /// The most servers in one box.
    private static let mostServers = 6

    /// The box of the forwarder.
    private var forwarderBox: StatusPicture.Box {
        StatusPicture.Box(
            title: "Namebridge",
            notes: [
                "\(status.host.isEmpty ? "" : "\(status.host), ")\(status.questionsPerSecond) questions/s"
            ],
            kind: "self")
    }

    /// The boxes of the sites.
    private var siteBoxes: [StatusPicture.Box] {
        guard !status.sites.isEmpty else { return [StatusPicture.Box(title: "Clients", kind: "place")] }
        return status.sites.map {
            StatusPicture.Box(title: $0.name, notes: Self.prefixNotes($0.prefixes), kind: "place")
        }
    }

    /// The box of a cluster.
    private func clusterBox(_ group: ServerStatus.Group) -> StatusPicture.Box {
        var notes: [String] = []
        if let name = group.names.first { notes.append(name) }
        if let zone = group.also.first {
            notes.append("also \(zone)" + (group.also.count > 1 ? " and \(group.also.count - 1) more" : ""))
        }
        notes += Self.prefixNotes(group.prefixes)
        if group.domain.isEmpty, group.name == "upstream" { notes = ["every other name"] }
        var box = StatusPicture.Box(
            title: group.name, notes: notes, kind: "place \(group.look)",
            anchor: whyID(of: group))
        for server in group.servers.prefix(Self.mostServers) {
            let figure =
                server.isDown ? server.state : Self.time(server.roundTripMicroseconds)
            box.servers.append(.init(text: server.address, figure: figure, look: server.look))
        }
        if group.servers.count > Self.mostServers {
            box.notes.append("and \(group.servers.count - Self.mostServers) more servers")
        }
        return box
    }

    /// The prefixes in at most two lines.
    private static func prefixNotes(_ prefixes: [String]) -> [String] {
        guard prefixes.count > 2 else { return prefixes }
        return [prefixes[0], "and \(prefixes.count - 1) more prefixes"]
    }

    /// The box of a path.
    private func pathBox(_ path: ServerStatus.Path) -> StatusPicture.Box {
        let titles = ["relay": "Relay", "routed": "Routed", "vxlan": "VXLAN"]
        var box = StatusPicture.Box(
            title: titles[path.carrier] ?? path.carrier, notes: path.details, kind: "way \(path.look)",
            anchor: whyID(of: path))
        if path.state != nil || !path.health.isEmpty {
            box.servers = [.init(text: path.stateWords, figure: "", look: path.look)]
        }
        return box
    }

    // MARK: - Wide

    /// Three columns: sites, the forwarder and paths, the clusters.
    private var widePicture: StatusPicture {
        var picture = StatusPicture(width: 1040)
        let groups = status.groups.prefix(Self.mostClusters)
        let left = siteBoxes
        let middle = [forwarderBox] + status.paths.map(pathBox)
        let right = groups.map(clusterBox)
        let gap = 20
        let height = max(
            StatusPicture.stack(left, gap: gap), StatusPicture.stack(middle, gap: gap),
            StatusPicture.stack(right, gap: gap))
        func place(_ boxes: [StatusPicture.Box], x: Int, width: Int) -> [StatusPicture.Frame] {
            var y = (height - StatusPicture.stack(boxes, gap: gap)) / 2
            return boxes.map { box in
                let frame = picture.add(box, x: x, y: y, width: width)
                y = frame.bottom + gap
                return frame
            }
        }
        let leftFrames = place(left, x: 0, width: 220)
        let middleFrames = place(middle, x: 385, width: 250)
        let rightFrames = place(right, x: 790, width: 250)
        guard let forwarder = middleFrames.first else { return picture }
        for frame in leftFrames { picture.connect(frame.right, forwarder.left, kind: "dns") }
        for look in ["good", "warn", "bad"] {  // faults are drawn on top
            for (group, frame) in zip(groups, rightFrames) where group.look == look {
                picture.connect(forwarder.right, frame.left, kind: "dns \(look)")
            }
        }
        let sites = Dictionary(
            zip(status.sites.map(\.name), leftFrames), uniquingKeysWith: { first, _ in first })
        let clusters = Dictionary(
            zip(groups.map(\.name), rightFrames), uniquingKeysWith: { first, _ in first })
        for (path, frame) in zip(status.paths, middleFrames.dropFirst()) {
            for place in path.from + path.to {
                if let site = sites[place] {
                    picture.connect(site.lowerRight, frame.left, kind: "way \(path.look)")
                } else if let cluster = clusters[place] {
                    picture.connect(frame.right, cluster.lowerLeft, kind: "way \(path.look)")
                }
            }
        }
        return picture
    }

    // MARK: - Narrow

    /// A tree: the forwarder, below it the clusters, then the paths.
    private var narrowPicture: StatusPicture {
        var picture = StatusPicture(width: 360)
        var box = forwarderBox
        let sites = status.sites.map(\.name)
        if !sites.isEmpty { box.notes.append("asked by \(sites.joined(separator: ", "))") }
        let root = picture.add(box, x: 0, y: 0, width: 360)
        let trunk = StatusPicture.Point(x: 14, y: root.bottom)
        var y = root.bottom + 14
        for group in status.groups.prefix(Self.mostClusters) {
            let frame = picture.add(clusterBox(group), x: 36, y: y, width: 324)
            // The trunk is shared; a fault is shown at its branch.
            picture.branch(trunk, frame.left, kind: "dns")
            y = frame.bottom + 14
        }
        for path in status.paths {
            var box = pathBox(path)
            let to = path.to.isEmpty ? "each other" : path.to.joined(separator: ", ")
            box.title = "\(path.from.joined(separator: ", ")) to \(to)"
            box.notes = ["\(path.carrier): \(path.details.joined(separator: ", "))"]
            y = picture.add(box, x: 0, y: y, width: 360).bottom + 14
        }
        return picture
    }
}
