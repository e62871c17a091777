#!/usr/bin/env python3
"""Measures Namebridge against the baseline and against its peers: `make bench`.

Every contender runs alone on one CPU with one worker or thread; the load and the upstream share another.
Rounds are interleaved: each contender once per round, medians over the rounds. The figure that counts is CPU
time per query of the whole process, user and system, which a noisy machine disturbs least, and its ratio to
the baseline's.

The load comes over a cable from another network namespace, as from another host; `--link loopback` is for who is
not root. Loopback is cheaper for all: what it costs the two of us, and what it hides, is a table of its own.

Two drivers make the load. dnsperf keeps a number of questions in flight and is itself the limit against the
cheapest contenders: they wait for it ("CPU busy"), wake up for small batches and so cost more per query. The
baseline's own generator is cheaper, checks every address, and shows them at work all the time.
"""

import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from clusters import address_of
from contenders import OUTER_DOMAIN, Setting, all_contenders
from network import measure_network
from office import Loopback, Office, enter_namespace, measure_office
from processes import CPUS, Server, free_port, run, wait_until
from tables import link_table, table

ROOT = Path(__file__).resolve().parents[3]
PLAIN_SUFFIX = "bench.example.com"
REWRITTEN_SUFFIX = f"test.svc.{OUTER_DOMAIN}"
#: A contender gets the first CPU, and one more per further worker; the load the last.
LOAD_CPU = str(CPUS[-1])


@dataclass(frozen=True)
class Load:
    """One kind of traffic; `kind` says which figures it yields: throughput, latency or memory."""

    title: str
    names: int
    caches: bool
    rewrites: bool = False
    transport: str = "udp"
    kind: str = "throughput"
    #: dnsperf's clients, each with a socket of its own: enough for the kernel to spread them over workers.
    clients: int = 8
    #: Contenders of this load alone; empty: all that have one worker.
    contenders: tuple = ()
    #: Questions a second where latency is measured.
    rate: int = 0

    @property
    def suffix(self):
        return REWRITTEN_SUFFIX if self.rewrites else PLAIN_SUFFIX


LOADS = {
    "miss": Load("Miss: plain forwarding, no cache", 100_000, caches=False),
    "miss-rewrite": Load("Miss with suffix rewriting, no cache", 100_000, caches=False, rewrites=True),
    "hit": Load("Hit: 1,000 names, warm cache", 1_000, caches=True),
    "hit-rewrite": Load(
        "Hit with suffix rewriting: 1,000 names, warm cache", 1_000, caches=True, rewrites=True),
    "hit-tcp": Load(
        "TCP hits, pipelined: 1,000 names, warm cache", 1_000, caches=True, transport="tcp", clients=4),
    "workers": Load(
        "Two workers: hits, 1,000 names, warm cache", 1_000, caches=True, clients=64,
        contenders=("baseline", "namebridge", "namebridge-2")),
    **{
        f"{kind}-{rate}": Load(
            f"{title} at {rate:,} questions a second", names, caches=kind == "hit", kind="latency", rate=rate)
        for kind, title, names in (("hit", "Hits", 1_000), ("miss", "Misses", 100_000))
        for rate in (1_000, 5_000, 20_000)},
    "memory": Load("Resident memory with 100,000 cached names", 100_000, caches=True, kind="memory"),
}


class Unusable(Exception):
    """Why a contender gives no figure in a round."""


