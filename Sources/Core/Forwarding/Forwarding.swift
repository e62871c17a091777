// Forwarding: its first declarations follow.
