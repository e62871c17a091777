import Glibc
import JSON
import Testing

@testable import AdminServer

@Suite struct StatusPageTests {
    private static let hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&\u{1B}[31m\n"

    @Test func `what is shown cannot become part of the page`() {
        let page = StatusPage(fullStatus(Self.hostile)).document(nonce: "abc")
        #expect(!page.contains("<script>"))
        #expect(!page.contains("<img"))
        #expect(!page.contains("\u{1B}"))
        // The page's own elements and nothing else, whatever the texts are.
        let plain = StatusPage(fullStatus("plain")).document(nonce: "abc")
        func tags(_ page: String) -> [Substring] {
            page.split(separator: "<").dropFirst().map { $0.prefix { $0 != ">" && $0 != " " } }
        }
        #expect(tags(page) == tags(plain))
    }

    @Test func `elements are closed in the order in which they were opened`() throws {
        let page = StatusPage(fullStatus("plain")).document(nonce: "abc")
        let void: Set<String> = ["!doctype", "meta", "link", "br", "input"]
        var open: [String] = []
        for piece in page.split(separator: "<").dropFirst() {
            let tag = try #require(piece.split(separator: ">", omittingEmptySubsequences: false).first)
            let name = tag.prefix { $0 != " " && $0 != "/" || $0 == tag.first }
            if name.hasPrefix("/") {
                #expect(open.popLast() == String(name.dropFirst()), "\(tag)")
            } else if !tag.hasSuffix("/"), !void.contains(String(name)) {
                open.append(String(name))
            }
        }
        #expect(open.isEmpty)
    }

    @Test func `nothing is loaded from other hosts, and only scripts with the nonce run`() {
        let page = StatusPage(fullStatus("plain")).document(nonce: "n0nce")
        for word in ["src=", "@import", "url(", "http://", "https://", "style=\"", "onclick", "onload"] {
            #expect(!page.contains(word), "\(word)")
        }
        #expect(page.contains("<script nonce=\"n0nce\">"))
        #expect(page.contains("<style nonce=\"n0nce\">"))
    }

    @Test func `an empty status makes a page, too`() {
        let page = StatusPage(ServerStatus()).document(nonce: "a")
        #expect(page.contains("No questions yet."))
        #expect(page.contains("All well"))
    }

    @Test func `problems come first`() {
        let page = StatusPage(fullStatus("plain")).document(nonce: "a")
        #expect(page.contains("plain: 1 of 2 name servers is down: plain"))
        #expect(page.contains("path plain: 1 of 9 objects missing"))
        #expect(page.contains("the changed configuration was not taken: plain, and 1 more"))
        #expect(page.contains("<title>(!) Namebridge on plain</title>"))
    }

    @Test func `each problem has its age, what it concerns and what to do`() throws {
        var status = ServerStatus()
        var group = ServerStatus.Group(
            name: "prod", servers: [.init(address: "10.0.0.10:53", state: "dead", lastError: "Connection refused")])
        (group.domain, group.names) = ("cluster.local", ["prod.cluster.local"])
        group.servers[0].downSeconds = 95
        status.groups = [group]
        status.failures = [.init(cluster: "prod", name: "web.shop.svc.prod.cluster.local", reason: "", count: 12, secondsAgo: 1)]
        let problem = try #require(status.problems.first)
        #expect(problem.words == "prod: no name server answers: 10.0.0.10:53 Connection refused")
        #expect(problem.sinceSeconds == 95)
        #expect(problem.affected == ["names below prod.cluster.local", "web.shop.svc.prod.cluster.local (12 failed)"])
        #expect(problem.causes.first?.contains("nothing listens at 10.0.0.10:53") == true, "\(problem.causes)")
        let page = StatusPage(status).document(nonce: "a")
        for text in ["for 1 min 35 s", "Affected</dt><dd>names below prod.cluster.local", "nothing listens at"] {
            #expect(page.contains(text), "\(text)")
        }
        let json = try #require(status.json["problems"]?.elements?.first)
        #expect(json["since-seconds"]?.count == 95 && json["remedies"]?.elements?.isEmpty == false)
        status.groups[0].servers[0].lastError = "No route to host"
        #expect(status.problems[0].causes.first?.hasPrefix("No route leads to 10.0.0.10") == true)
    }

    @Test func `a path that is down has the verdict of explain, and what mends it`() throws {
        let reason = ServerStatus.PathReason(
            verdict: "unreachable", code: ("FORWARDING_OFF", "the host does not forward"),
            decision: ("relay1, net.ipv4.conf.eth0.forwarding = 0", "read"), fix: "namebridge net apply on relay1")
        let health = JSONValue.object([
            ("from", .string("office")), ("to", .string("prod")), ("state", .string("down")), ("since-seconds", .integer(12)),
            ("cause", .string("no answer from 10.96.0.10:53")), ("reason", reason.json),
        ])
        var status = ServerStatus()
        status.paths = [.init(from: ["office"], to: ["prod"], carrier: "relay", details: ["relay1"])]
        status.paths[0].health = [ServerStatus.PathHealth(json: health)]
        let problem = try #require(status.problems.first)
        #expect(problem.words.contains("the host does not forward (FORWARDING_OFF) at relay1, net.ipv4.conf.eth0"))
        #expect(problem.remedies.contains("namebridge net apply on relay1"))
        let page = StatusPage(status).document(nonce: "a")
        for text in ["FORWARDING_OFF", "net.ipv4.conf.eth0.forwarding = 0 [read]", "namebridge net apply on relay1"] {
            #expect(page.contains(text), "\(text)")
        }
    }

    @Test func `a click on a cluster, a server's row or a path leads to what is known of it`() throws {
        var status = ServerStatus()
        status.groups = [.init(name: "prod", servers: [.init(address: "10.0.0.10:53", state: "full")])]
        status.paths = [.init(from: ["office"], to: ["prod"], carrier: "relay", details: ["relay1"])]
        let page = StatusPage(status).document(nonce: "a")
        for target in ["why-cluster-0", "why-path-0"] {
            let links = page.split(separator: "<a href=\"#\(target)\"").count - 1
            #expect(links >= 2, "\(target): in both drawings")
            #expect(page.contains("<details id=\"\(target)\">"))
        }
    }

    @Test func `a path of which nothing is known is dashed, and no other is`() {
        let dashed = StatusPage.style.split(separator: "}").filter { $0.contains("stroke-dasharray: ") && !$0.contains("none") }
        #expect(dashed.count == 2, "boxes and lines")
        for look in ["good", "warn", "bad"] {
            #expect(StatusPage.style.contains(".picture path.way.\(look) { stroke: var(--\(look)); stroke-dasharray: none; }"))
        }
    }

    /// WCAG 2.2, success criterion 1.4.3: 4.5 for text; 1.4.11: 3 for lines and borders of controls.
    @Test func `text and signs have enough contrast, in light and dark`() throws {
        let schemes = try StatusPageTests.schemes()
        try #require(schemes.count == 2)
        for scheme in schemes {
            for text in ["ink", "quiet", "accent", "good", "warn", "bad"] {
                for ground in ["sheet", "paper"] + (["ink", "quiet"].contains(text) ? ["tint"] : []) {
                    let ratio = try contrast(#require(scheme[text]), #require(scheme[ground]))
                    #expect(ratio >= 4.5, "\(text) on \(ground): \(ratio)")
                }
            }
        }
    }

    /// The colours of each scheme, light first, by name.
    private static func schemes() throws -> [[String: UInt32]] {
        StatusPage.style.split(separator: ":root {", omittingEmptySubsequences: false).dropFirst().map { block in
            var colours: [String: UInt32] = [:]
            for declaration in block.prefix(while: { $0 != "}" }).split(separator: ";") {
                let parts = declaration.split(separator: ":").map { $0.filter { $0 != " " && $0 != "\n" } }
                guard parts.count == 2, parts[0].hasPrefix("--"), parts[1].hasPrefix("#") else { continue }
                colours[String(parts[0].dropFirst(2))] = UInt32(parts[1].dropFirst(), radix: 16)
            }
            return colours
        }
    }

    /// The contrast ratio of two colours, 1...21.
    private func contrast(_ one: UInt32, _ other: UInt32) -> Double {
        func linear(_ colour: UInt32, shift: UInt32) -> Double {
            let value = Double(colour >> shift & 255) / 255
            return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
        }
        func luminance(_ colour: UInt32) -> Double {
            let red: Double = 0.2126 * linear(colour, shift: 16)
            let green: Double = 0.7152 * linear(colour, shift: 8)
            let blue: Double = 0.0722 * linear(colour, shift: 0)
            return red + green + blue
        }
        let (first, second) = (luminance(one), luminance(other))
        return (max(first, second) + 0.05) / (min(first, second) + 0.05)
    }

    @Test func `figures of the last minutes stand beside those since the start`() {
        var status = fullStatus("plain")
        (status.success.seconds, status.success.questions, status.success.failed) = (300, 1_000, 10)
        let page = StatusPage(status).document(nonce: "a")
        #expect(page.contains("<h2>Answered in 5 min</h2><p class=\"figure\">99.0 %</p>"))
        #expect(page.contains("5\u{202F}000 in 5 min, 1\u{202F}234\u{202F}567 since the start"))
        #expect(page.contains("<span class=\"recent\">4\u{202F}000</span> · 900\u{202F}000"))
        #expect(!page.contains("Own work per answer"))
    }

    @Test(
        arguments: [
            (nil, "", "not reported", "no agent reports"),
            (.init(isKept: true, wanted: 9, missing: 0), "good", "9 objects in place", "everything is in place"),
            (.init(isKept: true, wanted: 9, missing: 2), "bad", "2 of 9 objects missing", "something is missing"),
            (.init(isKept: false, wanted: 9, missing: 0), "warn", "not watched: the agent has ended", "no agent"),
            (.init(isKept: false, wanted: 1, missing: 1), "bad", "1 of 1 object missing", "the last report said so"),
        ] as [(ServerStatus.PathState?, String, String, String)])
    func `each path is drawn as it is itself`(
        state: ServerStatus.PathState?, look: String, words: String, reason: String
    ) {
        var status = ServerStatus()
        status.sites = [.init(name: "office", prefixes: []), .init(name: "lab", prefixes: [])]
        status.groups = [.init(name: "prod", servers: []), .init(name: "dev", servers: [])]
        status.paths = [
            .init(from: ["office"], to: ["prod"], carrier: "relay", details: ["relay1"]),
            .init(from: ["lab"], to: ["dev"], carrier: "routed", details: []),
        ]
        status.paths[0].state = state
        status.paths[1].state = .init(isKept: true, wanted: 3, missing: 0)
        #expect(status.paths[0].look == look && status.paths[0].stateWords == words, "\(reason)")
        let page = StatusPage(status).document(nonce: "a")
        // From the site to the path's box, and on to the cluster; the other path has its own two lines.
        func lines(_ look: String) -> Int { page.split(separator: "<").count { $0.hasPrefix("path class=\"way \(look)\"") } }
        #expect(lines(look) == (look == "good" ? 4 : 2), "\(reason)")
        #expect(lines("good") >= 2, "\(reason)")
        #expect(page.contains(words), "\(reason)")
        #expect(status.troubles.contains("path office -> prod: \(words)") == (look == "bad"), "\(reason)")
    }

    @Test(arguments: ["plain", hostile]) func `a status is unchanged after encoding and decoding`(_ text: String) throws {
        let status = fullStatus(text)
        let json = try JSONReader.read(Array(status.json.text().utf8))
        #expect(ServerStatus(json: json) == status)
    }

    @Test func `an ended agent is reported only if there is state to maintain`() {
        var status = ServerStatus()
        var network = ServerStatus.NetworkObjects()
        network.trouble = "the file is not there"
        status.network = network
        #expect(status.troubles.isEmpty, "it wanted nothing")
        status.network?.wanted = 7
        #expect(status.troubles.isEmpty, "no path is left")
        status.paths = [.init(from: ["office"], to: ["prod"], carrier: "relay", details: [])]
        #expect(status.troubles.contains("the network agent has ended"))
        status.network?.wanted = 0
        status.network?.isRunning = true
        #expect(status.troubles == ["network: the file is not there"])
    }

    @Test(arguments: [(100, 5, false), (100, 6, true), (19, 19, false), (20, 2, true), (0, 0, false)])
    func `many recent failures are a problem`(questions: Int, failed: Int, isBad: Bool) {
        var status = ServerStatus()
        (status.success.seconds, status.success.questions, status.success.failed) = (300, questions, failed)
        #expect(status.troubles.isEmpty != isBad)
        #expect(ServerStatus(json: status.json).success == status.success)
    }

    @Test func `refused networks are a problem that names network and key, until their questions stop`() {
        var status = ServerStatus()
        status.refusedClients = [.init(network: "172.20.5.0/24", count: 31, secondsAgo: 3)]
        #expect(
            status.troubles == [
                "clients of 172.20.5.0/24 are refused (31 questions, the last 3 s ago): dns.clients does not hold them"
            ])
        #expect(ServerStatus(json: status.json).refusedClients == status.refusedClients)
        var shown = status
        shown.refusedClients.append(.init(network: "172.20.6.0/24", count: 2, secondsAgo: 90))
        shown.hideClients()
        #expect(shown.troubles == ["some clients are refused (33 questions, the last 3 s ago): dns.clients does not hold them"])
        #expect(!shown.json.text().contains("172.20."), "for clients that may not see others")
        status.refusedClients[0].secondsAgo = 300
        #expect(status.troubles.isEmpty)
    }
}

/// A status with something of everything, every text of which is `text`.
private func fullStatus(_ text: String) -> ServerStatus {
    var status = ServerStatus()
    status.version = text
    status.host = text
    status.uptimeSeconds = 100_000
    var worker = ServerStatus.Worker()
    worker.questions = 1_234_567
    worker.hits = 900_000
    worker.stale = 3
    worker.answered = 1_000
    worker.failed = 17
    status.workers = [worker]
    status.recentQuestions = 5_000
    status.recentMilliseconds = 10_000
    var cache = ServerStatus.Cache()
    cache.entries = 1
    status.cache = cache
    var server = ServerStatus.Server(address: text, state: text, roundTripMicroseconds: 812, lastError: text)
    server.latency.median = 1_500
    var group = ServerStatus.Group(name: text, servers: [server, server])
    group.servers[1].state = "dead"
    group.servers[1].downSeconds = 95
    group.domain = text
    group.names = [text]
    group.also = [text, text]
    group.prefixes = [text, text]
    (group.map, group.translatedPackets) = ([.init(inner: text, outer: text)], 12_345)
    status.groups = [group]
    status.history = [10, 0, 300].map { .init(milliseconds: 5_000, questions: $0, failed: 0) }
    status.cachedLatency.median = 12
    status.responseCodes = [.init(text, text, 5)]
    status.limits = [.init(text, text, 5)]
    status.extendedErrors = [.init(text, text, 5)]
    status.suffixes = [.init(name: text, kind: text, clusters: [text])]
    status.sites = [.init(name: text, prefixes: [text])]
    status.paths = [.init(from: [text], to: [], carrier: text, details: [text])]
    status.paths[0].state = .init(isKept: true, wanted: 9, missing: 1)
    status.failures = [.init(cluster: text, name: text, reason: text, count: 2, secondsAgo: 5)]
    status.topNames = [.init(text, "", 5)]
    status.topClients = [.init(text, "", 5)]
    var answer = ServerStatus.LatestAnswer()
    (answer.client, answer.name, answer.type, answer.rcode) = (text, text, text, text)
    (answer.cluster, answer.address, answer.microseconds) = (text, text, 812)
    status.latestAnswers = [answer]
    status.recentTotal.questions = 5_000
    status.recentTotal.hits = 4_000
    status.reload.lastProblems = [text, text]
    var network = ServerStatus.NetworkObjects()
    network.wanted = 9
    network.present = 8
    network.missing = [text]
    network.lastLost = [text]
    network.lastLossTime = 5
    network.suspicion = text
    network.contested = [text]
    network.trouble = text
    status.network = network
    return status
}
