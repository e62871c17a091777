/// What does not keep to a rule yet, and why; an entry goes with its reason.
enum Exceptions {
    /// Functions of Core with more than five parameters, by module, or by module and name.
    static let parameters = [
        "AnswerCache.init": "the parts of a key, each labelled, which have no other use together",
        "Forwarding.init": "what an engine is composed of, each labelled, all but two with defaults",
    ]

    /// Types whose files `Type.swift` and `Type+Topic.swift` are more than five, by module and name.
    static let files = [
        "ClusterDiscovery.ClusterSurvey": "each file finds one value of the answers that all share",
        "Inventory.InventoryChecker": "each file checks one topic; they share the inventory and the list of problems",
        "AdminServer.ServerStatus": "each file is one part of the report",
        "AdminServer.StatusPage": "each file is one section of the page",
    ]

    /// Types with more than 45 functions, by module and name.
    static let functions = [
        "ClusterDiscovery.ClusterSurvey": "each function finds one value of the answers that all share",
        "Forwarding.TransactionTable": "one table that is found by three keys; its rows are reached by place only",
        "Inventory.InventoryChecker": "each function checks one rule; they share the inventory and the problems",
        "InventoryFile.Field": "each function reads one kind of value and reports the same way if it is none",
        "NetworkPlanning.PlanBuilder": "each function adds one kind of object to the same plan",
    ]
}
