// DNSServer: its first declarations follow.