class Bench:
    """One run of the harness: its options, its directory, and the figures so far."""

    def __init__(self, options, directory, link):
        self.options, self.directory, self.link = options, directory, link
        self.contenders = all_contenders(Path(options.baseline).resolve(), Path(options.namebridge).resolve())
        self.baseline = self.contenders[0].find()
        #: load -> contender -> list of one dictionary of figures, or an "error", per round.
        self.figures = {}

    # Rounds

    def measure_all(self):
        """Runs every load, round by round, and prints its table when it is complete."""
        for key in self.options.loads:
            load, contenders = LOADS[key], self.chosen(LOADS[key])
            rounds = 1 if load.kind == "memory" else self.options.rounds
            rows = self.figures.setdefault(key, {contender.name: [] for contender in contenders})
            for number in range(rounds):
                for contender in contenders:
                    note(f"{key}, round {number + 1} of {rounds}: {contender.name}")
                    rows[contender.name].append(self.measure(load, contender))
            print(table(load, rows), flush=True)

    def compare_links(self, others):
        """Hits and misses of ours and the baseline over each link, interleaved; prints the ratios side by side."""
        loads = [key for key in ("hit", "miss") if key in self.options.loads]
        pair = [one for one in self.contenders if one.name in ("baseline", "namebridge")]
        figures = {(key, link.name): {one.name: [] for one in pair} for key in loads for link in others}
        for key in loads:
            for number in range(self.options.rounds):
                for link in others:
                    self.link = link
                    for contender in pair:
                        note(f"{key} over {link.name}, round {number + 1}: {contender.name}")
                        figures[key, link.name][contender.name].append(self.measure(LOADS[key], contender))
        print(link_table({key: LOADS[key].title for key in loads}, figures), flush=True)
        self.figures["links"] = {f"{key} over {link}": rows for (key, link), rows in figures.items()}

    def chosen(self, load):
        """The contenders of a load; the baseline always, because the ratios need it."""
        return [
            one for one in self.contenders
            if (one.name in load.contenders if load.contenders else one.workers == 1)
            and (one.name == "baseline" or not self.options.contenders or one.name in self.options.contenders)]

    def measure(self, load, contender):
        """One contender, alone, under one load; what stops it becomes the row's text."""
        try:
            if load.rewrites and not contender.can_rewrite:
                raise Unusable("does not rewrite suffixes")
            program = contender.find()
            if program is None:
                raise Unusable("not installed")
            with tempfile.TemporaryDirectory(dir=self.directory) as directory:
                return self.measure_running(load, contender, program, Path(directory))
        except Unusable as reason:
            return {"error": str(reason)}
        except subprocess.TimeoutExpired as reason:
            return {"error": f"no end after {reason.timeout:.0f} s: {' '.join(reason.cmd[3:8])} ..."}

    def measure_running(self, load, contender, program, directory):
        """Starts upstream and contender, checks an answer, warms up and measures."""
        setting = Setting(
            free_port(), free_port(), directory, load.caches, load.rewrites, self.link.address)
        upstream_command = [self.baseline, "answer", str(setting.upstream), "--ttl", "3600"]
        command = contender.command(program, setting)
        cpus = ",".join(str(cpu) for cpu in CPUS[:contender.workers])
        with Server(upstream_command, LOAD_CPU, directory / "upstream.log", is_heard=True) as upstream, \
                Server(command, cpus, directory / "contender.log", contender.environment()) as server:
            self.check_answer(load, setting, server)
            if load.kind == "latency":
                return self.measure_latency(load, setting, server)
            if load.kind == "memory":
                return self.measure_memory(load, setting, server, upstream)
            return self.measure_throughput(load, setting, server, upstream)

    def check_answer(self, load, setting, server):
        """Waits for one right answer over the load's transport, as asked by dig(1)."""
        name, expected = f"n1.{load.suffix}", address_of("n1")
        transport = ["+tcp"] if load.transport == "tcp" else []
        command = [*self.link.prefix(), "dig", f"@{self.link.address}", "-p", str(setting.port), "+short", "+tries=1", "+time=1"]
        command += [*transport, name, "A"]

        def is_settled():
            return not server.is_running() or run(command, 10).split() == [expected]

        if not wait_until(is_settled, 10):
            answer = " ".join(run(command, 10).split()) or "nothing"
            raise Unusable(f"answers {name} with {answer}, not {expected}: {server.last_words()}")
        if not server.is_running():
            raise Unusable(f"ended at start: {server.last_words()}")

    # The three kinds of figures

    def measure_throughput(self, load, setting, server, upstream):
        """A fixed number of questions in flight: CPU time per completed query.

        The share that the upstream was asked proves that a cache is on, or off.
        """
        is_own = self.options.driver == "baseline" and load.transport == "udp" and not load.contenders
        drive = self.drive_baseline if is_own else self.drive_dnsperf
        drive(load, setting, 1)
        before, asked = server.cpu_seconds(), count_of(upstream)
        completed, right, lost, seconds = drive(load, setting, self.options.seconds)
        used = server.cpu_seconds() - before
        if not completed or not server.is_running():
            raise Unusable(f"completed no query: {server.last_words()}")
        if lost > completed:
            raise Unusable(f"lost {lost:,} of {lost + completed:,} questions")
        return {
            "cpu_us": used / completed * 1e6, "qps": completed / seconds, "busy": used / seconds,
            "asked": (count_of(upstream) - asked) / completed, "lost": lost, "wrong": completed - right}

    def drive_dnsperf(self, load, setting, seconds):
        """dnsperf: completed, right (by rcode) and lost queries, and the time it took."""
        queries = self.directory / f"{load.suffix}-{load.names}.txt"
        if not queries.exists():
            queries.write_text("".join(f"n{number}.{load.suffix} A\n" for number in range(load.names)))
        report = run([
            *self.link.prefix(), "taskset", "-c", LOAD_CPU, "dnsperf", "-s", self.link.address, "-p", str(setting.port),
            "-d", str(queries), "-m", load.transport, "-c", str(load.clients),
            "-q", str(self.options.in_flight), "-t", "1", "-T", "1", "-l", str(seconds)], seconds + 30)

        def figure(name):
            match = re.search(name + r":?\s+([\d.]+)", report)
            return float(match.group(1)) if match else 0

        return (int(figure("Queries completed")), int(figure(r"Response codes:\s+NOERROR")),
                int(figure("Queries lost")), figure(r"Run time \(s\)"))

    def drive_baseline(self, load, setting, seconds):
        """Our own generator: completed, right (by address) and lost queries, and the time it took."""
        pace = ["--window", str(self.options.in_flight), "--seconds", str(seconds)]
        report = self.generate(load, setting, pace, seconds + 30)
        return report["received"] + report["wrong"], report["received"], report["lost"], report["seconds"]

    def measure_latency(self, load, setting, server):
        """A fixed rate from our own generator: quantiles in microseconds."""
        self.generate(load, setting, ["--once" if load.caches else "--seconds=1", "--window", "50"], 30)
        before = server.precise_cpu_seconds()
        pace = ["--rate", str(load.rate), "--seconds", str(self.options.seconds)]
        report = self.generate(load, setting, pace, self.options.seconds + 30)
        used = server.precise_cpu_seconds() - before
        if not report["received"] or not server.is_running():
            raise Unusable(f"answered nothing: {server.last_words()}")
        return {
            "p50": report["p50"], "p99": report["p99"], "p999": report["p999"], "late": report["latest_send"],
            "cpu_us": used / report["received"] * 1e6, "lost": report["lost"], "wrong": report["wrong"]}

    def measure_memory(self, load, setting, server, upstream):
        """Resident memory before and after each name was asked, and the share that a second pass hits."""
        pace = ["--once", "--window", "50", "--seconds", "60"]
        before = server.resident_bytes()
        first = self.generate(load, setting, pace, 90)
        resident, asked = server.resident_bytes(), count_of(upstream)
        second = self.generate(load, setting, pace, 90)
        if not second["received"] or not server.is_running():
            raise Unusable(f"answered nothing: {server.last_words()}")
        cached = 1 - (count_of(upstream) - asked) / load.names
        return {
            "resident": resident, "before": before, "names": first["names"], "cached": max(cached, 0),
            "lost": first["lost"], "wrong": first["wrong"]}

    def generate(self, load, setting, pace, timeout):
        """Runs our own load generator and returns its report."""
        return json.loads(run([
            *self.link.prefix(), "taskset", "-c", LOAD_CPU, self.baseline, "load", str(setting.port),
            *self.link.load_options(), "--suffix", load.suffix, "--count", str(load.names), *pace], timeout))


