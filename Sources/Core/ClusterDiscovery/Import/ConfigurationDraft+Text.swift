import DomainNames
import IPAddressing
import Inventory

extension ConfigurationDraft {
    /// The configuration file.
    package var text: String {
        var text = """
            # A first configuration, written by "namebridge init". Every key is described in
            # namebridge.yaml(5); "namebridge check" says what is wrong with the file, with
            # line and column.

            dns:
              # The addresses where questions are taken, over UDP and TCP.

            """
        let addresses = listen.isEmpty ? DNSSettings.defaultListen : listen
        // A mapping needs one key, even if it has its default.
        let hasOtherKeys = !upstream.isEmpty || !(bareDomain ?? clusterLocalKeys).isEmpty
        let mark = listen.isEmpty && hasOtherKeys ? "# " : ""
        if let listenReason { text += narrow(listenReason, indent: "  ") }
        text += "  \(mark)listen: \(list(addresses.map(\.description)))\n\n"
        text += bareDomainText
        if upstream.isEmpty {
            text += """
                  # The servers for every other name. Without them such questions are refused,
                  # which is right behind a resolver that sends nothing but cluster names here.
                  # upstream: [172.16.1.1, 172.16.1.2]

                """
        } else {
            text += "  # The servers for every other name.\n"
            text += "  upstream: \(list(upstream.map(\.shortText)))\n"
        }
        text += """

            # The status page, metrics and health checks: http://127.0.0.1:9153/
            admin:
              listen: ["127.0.0.1:9153"]


            """
        for remark in remarks { text += narrow("Not taken over: " + remark, indent: "") }
        if !remarks.isEmpty { text += "\n" }
        text += "clusters:\n" + clusters.map(\.text).joined(separator: "\n")
        if !clusters.isEmpty, !findings.isEmpty { text += "\n" }
        return text + findings.map(\.yaml).joined(separator: "\n")
    }

    /// `bare-domain` with its comment.
    private var bareDomainText: String {
        let keys = bareDomain ?? clusterLocalKeys
        let line = "bare-domain: \(list(keys.isEmpty ? self.keys : keys))"
        return """
              # The clusters that answer plain names, such as web.shop.svc.cluster.local: the
              # first that has the name.
              \(keys.isEmpty ? "# " : "")\(line)


            """
    }
}

extension DraftCluster {
    /// Its entry below `clusters`.
    fileprivate var text: String {
        var text = "  \(key):\n"
        text += narrow("From \(sources.joined(separator: ", ")).", indent: "    ")
        text += narrow(
            "The key is yours to choose: web.shop.svc.\(key).cluster.local is web.shop.svc.\(domain) of this"
                + " cluster.", indent: "    ")
        if domain != .clusterLocal { text += "    domain: \(domain)\n" }
        if hasSeveralRules {
            text += narrow(
                "Each of these servers has a line for the same zone, so that they are taken for servers of"
                    + " one cluster. If they are of different clusters, give each cluster an entry of its"
                    + " own.",
                indent: "    ")
        }
        text += "    dns: \(list(dns.map(\.shortText)))\n"
        if let suffix {
            text += "    names: \(list((Cluster.defaultNames(key: key) + [suffix]).map(\.description)))\n"
        }
        if !also.isEmpty { text += "    also: \(list(also.map(\.description)))\n" }
        text += narrow(
            "Reverse names and paths need its prefixes. \"namebridge discover\" finds them, with a"
                + " kubeconfig.",
            indent: "    ")
        text += prefixes("pods", pods, example: "10.244.0.0/16")
        text += prefixes("services", services, example: "10.96.0.0/12")
        return text
    }

    /// A line with prefixes, commented out if there are none.
    private func prefixes(_ name: String, _ prefixes: [IPPrefix], example: String) -> String {
        prefixes.isEmpty
            ? "    # \(name): [\(example)]\n" : "    \(name): \(list(prefixes.map(\.description)))\n"
    }
}

/// `text` as comment lines that fit the window of an editor.
private func narrow(_ text: String, indent: String) -> String { comment(text, indent: indent, width: 80) }
