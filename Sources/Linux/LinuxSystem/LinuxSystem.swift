// LinuxSystem: its first declarations follow.
