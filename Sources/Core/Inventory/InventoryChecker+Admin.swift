import IPAddressing

extension InventoryChecker {
    /// Where the status pages are served, and to which clients.
    mutating func checkAdmin() {
        let admin = inventory.admin
        let path: InventoryPath = "admin"
        refuseDuplicates(admin.listen.filter { $0.port != 0 }, at: path + "listen")
        refuseDuplicates(admin.clients, at: path + "clients")
        refuseDuplicates(inventory.browse.clients ?? [], at: "browse" + "clients" as InventoryPath)
        for (index, listener) in admin.listen.enumerated() where listener.address.isMulticastOrBroadcast {
            error(
                at: (path + "listen")[index],
                "found \(listener.address), expected an address of this host, not of a group")
        }
        if admin.clients.isEmpty {
            error(
                at: path + "clients",
                "found an empty list, expected at least one prefix: no client could read the page")
        }
        let isOpen = admin.listen.contains { !$0.address.isLoopback }
        if isOpen, admin.clients == AdminSettings.defaultClients {
            warn(
                at: path + "listen",
                "found an address that others reach, but only this machine may look: see admin.clients"
            )
        }
    }
}
