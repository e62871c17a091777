"""An office: clients with addresses of their own, in a network namespace that a cable joins to that of the servers.

`make bench`, `make faults`, `make abuse` and `make soak` ask from here, since over loopback everything is cheaper, and the
host's own addresses have no limits. `make bench BENCH=--office` plays what offices do with the packaged configuration:
stub resolvers of one network and of four, one resolver in front of them, clusters that are dead. Nothing may be lost, and
no answer that fits may be truncated.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from processes import CPUS, Server, free_port, run, wait_until

ROOT = Path(__file__).resolve().parents[3]
#: The addresses of the servers, of one resolver in front, and of the first of a thousand stub resolvers.
SERVER, FRONT, STUBS = "10.77.0.1", "10.77.1.53", "10.77.8.1"
#: The clients' end of the cable.
ROUTER = "10.77.0.2"
STUB_COUNT = 1_000
#: A network with public addresses (RFC 5737), for what is limited there alone.
PUBLIC_SERVER, PUBLIC = "203.0.113.1", "203.0.113.66"


def enter_namespace(variable):
    """Goes on in a network namespace of our own, with loopback up; `variable` says that we are there already."""
    if os.environ.get(variable) != "inside":
        os.environ[variable] = "inside"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


class Loopback:
    """No office: clients on the servers' own host."""

    name, address = "loopback", "127.0.0.1"

    def prefix(self):
        """What stands before a command that is to run where the clients are."""
        return []

    def load_options(self, is_front=False):
        """Of `baseline load`: where it asks, and from where."""
        return []

    def close(self):
        pass


class Office:
    """The cable from our network namespace, which is to be our own, to that of the clients; both end with this object.

    - more: further addresses of clients, with their prefix lengths.
    """

    name, address = "veth", SERVER

    def __init__(self, more=()):
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "36000"], stdin=subprocess.DEVNULL)
        own, there = os.readlink("/proc/self/ns/net"), f"/proc/{self.holder.pid}/ns/net"
        if not wait_until(lambda: os.path.exists(there) and os.readlink(there) != own, 5):
            raise RuntimeError("no second network namespace")
        # The clients stand behind a router, as it were: the kernel keeps no more than 1,024 neighbours.
        self.batch([], [
            f"link add server type veth peer name clients netns {self.holder.pid}", "link set server up",
            f"addr add {SERVER}/30 dev server", f"addr add {PUBLIC_SERVER}/32 dev server"])
        stubs = [self.stub(number) for number in range(STUB_COUNT)]
        self.batch(self.prefix(), [
            "link set lo up", "link set clients up", f"addr add {ROUTER}/30 dev clients",
            f"addr add {PUBLIC}/32 dev lo",
            f"route add {PUBLIC_SERVER} via {SERVER}",
            *(f"addr add {address}/32 dev lo" for address in [FRONT, *stubs, *more])])
        self.batch([], [f"route add {network} via {ROUTER}" for network in ("10.77.0.0/16", PUBLIC)])

    @staticmethod
    def batch(prefix, commands):
        """Runs commands of ip(8)."""
        subprocess.run([*prefix, "ip", "-batch", "-"], input="\n".join(commands) + "\n", text=True, check=True)

    @staticmethod
    def stub(number):
        """The address of a stub resolver."""
        number += 1
        return f"10.77.{8 + number // 256}.{number % 256}"

    def prefix(self):
        """What stands before a command that is to run where the clients are."""
        return ["nsenter", "--net", "--target", str(self.holder.pid)]

    def load_options(self, is_front=False, count=STUB_COUNT):
        """Of `baseline load`: where it asks, and from where: all stub resolvers in turns, or the one in front."""
        return ["--to", SERVER] + (["--from", FRONT] if is_front else ["--from", STUBS, "--clients", str(count)])

    def close(self):
        self.holder.kill()
        self.holder.wait()


# What offices do

PROD, DEAD = "test.svc.prod.cluster.local", "test.svc.dead.cluster.local"

