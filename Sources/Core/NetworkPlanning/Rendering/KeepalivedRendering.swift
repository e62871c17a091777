import IPAddressing
import Inventory

/// keepalived: a whole keepalived.conf for a relay.
enum KeepalivedRendering {
    /// Empty if the host has no virtual address.
    static func text(_ rendering: FailoverRendering) -> String {
        let instances = rendering.instances
        guard !instances.isEmpty else { return "" }
        return """
            # \(rendering.name), for keepalived: a whole keepalived.conf, checked with
            # "keepalived -t -f FILE".
            #
            # The relay that works and has the highest priority has the virtual address, to which routers send
            # packets. Whether it works says the agent on this host, by its probes: at once by a file, and
            # once a second by "namebridge net health". Without the agent, or when it hangs, the relay counts
            # as broken.
            global_defs {
                router_id \(rendering.name)
                vrrp_version 3
                script_user root
                enable_script_security
            }


            """ + instances.map(instance).joined(separator: "\n")
    }

    private static func instance(_ instance: FailoverRendering.Instance) -> String {
        let stays = """
                # A relay that comes back does not take the address from one that works.
                nopreempt

            """
        let device =
            if let device = instance.device {
                "    interface \(device)\n"
            } else {
                "    # the device that has \(instance.address?.description ?? "the relay's address"):\n"
                    + "    interface INTERFACE\n"
            }
        return """
            # \(instance.reason)
            track_file \(instance.name)_verdict {
                file "\(TrackedFile.folder)/\(TrackedFile.name(of: instance.path))"
                weight 0
                init_file 1
            }

            vrrp_script \(instance.name)_works {
                script "/usr/bin/namebridge net health \(instance.path)"
                interval 1
                timeout 2
                fall 1
                rise 2
                init_fail
            }

            vrrp_instance \(instance.name) {
                state BACKUP
            \(device)\
                virtual_router_id \(instance.settings.id)
                priority \(instance.priority)
                advert_int 0.1
            \(instance.preference == .stay ? stays : "")\
                virtual_ipaddress {
                    \(instance.settings.address)
                }
                track_file {
                    \(instance.name)_verdict weight 0
                }
                track_script {
                    \(instance.name)_works
                }
            }

            """
    }
}
