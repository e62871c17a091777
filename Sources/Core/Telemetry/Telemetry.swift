// Telemetry: its first declarations follow.
