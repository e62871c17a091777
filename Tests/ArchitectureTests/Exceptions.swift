/// What does not keep to a rule yet, and why; an entry goes with its reason.
enum Exceptions {
    /// Functions of Core with more than five parameters, by module, or by module and name.
    static let parameters = [
        "Forwarding": "question, path and turn are about to become values",
        "AnswerCache.write": "the reader's place and the writer's travel apart on the path of each cached answer",
        "AnswerCache.rewrite": "as AnswerCache.write",
        "AnswerCache.copyOut": "as AnswerCache.write",
        "AnswerCache.init": "as AnswerCache.write",
        "DNSWire.isEqual": "the buffer and its bounds are exclusive borrows, which no value can hold together",
        "DNSWire.appendReply": "as DNSWire.isEqual",
        "DNSWire.appendOPT": "as DNSWire.isEqual",
    ]

    /// Types whose files `Type.swift` and `Type+Topic.swift` are more than five, by module and name.
    static let files = [
        "Forwarding.ForwardingEngine": "is about to be split",
        "ClusterDiscovery.ClusterSurvey": "each file finds one value of the answers that all share",
        "Inventory.InventoryChecker": "each file checks one topic; they share the inventory and the list of problems",
        "DNSServer.DNSServerWorker": "its draining is about to become a type",
        "AdminServer.ServerStatus": "each file is one part of the report",
        "AdminServer.StatusPage": "each file is one section of the page",
    ]
}
