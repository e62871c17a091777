import AdminServer
import Inventory
import LinuxSystem

/// The HTTP side of a running server.
enum AdminListener {
    /// Serves the status page at the addresses of `admin.listen`.
    ///
    /// - Returns: Nil if there are no addresses, or, after a line in the log, if it cannot listen: names are
    ///   answered anyway.
    static func start(_ settings: AdminSettings, _ control: ServerControl) -> HTTPServer? {
        guard !settings.listen.isEmpty else { return nil }
        let pages = AdminPages(control)
        let ownName = ThisHost.name
        let access = HTTPServer.Access(
            clients: settings.clients, hosts: settings.hosts + (ownName.isEmpty ? [] : [ownName]))
        do throws(HTTPServerError) {
            let server = try HTTPServer(
                listen: settings.listen, access: access, tick: control.tick,
                complain: { Log.warning("status page accepts no connections", [("reason", "\($0)")]) },
                respond: pages.respond)
            for endpoint in server.endpoints { Log.notice("status page", [("url", "http://\(endpoint)/")]) }
            return server
        } catch {
            Log.failure("no status page", [("reason", "\(error)")])
            return nil
        }
    }
}
