#!/usr/bin/env python3
"""Plays answer sequences to Namebridge and to other forwarders, and compares what their clients get.

    make differential                       1,000 sequences; exit 1 where ours differs and no reason is known
    make differential DIFFERENTIAL='--sequences 50000 --seed 7'
    make differential DIFFERENTIAL='--only 1234 --show'       one sequence, with what each forwarder said

Three questions are put to each sequence:

1. Does ours differ from what most of the others say? Each kind of difference is explained in `reasons.py`, or mended.
2. Does ours say the same with and without rewriting of names?
3. Does anything leave towards the client that the cluster may not speak of?
"""

import argparse
import collections
import os
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time
from pathlib import Path

from grammar import DOMAIN, describe, kind_of
from peers import ZonedSetting, all_peers
from reasons import reason
from standin import StandIn
from wire import RCODES, Message, query

from processes import Server, free_port, wait_until

ROOT = Path(__file__).resolve().parents[3]
#: Sequences that one start of a forwarder is given: each has a zone and a server of its own, so that what a
#: forwarder learnt of one server does not reach the next sequence.
BATCH = 200
#: Seconds that a client waits for an answer, as the stub resolver of glibc does.
PATIENCE = 5.0


class Outcome:
    """What a client got: a response code and records, or silence."""

    def __init__(self, message=None, suffix="", outer="", note=""):
        self.message, self.note = message, note
        self.status = RCODES.get(message.rcode, str(message.rcode)) if message else note or "silence"
        self.records = frozenset(
            (fold(owner, outer, suffix), kind, fold_data(data, outer, suffix)) for owner, kind, _, data in message.sections[0]
        ) if message else frozenset()

    @property
    def value(self):
        return self.status, self.records

    def word(self):
        """One word for the table: the status, and whether there is data."""
        return self.status + ("+data" if self.records else "")


def is_below(name, suffix):
    """Whether the name is the suffix or lies below it."""
    return name == suffix or name.endswith("." + suffix)


def fold(name, outer, suffix):
    """The name in lower case, with the suffix that was asked replaced by the cluster's own."""
    name = name.lower()
    return name.removesuffix(outer) + suffix if is_below(name, outer) else name


def fold_data(data, outer, suffix):
    return " ".join(fold(part, outer, suffix) for part in data.split(" "))


def ask(port, name, kind, outer, suffix):
    """Asks over UDP, and over TCP after a truncated answer, as a stub resolver does."""
    identifier = int.from_bytes(os.urandom(2), "big")
    octets = query(name, kind, identifier)
    for is_tcp in (False, True):
        try:
            reply = ask_once(port, octets, is_tcp)
        except (TimeoutError, socket.timeout, OSError):
            return Outcome()
        try:
            message = Message(reply)
        except (ValueError, IndexError, struct.error):
            return Outcome(note="malformed")
        if message.identifier != identifier or not message.is_response:
            return Outcome(note="mismatch")
        if not message.is_truncated or is_tcp:
            return Outcome(message, suffix, outer)
    return Outcome()


def ask_once(port, octets, is_tcp):
    """One message and its answer."""
    if not is_tcp:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
            datagram.settimeout(PATIENCE)
            datagram.connect(("127.0.0.1", port))
            datagram.send(octets)
            return datagram.recv(65535)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as stream:
        stream.sendall(struct.pack(">H", len(octets)) + octets)
        head = receive(stream, 2)
        return receive(stream, struct.unpack(">H", head)[0])


def receive(stream, count):
    octets = b""
    while len(octets) < count:  # each turn reads more or raises
        more = stream.recv(count - len(octets))
        if not more:
            raise OSError("closed")
        octets += more
    return octets