#: Loads that run at the same time: what each is, its options, whether it comes from the one in front, its suffix.
SCENES = {
    "200 stubs of one /24, 400 a second": [("pairs", ["--pairs", "--rate", "400"], 200, PROD, 100)],
    "1,000 stubs, 2,000 a second": [("pairs", ["--pairs", "--rate", "2000"], 1_000, PROD, 1_000)],
    "1,000 stubs, one name": [("pairs", ["--pairs", "--rate", "2000"], 1_000, PROD, 1)],
    "a resolver in front, 300 a second": [("pairs", ["--pairs", "--rate", "300"], 0, PROD, 1_000)],
    "a resolver in front, 3,000 a second": [("pairs", ["--pairs", "--rate", "3000"], 0, PROD, 1_000)],
    "a resolver in front, 3,000 a second, each name once": [("misses", ["--rate", "3000"], 0, PROD, 10_000_000)],
    "a resolver in front, as fast as it can": [("hits", ["--pairs", "--window", "100"], 0, PROD, 1_000)],
    "as fast as it can, each name once": [("misses", ["--window", "100"], 0, PROD, 10_000_000)],
    "in front, 5,000 a second to a dead cluster": [
        ("others", ["--rate", "3000"], 0, PROD, 10_000_000), ("dead", ["--rate", "5000"], 0, DEAD, 10_000_000)],
    "1,000 stubs, a dead cluster": [
        ("others", ["--pairs", "--rate", "2000"], 1_000, PROD, 1_000), ("dead", ["--rate", "500"], 1_000, DEAD, 10_000)],
}


class OfficeRun:
    """Namebridge with the packaged configuration between the office and two clusters, of which one is silent."""

    def __init__(self, namebridge, baseline, office, directory):
        self.baseline, self.office, self.port = str(baseline), office, 53
        live, dead = free_port(), free_port()
        packaged = (ROOT / "config/namebridge.yaml").read_text()
        text = packaged.replace("dns: [10.96.0.10]", f'dns: ["127.0.0.1:{live}"]')
        if text == packaged:
            raise RuntimeError("the packaged configuration has no dns: [10.96.0.10]")
        path = directory / "namebridge.yaml"
        path.write_text(text.replace("\nclusters:\n", f'\nclusters:\n  dead: {{ dns: ["127.0.0.1:{dead}"] }}\n'))
        cpus = ",".join(map(str, CPUS))
        self.servers = [
            Server([self.baseline, "answer", str(live), "--records", "20", "--ttl", "5"], cpus, directory / "live.log"),
            Server([self.baseline, "delay", str(dead), str(live), "--drop", "100"], cpus, directory / "dead.log"),
            Server([str(namebridge), "serve", "--config", path, "--control", directory / "control.sock"], cpus,
                   directory / "namebridge.log")]

    def __enter__(self):
        for server in self.servers:
            server.__enter__()
        if not wait_until(lambda: "serving" in self.servers[-1].log.read_text(), 10):
            raise RuntimeError(self.servers[-1].last_words())
        return self

    def __exit__(self, *_):
        for server in reversed(self.servers):
            server.__exit__()

    def play(self, loads, seconds):
        """Runs loads at the same time; the report of each."""
        reports = [None] * len(loads)

        def ask(index, options, stubs, suffix, count):
            source = self.office.load_options(is_front=stubs == 0, count=stubs)
            reports[index] = json.loads(run(
                [*self.office.prefix(), self.baseline, "load", str(self.port), *source, "--suffix", suffix, "--count",
                 str(count), "--records", "20", "--timeout", "5", "--seconds", str(seconds), *options], seconds + 60))

        threads = [threading.Thread(target=ask, args=(index, *load[1:])) for index, load in enumerate(loads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return reports


def measure_office(namebridge, baseline, seconds):
    """Plays every scene on a server of its own, and prints the table; the exit code."""
    office, is_good = Office(), True
    print(f"\n### Office: packaged configuration, clients of their own over veth, {seconds} s each\n")
    print("| what | questions | asked | answered | lost | truncated | failed | wrong | p50 (us) | p99 (us) | |")
    print("|" + "---|" * 11)
    try:
        for scene, loads in SCENES.items():
            with tempfile.TemporaryDirectory(prefix="namebridge-office-") as name, \
                    OfficeRun(namebridge, baseline, office, Path(name)) as rig:
                for load, report in zip(loads, rig.play(loads, seconds)):
                    # A dead cluster's names fail, at once or after its time; none is left without a reply.
                    bad = report["lost"] + report["truncated"] + report["wrong"]
                    holds = bad == 0 and (load[0] == "dead" or report["failed"] == 0)
                    is_good = is_good and holds
                    print(f"| {scene} | {load[0]} | {report['sent']:,} | {report['received']:,} | {report['lost']:,} | "
                          f"{report['truncated']:,} | {report['failed']:,} | {report['wrong']:,} | {report['p50']:.0f} | "
                          f"{report['p99']:.0f} | {'' if holds else '**not held**'} |", flush=True)
    finally:
        office.close()
    return 0 if is_good else 1
