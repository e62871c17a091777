// InventoryFile: its first declarations follow.