class Forwarder:
    """One forwarder under test, with the results of its sequences."""

    def __init__(self, contender, directory, stand_in, upstream, addresses):
        self.contender, self.name, self.stand_in = contender, contender.name, stand_in
        self.outer = getattr(contender, "outer", DOMAIN)
        self.upstream, self.addresses = upstream, addresses
        self.directory = directory / self.name
        self.outcomes = {}

    def play(self, seeds, threads):
        """Starts the forwarder, and asks these seeds, so many at a time; an error's text, or None."""
        self.stand_in.forget()
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()
        port = free_port()
        setting = ZonedSetting(port, self.upstream, self.directory, True, False, addresses=tuple(self.addresses))
        command = self.contender.command(self.contender.find(), setting)
        cpus = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0)))
        with Server(command, cpus, self.directory / "log", self.contender.environment()) as server:
            if not wait_until(lambda: self._is_ready(port), 30):
                return f"{self.name} does not answer: {server.last_words()}"
            waiting = collections.deque(enumerate(seeds))
            workers = [
                threading.Thread(target=self._work, args=(port, waiting), daemon=True) for _ in range(threads)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            return None if server.is_running() else f"{self.name} ended: {server.last_words()}"

    def _is_ready(self, port):
        return self._ask(port, "target", "A", len(self.addresses) - 1).status == "NOERROR"

    def _work(self, port, waiting):
        while True:  # ends: each turn takes one off the deque
            try:
                zone, seed = waiting.popleft()
            except IndexError:
                return
            self.outcomes[seed] = self._ask(port, f"c{seed}", kind_of(seed), zone)

    def _ask(self, port, label, kind, zone):
        outer, suffix = self.outer.format(zone), DOMAIN.format(zone)
        return ask(port, f"{label}.test.svc.{outer}", kind, outer, suffix)


def strays(outcome, domain):
    """Records of ours that the cluster may not speak of: owners outside its domain that no alias led to."""
    if outcome.message is None:
        return []
    reached, found = set(), []
    for owner, kind, _, data in outcome.message.sections[0]:
        if kind == "CNAME":
            reached.add(data.split(" ")[-1])
        if not is_below(owner.lower(), domain) and owner.lower() not in reached:
            found.append(f"answer: {owner or '.'} {kind}")
    for section, title in ((1, "authority"), (2, "additional")):
        for owner, kind, _, _ in outcome.message.sections[section]:
            if not is_below(owner.lower(), domain):
                found.append(f"{title}: {owner or '.'} {kind}")
    return found


def majority(others):
    """What most of the others say, where at least three and more than half of them agree; else None."""
    value, count = collections.Counter(outcome.value for outcome in others).most_common(1)[0]
    return value if count >= 3 and 2 * count > len(others) else None


def compare(forwarders, seeds, shows):
    """Prints the table of differences; returns how many have no known reason."""
    ours, mapped, *peers = forwarders
    kinds, unexplained = collections.defaultdict(list), 0
    agreed = split = 0
    for place, seed in enumerate(seeds):
        mine, others = ours.outcomes[seed], [peer.outcomes[seed] for peer in peers]
        features = describe(seed)
        if shows:
            print(seed, kind_of(seed), *features)
            for forwarder in forwarders:
                outcome = forwarder.outcomes[seed]
                print(f"    {forwarder.name:18} {outcome.status} {sorted(outcome.records)}")
        if mine.value != mapped.outcomes[seed].value:
            word = mapped.outcomes[seed].word()
            why = reason(features, mine.word(), word) or ""
            kinds["rewriting changes the answer", mine.word(), word, why].append(seed)
        for stray in strays(mine, DOMAIN.format(place % BATCH)):
            kinds["stray record", stray, "", ""].append(seed)
        usual = majority(others)
        if usual is None:
            split += 1
            continue
        if usual == mine.value:
            agreed += 1
            continue
        word = next(outcome for outcome in others if outcome.value == usual).word()
        kinds["differs", mine.word(), word, reason(features, mine.word(), word) or ""].append(seed)
    for forwarder in forwarders:
        words = collections.Counter(outcome.status for outcome in forwarder.outcomes.values())
        print(f"{forwarder.name:18}", ", ".join(f"{word} {count}" for word, count in words.most_common(8)))
    print(f"\n{len(seeds)} sequences: ours as most others {agreed}, others not agreed {split}\n")
    print("| kind | ours | others | count | reason, or most frequent features | such as |\n|---|---|---|---|---|---|")
    for (kind, mine, theirs, why), found in sorted(kinds.items(), key=lambda item: -len(item[1])):
        if not why:
            unexplained += len(found)
            counts = collections.Counter(feature for seed in found for feature in describe(seed))
            why = "**none known**: " + ", ".join(f"{name} {count}" for name, count in counts.most_common(4))
        print(f"| {kind} | {mine} | {theirs} | {len(found)} | {why} | {' '.join(map(str, found[:3]))} |")
    return unexplained


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--seed", type=int, default=1, help="the first sequence (default 1)")
    parser.add_argument("--only", type=int, nargs="+", help="these sequences alone")
    parser.add_argument("--show", action="store_true", help="print what each forwarder said")
    parser.add_argument("--threads", type=int, default=8, help="questions under way at a time, for each forwarder")
    parser.add_argument("--namebridge", type=Path, default=ROOT / ".build/release/namebridge")
    options = parser.parse_args()
    seeds = options.only or list(range(options.seed, options.seed + options.sequences))
    contenders = [peer for peer in all_peers(options.namebridge.resolve()) if peer.find()]
    missing = [peer.name for peer in all_peers(options.namebridge.resolve()) if not peer.find()]
    if missing:
        print("not installed, left out:", ", ".join(missing), file=sys.stderr)
    addresses = [f"127.1.{number // 100}.{number % 100 + 1}" for number in range(min(BATCH, len(seeds)))]
    with tempfile.TemporaryDirectory(prefix="namebridge-differential-") as folder:
        upstream = free_port()
        stand_in = StandIn(addresses, upstream)
        stand_in.start()
        forwarders = [Forwarder(peer, Path(folder), stand_in, upstream, addresses) for peer in contenders]
        started = time.monotonic()
        for first in range(0, len(seeds), BATCH):
            for forwarder in forwarders:
                if trouble := forwarder.play(seeds[first:first + BATCH], options.threads):
                    sys.exit(trouble)
            print(f"{min(first + BATCH, len(seeds))} sequences, {time.monotonic() - started:.0f} s", file=sys.stderr)
        stand_in.stop()
        unexplained = compare(forwarders, seeds, options.show)
    print(f"\n{unexplained} without a known reason")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
