// LDNSBridge: its first declarations follow.
