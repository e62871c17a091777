"""Measures the network half at scale: `make bench BENCH=--network`, and at the end of every `make bench`.

A mesh of 10 clusters with 100 nodes each: every node has 999 peers. The plan of all nodes is printed to a pipe
that is read to its end; one node's plan is applied to the kernel of a network namespace of its own, which is
gone with the process that holds it. The node has the rules of kube-proxy for 500 services, and a firewall that
drops what it forwards. Times are those that a person waits, from start to end; each has a limit, and
the exit code is 1 where one is missed.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLUSTERS, NODES = 10, 100

#: What is measured, and the longest that it may take, in seconds.
LIMITS = {"plan --all": 2.0, "first apply": 3.0, "no-op apply": 0.5, "status": 0.5, "remove": 3.0}


def configuration():
    """The mesh as a file: what an owner of ten clusters would write."""
    lines = ["clusters:"]
    for cluster in range(CLUSTERS):
        lines += [
            f"  c{cluster}:", f"    pods: [10.{cluster}.0.0/16]", f"    services: [172.{16 + cluster}.0.0/16]",
            "    cni: calico-ipip", "    nodes:"]
        lines += [
            f"      n{node}: {{ address: 192.168.{cluster}.{node + 1}, pods: [10.{cluster}.{node}.0/24] }}"
            for node in range(NODES)]
    members = ", ".join(f"c{cluster}" for cluster in range(CLUSTERS))
    lines += ["paths:", f"  - {{ between: [{members}], via: vxlan, vxlan: {{ id: 7, network: 100.64.0.0/16 }} }}"]
    return "\n".join(lines) + "\n"


def kube_proxy():
    """What kube-proxy has for 500 services with two pods each, as iptables-restore reads it."""
    chains, rules = [], []
    for number in range(500):
        address = f"10.0.{100 + number // 250}.{number % 250 + 1}"
        chains.append(f":KUBE-SVC-{number:016X} - [0:0]")
        rules.append(
            f'-A KUBE-SERVICES -d 172.16.{number // 250}.{number % 250 + 1}/32 -p tcp -m comment --comment '
            f'"default/s{number}:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-{number:016X}')
        for pod in range(2):
            chains.append(f":KUBE-SEP-{number * 2 + pod:016X} - [0:0]")
            rules += [
                f'-A KUBE-SVC-{number:016X} -m comment --comment "default/s{number}:http -> {address}:80" '
                f"-j KUBE-SEP-{number * 2 + pod:016X}",
                f'-A KUBE-SEP-{number * 2 + pod:016X} -s {address}/32 -m comment --comment '
                f'"default/s{number}:http" -j MARK --set-xmark 0x4000/0x4000',
                f"-A KUBE-SEP-{number * 2 + pod:016X} -p tcp -m tcp -j DNAT --to-destination {address}:80"]
    return "\n".join([
        "*nat", ":PREROUTING ACCEPT [0:0]", ":KUBE-SERVICES - [0:0]", *chains, "-A PREROUTING -j KUBE-SERVICES",
        *rules, "COMMIT", "*filter", ":FORWARD DROP [0:0]", "COMMIT", ""])


class Failed(Exception):
    """What a command said that did not end as it should."""


class Namespace:
    """A network namespace with one device that carries a node's address; it ends with the block."""

    def __init__(self, address):
        self.address, self.holder = address, None

    def __enter__(self):
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "-n", "sh", "-c", "echo ready; exec sleep 300"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.holder.stdout.readline() != b"ready\n":
            reason = self.holder.stderr.read().decode().strip()
            self.__exit__()
            raise Failed(f"no network namespace: {reason}")
        for command in (
                "link set lo up", "link add eth0 type veth peer name far", "link set far up", f"addr add {self.address}/16 dev eth0",
                "link set eth0 up", "route add default via 192.168.255.254"):
            self.run(["ip", *command.split()])
        if shutil.which("iptables-restore"):
            self.run(["iptables-restore"], text=kube_proxy())
        return self

    def __exit__(self, *_):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
        self.holder.stderr.close()

    def run(self, command, environment=None, text=""):
        """Runs a command inside with `text` as its input, and returns what it printed."""
        result = subprocess.run(
            ["nsenter", "-n", "-t", str(self.holder.pid), *command], input=text, capture_output=True, text=True,
            timeout=120, env={**os.environ, **(environment or {})})
        if result.returncode != 0:
            raise Failed(f"{' '.join(command)}: {result.stdout[-500:]}{result.stderr}")
        return result.stdout


