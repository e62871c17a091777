// DNSWire: its first declarations follow.
