extension Inventory {
    /// Every contradiction between the parts of the inventory, in the order of the file's sections.
    package func check() -> [InventoryProblem] {
        []
    }
}