def clocked(body):
    """Seconds on the clock, seconds of CPU of all processes that were run, and what `body` returned."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    value = body()
    elapsed = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return elapsed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, value


def plan_all(program, file):
    """The octets of all plans; read as fast as they come."""
    octets = 0
    with subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", program, "net", "plan", "--all", "--full", "--config", file],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        chunk = bytearray(1 << 20)
        while count := os.readv(process.stdout.fileno(), [chunk]):  # ends with the program
            octets += count
    if process.returncode != 0:
        raise Failed(f"plan --all ended with {process.returncode}")
    return octets


def measure(program, rounds):
    """The figures of each round: for each command its seconds on the clock, of CPU, and a remark."""
    with tempfile.TemporaryDirectory(prefix="namebridge-bench-") as directory:
        file = Path(directory, "mesh.yaml")
        file.write_text(configuration())
        for number in range(rounds):
            elapsed, cpu, octets = clocked(lambda: plan_all(program, file))
            yield "plan --all", elapsed, cpu, f"{CLUSTERS * NODES:,} hosts, {octets / 1e6:,.0f} MB"
            if os.geteuid() != 0:
                continue
            with Namespace("192.168.0.1") as namespace:
                state = {"NAMEBRIDGE_NET_STATE": str(Path(directory, f"state{number}"))}
                config = ["--config", str(file)]

                def net(*arguments, namespace=namespace, state=state):
                    return namespace.run([program, "net", *arguments], state)
                for title, arguments, mark in (
                        ("first apply", ["apply", *config], " steps"),
                        ("no-op apply", ["apply", *config], "nothing to do"),
                        ("status", ["status", *config], "all as planned"), ("remove", ["remove"], " steps")):
                    elapsed, cpu, text = clocked(lambda arguments=arguments: net(*arguments))
                    last = text.rstrip().rsplit("\n", 1)[-1]
                    if mark not in last:
                        raise Failed(f"{title}: {last}")
                    yield title, elapsed, cpu, last


def report(program, rounds=3):
    """Prints the table; False where a limit was missed."""
    figures = {}
    for title, elapsed, cpu, remark in measure(str(program), rounds):
        figures.setdefault(title, []).append((elapsed, cpu, remark))
    print(f"\n### Network: {CLUSTERS} clusters of {NODES} nodes in one VXLAN mesh\n")
    print("| command | seconds | of CPU | limit | |\n|---|---|---|---|---|")
    is_good = True
    for title, rows in figures.items():
        elapsed, cpu, remark = min(rows)
        is_good = is_good and elapsed < LIMITS[title]
        verdict = "" if elapsed < LIMITS[title] else " **missed**"
        print(f"| {title} | {elapsed:.2f}{verdict} | {cpu:.2f} | {LIMITS[title]} | {remark} |")
    if len(figures) == 1:
        print("\nOnly root can make the network namespace that plans are applied in: the rest was not measured.")
    return is_good


def measure_network(program, rounds):
    """Measures and prints; the exit code. Every process that was started has ended when it returns."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))  # as an exception: the namespace's block ends
    missing = [tool for tool in ("ip", "nft", "unshare", "nsenter", "setpriv") if shutil.which(tool) is None]
    if missing:
        print(f"bench: not on PATH: {', '.join(missing)}; in Debian: iproute2, nftables, util-linux")
        return 2
    try:
        return 0 if report(program, rounds) else 1
    except Failed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
