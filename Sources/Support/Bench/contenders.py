"""The name servers that are measured: how each is started, alone, with one worker or thread.

A contender writes its configuration into a directory of its own and returns its command line. It listens on
ADDRESS:PORT over UDP and TCP and forwards to 127.0.0.1:UPSTREAM. `setting` says what the load needs of it.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

OUTER_DOMAIN = "prod.cluster.local"
INNER_DOMAIN = "cluster.local"


@dataclass(frozen=True)
class Setting:
    """What a load needs of its contenders: the cache on or off, and names to rewrite or not."""

    port: int
    upstream: int
    directory: Path
    caches: bool
    rewrites: bool
    #: Where clients find it: 127.0.0.1, or the servers' end of a cable.
    address: str = "127.0.0.1"
    #: Who may ask, for contenders that want to know.
    clients = ("127.0.0.0/8", "10.77.0.0/16")


class Contender:
    """A name server under measurement; subclasses say how it is started."""

    #: The row's name in the tables, and in `--contenders`.
    name = ""
    #: The program looked for on PATH (and in /usr/sbin, which is not on every user's PATH).
    program = ""
    #: Whether it can exchange the suffix of names on the way.
    can_rewrite = False
    #: How many workers or threads it answers with.
    workers = 1

    def find(self):
        """The program's path, or None where it is not installed."""
        return shutil.which(self.program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

    def command(self, program, setting):
        """Writes the configuration and returns the command line."""
        raise NotImplementedError

    def environment(self):
        """Variables added to the environment."""
        return {}

    def write(self, setting, name, text):
        """Writes a configuration file and returns its path."""
        path = setting.directory / name
        path.write_text(text)
        return str(path)


class Baseline(Contender):
    """The least that it can cost: batched C, answering for hits and relaying for misses."""

    name = "baseline"
    can_rewrite = True

    def __init__(self, path, name="baseline", options=()):
        self.path, self.name, self.options = path, name, list(options)

    def find(self):
        return str(self.path) if self.path.exists() else None

    def command(self, program, setting):
        if setting.caches:
            return [program, "answer", str(setting.port), "--on", setting.address]
        rewriting = ["--rewrite", OUTER_DOMAIN, INNER_DOMAIN] if setting.rewrites else []
        return [program, "relay", str(setting.port), str(setting.upstream), "--on", setting.address,
                *self.options, *rewriting]


class Namebridge(Contender):
    """Ours."""

    name = "namebridge"
    can_rewrite = True

    def __init__(self, path, name="namebridge", workers=1):
        self.path, self.name, self.workers = path, name, workers

    def find(self):
        return str(self.path) if self.path.exists() else None

    def command(self, program, setting):
        cache = "{ size: 64MiB, max-ttl: 1h }" if setting.caches else "{ size: 0B }"
        path = self.write(setting, "namebridge.yaml", f"""\
dns:
  listen: ["{setting.address}:{setting.port}"]
  upstream: ["127.0.0.1:{setting.upstream}"]
  workers: {self.workers}
  cache: {cache}
clusters:
  prod:
    domain: {INNER_DOMAIN}
    names: [{OUTER_DOMAIN}]
    dns: ["127.0.0.1:{setting.upstream}"]
""")
        return [program, "serve", "--config", path]


class Dnsdist(Contender):
    """PowerDNS's balancer, with its packet cache where the load hits."""

    program = "dnsdist"

    def __init__(self, name="dnsdist", sockets=1):
        self.name, self.sockets = name, sockets

    def command(self, program, setting):
        cache = "getPool(''):setCache(newPacketCache(150000, {maxTTL=86400}))" if setting.caches else ""
        path = self.write(setting, "dnsdist.conf", f"""\
setLocal('{setting.address}:{setting.port}')
setACL({{{", ".join(f"'{prefix}'" for prefix in setting.clients)}}})
setSecurityPollSuffix('')
setMaxTCPClientThreads(1)
setMaxUDPOutstanding(65535)
setUDPSocketBufferSizes(4194304, 4194304)
newServer({{address='127.0.0.1:{setting.upstream}', sockets={self.sockets}}}):setUp()
{cache}
""")
        return [program, "--supervised", "--disable-syslog", "-C", path]


class Unbound(Contender):
    """NLnet Labs' resolver as a forwarder, without validation."""

    name = "unbound"
    program = "unbound"

    def command(self, program, setting):
        path = self.write(setting, "unbound.conf", f"""\
server:
  interface: {setting.address}
  port: {setting.port}
  num-threads: 1
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{setting.directory}"
  pidfile: ""
  use-syslog: no
  module-config: "iterator"
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  access-control: 10.77.0.0/16 allow
  so-rcvbuf: 4m
  so-sndbuf: 4m
  outgoing-range: 4096
  num-queries-per-thread: 2048
  incoming-num-tcp: 64
  msg-cache-size: 128m
  rrset-cache-size: 128m
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{setting.upstream}
  forward-no-cache: {"no" if setting.caches else "yes"}
remote-control:
  control-enable: no
""")
        return [program, "-d", "-c", path]


class Dnsmasq(Contender):
    """The forwarder of most routers; it forks for each TCP client, and its children count."""

    name = "dnsmasq"
    program = "dnsmasq"

    def command(self, program, setting):
        return [
            program, "--keep-in-foreground", "--conf-file=/dev/null", f"--port={setting.port}",
            f"--listen-address={setting.address}", "--bind-interfaces", "--no-resolv", "--no-hosts", "--no-daemon",
            f"--server=127.0.0.1#{setting.upstream}", f"--cache-size={150000 if setting.caches else 0}",
            "--dns-forward-max=10000", "--pid-file="]


class KnotResolver(Contender):
    """CZ.NIC's resolver as a forwarder, without validation.

    Its STUB action is the cheaper one, but keeps answers for 5 seconds only.
    """

    name = "kresd"
    program = "kresd"

    def command(self, program, setting):
        cache = "" if setting.caches else "policy.add(policy.all(policy.FLAGS({'NO_CACHE'})))"
        action = "FORWARD" if setting.caches else "STUB"
        path = self.write(setting, "kresd.conf", f"""\
net.listen('{setting.address}', {setting.port}, {{ kind = 'dns' }})
trust_anchors.remove('.')
modules.unload('priming')
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('detect_time_skew')
modules.unload('detect_time_jump')
cache.size = 100 * MB
{cache}
policy.add(policy.all(policy.{action}('127.0.0.1@{setting.upstream}')))
""")
        return [program, "-n", "-c", path, str(setting.directory)]


class Smartdns(Contender):
    """smartdns, without its speed checks."""

    name = "smartdns"
    program = "smartdns"

    def command(self, program, setting):
        path = self.write(setting, "smartdns.conf", f"""\
bind {setting.address}:{setting.port}
bind-tcp {setting.address}:{setting.port}
server 127.0.0.1:{setting.upstream}
speed-check-mode none
response-mode fastest-response
dualstack-ip-selection no
cache-size {150000 if setting.caches else 0}
cache-persist no
prefetch-domain no
serve-expired no
log-level error
log-file {setting.directory}/smartdns.log
""")
        return [program, "-f", "-c", path, "-p", f"{setting.directory}/smartdns.pid"]


class CoreDNS(Contender):
    """CoreDNS, the server that clusters run; on one processor of Go's scheduler."""

    name = "coredns"
    program = "coredns"
    can_rewrite = True

    def environment(self):
        return {"GOMAXPROCS": "1"}

    def command(self, program, setting):
        cache = "cache 3600 {\n        success 200000 3600\n    }" if setting.caches else ""
        rewriting = f"rewrite stop name suffix .{OUTER_DOMAIN}. .{INNER_DOMAIN}. answer auto"
        path = self.write(setting, "Corefile", f"""\
.:{setting.port} {{
    bind {setting.address}
    {rewriting if setting.rewrites else ""}
    {cache}
    forward . 127.0.0.1:{setting.upstream}
}}
""")
        return [program, "-quiet", "-conf", path]


def all_contenders(baseline, namebridge):
    """Every contender, the baseline first, in the order of the tables."""
    return [
        Baseline(baseline), Namebridge(namebridge), Namebridge(namebridge, "namebridge-2", workers=2), Dnsdist(),
        Dnsdist("dnsdist-16", sockets=16), Unbound(), KnotResolver(), Smartdns(), Dnsmasq(), CoreDNS()]
