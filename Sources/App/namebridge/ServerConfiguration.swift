import AdminServer
import DNSServer
import DNSWire
import Forwarding
import Inventory
import LinuxSystem

/// All that a server serves by, made of an inventory in the same way at the start and with every reload.
struct ServerConfiguration: Sendable {
    /// What it was made of.
    let inventory: Inventory
    /// Who may ask, and where each question goes.
    let policy: ForwardingPolicy
    /// The bounds of connections.
    var settings: DNSServerSettings
    /// The secrets shared with other forwarders; empty without a file.
    let cookieSecrets: [SipHash.Key]
    /// What is used, though something about it is not right.
    let warnings: [String]

    /// - Parameters:
    ///   - old: The policy that is served by until now; nil at the start.
    ///   - service: As `CookieSecretFile.serviceUser`.
    /// - Throws: Every problem.
    init(
        _ inventory: Inventory, after old: ForwardingPolicy? = nil, service: SystemUser?
    ) throws(ReloadProblems) {
        self.inventory = inventory
        // With the very part by which a reload of facts finds out whether there is another policy.
        policy = ForwardingPolicy(
            inventory.withoutPodBlocks, after: old, hostAddresses: HostAddresses.all())
        settings = DNSServerSettings(inventory.dns.limits)
        var problems = policy.unansweredNames(of: inventory).map {
            "the names below \($0) would not be answered by their cluster"
        }
        var warnings: [String] = []
        var secrets: [SipHash.Key] = []
        if let path = inventory.dns.cookieSecretFile {
            do throws(CookieSecretError) {
                let file = try CookieSecretFile(path: path, service: service)
                secrets = file.secrets
                if let warning = file.warning { warnings.append("dns.cookie-secret-file: \(warning)") }
            } catch {
                problems.append("dns.cookie-secret-file: \(error)")
            }
        }
        guard problems.isEmpty else { throw ReloadProblems(problems) }
        cookieSecrets = secrets
        self.warnings = warnings
    }

    /// What a running server is told to serve by.
    func change(_ queryLog: QueryLog?) -> DNSServerChange {
        DNSServerChange(
            listen: inventory.dns.listen, policy: policy, settings: settings, cookieSecrets: cookieSecrets,
            queryLog: queryLog)
    }
}
