"""What the faults are tried on: real name servers of one cluster, and Namebridge before them."""

import json
import re
import signal
import socket
import time

from processes import Server, run, wait_until

#: The cluster's zone as its servers know it, and the name that clients know it by.
DOMAIN = "cluster.local"
SUFFIX = "test.svc.prod.cluster.local"
NAMES = 5_000
TTL = 5


def address_of(label):
    """The address that the baseline gives to names with this first label (FNV-1a, 24 bits, in 10.0.0.0/8)."""
    value = 2166136261
    for octet in label.lower().encode():
        value = (value ^ octet) * 16777619 % 2**32
    return f"10.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"


def write_zone(directory):
    """Writes the zone file of the cluster and returns its path."""
    path = directory / "cluster.local.zone"
    path.write_text(
        f"$ORIGIN {DOMAIN}.\n$TTL {TTL}\n"
        "@ SOA ns.dns hostmaster 1 7200 1800 86400 5\n@ NS ns.dns\nns.dns A 10.96.0.10\n"
        'dns-version TXT "1.1.0"\n'
        + "".join(f"n{number}.test.svc A {address_of(f'n{number}')}\n" for number in range(NAMES)))
    return path


class RealServer:
    """A real name server that can be killed, stopped, cut off and brought back."""

    def __init__(self, program, port, directory, cpus):
        self.port, self.cpus = port, cpus
        self.directory = directory / f"{program}-{port}"
        self.directory.mkdir()
        self.command = getattr(self, program)(write_zone(self.directory))
        self.server = None

    def knotd(self, zone):
        """Knot DNS with one UDP worker."""
        path = self.directory / "knot.conf"
        path.write_text(f"""\
server:
    rundir: {self.directory}
    listen: 127.0.0.1@{self.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: {self.directory}
template:
  - id: default
    semantic-checks: off
    journal-content: none
    zonefile-load: whole
    zonefile-sync: -1
zone:
  - domain: {DOMAIN}
    file: {zone}
""")
        return ["knotd", "-c", path]

    def nsd(self, zone):
        """NSD with one server process."""
        path = self.directory / "nsd.conf"
        path.write_text(f"""\
server:
    username: ""
    chroot: ""
    zonesdir: ""
    database: ""
    pidfile: ""
    zonelistfile: "{self.directory}/zone.list"
    xfrdfile: "{self.directory}/xfrd.state"
    xfrdir: "{self.directory}"
    ip-address: 127.0.0.1@{self.port}
    server-count: 1
remote-control:
    control-enable: no
zone:
    name: {DOMAIN}
    zonefile: {zone}
""")
        return ["nsd", "-d", "-c", path]

    def start(self):
        """Starts it; see `wait_until_heard`."""
        self.server = Server(self.command, self.cpus, self.directory / "log")
        self.server.__enter__()

    def kill(self):
        """kill -9, its children included."""
        self.server._signal(signal.SIGKILL)
        self.server.process.wait()

    def stop(self):
        """SIGSTOP: its sockets receive questions, which are not answered."""
        self.server._signal(signal.SIGSTOP)

    def go_on(self):
        self.server._signal(signal.SIGCONT)

    def end(self):
        """Ends it, however it is."""
        if self.server:
            self.go_on()
            self.server.__exit__()

    def wait_until_heard(self, port=None, seconds=10):
        """The time at which it answered first; asked 200 times a second."""
        question = b"\0\1\1\0\0\1\0\0\0\0\0\0\2n1\4test\3svc\7cluster\5local\0\0\1\0\1"
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
                asker.settimeout(0.05)
                try:
                    asker.connect(("127.0.0.1", port or self.port))
                    asker.send(question)
                    if asker.recv(512)[3] & 15 == 0:
                        return time.time()
                except OSError:
                    time.sleep(0.005)
        raise RuntimeError(f"no answer at port {self.port}: {self.server.last_words()}")


class Wire:
    """The network namespace's packet filter: counts what goes to a port, or drops it there."""

    def __init__(self):
        self.nft("add table ip faults")
        self.nft("add chain ip faults input { type filter hook input priority 0; }")

    def nft(self, command):
        return run(["nft", *command.split()], 10)

    def count(self, *ports):
        """Counts the datagrams to each port from now on."""
        for port in ports:
            self.nft(f"add counter ip faults to{port}")
            self.nft(f"add rule ip faults input udp dport {port} counter name to{port}")

    def counted(self, port):
        """Datagrams so far."""
        return int(re.search(r"packets (\d+)", self.nft(f"list counter ip faults to{port}")).group(1))

    def cut(self, *ports):
        """Drops everything to and from the ports, without a word to the sender."""
        for port in ports:
            for side in ("sport", "dport"):
                for protocol in ("udp", "tcp"):
                    self.nft(f"insert rule ip faults input {protocol} {side} {port} drop comment cut")

    def mend(self):
        """Takes back every `cut`."""
        listing = self.nft("-a list chain ip faults input")
        for handle in re.findall(r'comment "cut" # handle (\d+)', listing):
            self.nft(f"delete rule ip faults input handle {handle}")


def configuration(listen, servers, cache, workers, stale="1h", on="127.0.0.1"):
    """Namebridge, listening on an address, before a cluster with these servers' ports; `cache`: the size, as in the file."""
    addresses = ", ".join(f'"127.0.0.1:{port}"' for port in servers)
    return f"""\
dns:
  listen: ["{on}:{listen}"]
  workers: {workers}
  cache: {{ size: {cache}, stale: {stale} }}
clusters:
  prod:
    domain: {DOMAIN}
    names: [prod.cluster.local]
    dns: [{addresses}]
    pods: [10.128.0.0/9]
    services: [10.0.0.0/9]
"""


def load(baseline, cpu, port, pace, timeout, link, count=NAMES):
    """Runs the baseline's load over a link to its end and returns its report."""
    return json.loads(run(
        [*link.prefix(), "taskset", "-c", cpu, baseline, "load", str(port), *link.load_options(), "--suffix", SUFFIX,
         "--count", str(count), *pace], timeout))


def dig(link, port, name, *more):
    """What dig(1) shows of one answer: rcode, TTL of the first record, EDE code and text, milliseconds."""
    begin = time.monotonic()
    text = run([*link.prefix(), "dig", f"@{link.address}", "-p", str(port), "+tries=1", "+time=4", name, "A", *more], 10)
    taken = (time.monotonic() - begin) * 1000

    def find(pattern):
        match = re.search(pattern, text, re.MULTILINE)
        return match.group(1) if match else ""

    return {
        "rcode": find(r"status: (\w+)") or "none", "ttl": find(r"^\S+\s+(\d+)\s+IN\s+A\s"),
        "ede": find(r"EDE: (\d+)"), "text": find(r"EDE: \d+ \([^)]*\): (.*)$"), "ms": taken}


def is_ready(link, port):
    """Waits until Namebridge answers a name of the cluster."""
    return wait_until(lambda: dig(link, port, f"n1.{SUFFIX}", "+time=1")["rcode"] == "NOERROR", 10)
