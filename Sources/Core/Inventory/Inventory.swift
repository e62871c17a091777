// Inventory: its first declarations follow.