def count_of(upstream):
    """How many questions the upstream has answered so far."""
    upstream.process.send_signal(signal.SIGUSR1)
    return int(upstream.process.stdout.readline())


def note(text):
    """Progress, on standard error and only if that is a terminal."""
    if sys.stderr.isatty():
        print(f"bench: {text}", file=sys.stderr, flush=True)


def heading(options):
    """What was measured where and how: a line above the tables."""
    models = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    cpu = f"{len(CPUS)} x {models[0]}" if models else f"{len(CPUS)} CPUs"
    priority = ", in real time" if options.realtime else ""
    return (f"{cpu}, Linux {platform.release()}; over {options.link}; driver {options.driver}, {options.in_flight} in flight, "
            f"{options.rounds} rounds of {options.seconds} s{priority}, medians.")


def parse_arguments():
    """Reads the command line; a wrong name is refused with the right ones.

    Real time is for latency on a machine that others use too; it distorts the throughput of servers that
    share work between threads.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [one.name for one in all_contenders(Path(), Path())]

    def some_of(known):
        def parse(text):
            chosen = [item for item in text.split(",") if item]
            unknown = [item for item in chosen if item not in known]
            if unknown:
                raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
            return chosen
        return parse

    loads = list(LOADS)
    parser.add_argument("--loads", type=some_of(loads), default=loads, help=f"some of {','.join(loads)}")
    parser.add_argument("--contenders", type=some_of(names), default=[], help=f"some of {','.join(names)}")
    parser.add_argument("--driver", choices=["dnsperf", "baseline"], default="dnsperf", help="of UDP loads")
    parser.add_argument(
        "--link", choices=["veth", "loopback"], default="veth" if os.geteuid() == 0 else "loopback",
        help="what is between load and contender; veth needs root")
    parser.add_argument(
        "--links", action="store_true", help="ours and the baseline over loopback and veth, side by side, alone")
    parser.add_argument("--office", action="store_true", help="what offices do, with the packaged configuration, alone")
    parser.add_argument(
        "--network", action="store_true", help="routes and rules of a large mesh alone: no load, no contender")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="length of one measurement")
    parser.add_argument("--in-flight", type=int, default=200, help="questions in flight")
    parser.add_argument("--realtime", action="store_true", help="run before all other work; needs root")
    parser.add_argument("--json", metavar="FILE", help="write every round's figures there")
    parser.add_argument("--baseline", default=ROOT / ".build/release/baseline", help="path of the baseline")
    parser.add_argument("--namebridge", default=ROOT / ".build/release/namebridge", help="path of ours")
    return parser.parse_args()


def main():
    """Runs the loads; every process that was started has ended when it returns, however it returns."""
    options = parse_arguments()
    if options.network:
        sys.exit(measure_network(options.namebridge, options.rounds))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))  # as an exception: every server's block ends
    missing = [tool for tool in ("dnsperf", "dig", "taskset", "setpriv") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"bench: not on PATH: {', '.join(missing)}; in Debian: dnsperf, bind9-dnsutils, util-linux")
    if not Path(options.baseline).exists():
        sys.exit(f"bench: no {options.baseline}; build it first: swift build -c release --product baseline")
    if os.geteuid() == 0:
        enter_namespace("NAMEBRIDGE_BENCH")
    elif options.link == "veth" or options.links or options.office:
        sys.exit("bench: only root can make the network namespace that the load comes from; see --link")
    if options.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))  # inherited by all that is started
    options.baseline, options.namebridge = Path(options.baseline).resolve(), Path(options.namebridge).resolve()
    print(heading(options), flush=True)
    if options.office:
        sys.exit(measure_office(options.namebridge, options.baseline, options.seconds))
    run_loads(options)
    if options.loads == list(LOADS) and not options.contenders and not options.links:
        office = measure_office(options.namebridge, options.baseline, options.seconds) if os.geteuid() == 0 else 0
        sys.exit(measure_network(options.namebridge, options.rounds) or office)


def run_loads(options):
    """Measures the chosen loads over the chosen link, and compares links."""
    loopback = Loopback()
    link = Office() if options.link == "veth" or options.links else loopback
    try:
        with tempfile.TemporaryDirectory(prefix="namebridge-bench-") as directory:
            bench = Bench(options, Path(directory), link)
            try:
                if not options.links:
                    bench.measure_all()
                if link is not loopback and not options.contenders:
                    bench.compare_links([loopback, link])
            except KeyboardInterrupt:
                sys.exit(130)
            finally:
                if options.json:
                    document = {"heading": heading(options), "loads": bench.figures}
                    Path(options.json).write_text(json.dumps(document, indent=2) + "\n")
    finally:
        link.close()


if __name__ == "__main__":
    main()
