#!/usr/bin/env python3
"""Runs the fuzz targets one after the other under the address sanitizer, and says what each came to.

Seeds are what the tests hold: recorded exchanges of real CoreDNS servers, configuration files, captures of `ip`
and `nft`. A finding is put beside the others in Tests/FuzzTests/Corpus, where `make test` replays it.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
TESTS = ROOT / "Tests"
CORPUS = TESTS / "FuzzTests" / "Corpus"
TARGETS = ["client", "answer", "stream", "file", "control", "observation"]
# The longest input of each: what the protocol or the program takes, and no more than coverage needs.
LENGTHS = {"client": 700, "answer": 2000, "stream": 4000, "file": 6000, "control": 3000, "observation": 6000}


def build(folder):
    """The path of the fuzzer, built with both sanitizers."""
    command = ["swift", "build", "-c", "release", "--sanitize", "fuzzer", "--sanitize", "address",
               "--product", "fuzzer", "--scratch-path", str(folder),
               # Of two options the compiler takes the last alone, and the inputs would be thrown blindly.
               "-Xswiftc", "-sanitize=address,fuzzer"]
    # The package manager keeps the sanitizers in a set: in another order all would be built anew.
    environment = dict(os.environ, NAMEBRIDGE_FUZZ="1", SWIFT_DETERMINISTIC_HASHING="1")
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return folder / "release" / "fuzzer"


def exchanges():
    """The recorded exchanges, every seventh: neighbours in the file are much alike."""
    lines = (TESTS / "CoreDNSReplayTests" / "answers.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines[::7]]


def client_query(query):
    """The query as a client of ours would put it: `cluster.local` in it becomes `prod.example`."""
    return query.replace(b"\x07cluster\x05local\x00", b"\x04prod\x07example\x00")


def captures():
    """The raw strings of the captures of `ip` and `nft`, by name."""
    text = (TESTS / "NetworkModelTests" / "Captures.swift").read_text()
    return dict(re.findall(r'static let (\w+) = ##"""\n(.*?)\n\s*"""##', text, re.S))


def seeds(target):
    """What `target` begins with."""
    if target == "client":
        for number, exchange in enumerate(exchanges()):
            yield bytes([number % 64]) + client_query(bytes.fromhex(exchange["query"]))
    elif target == "answer":
        for number, exchange in enumerate(exchanges()):
            for terms in (number % 8, 8 + number % 8):
                yield bytes([terms]) + bytes.fromhex(exchange["response"])
    elif target == "stream":
        stream = b""
        for number, exchange in enumerate(exchanges()):
            query = bytes.fromhex(exchange["query"])
            stream = stream[-1000:] + len(query).to_bytes(2, "big") + query
            yield bytes([number]) + stream
    elif target == "file":
        for folder in ("Networks", "Wrong"):
            for file in sorted((TESTS / "InventoryFileTests" / folder).glob("*.yaml")):
                yield file.read_bytes()
        yield (ROOT / "config" / "namebridge.yaml").read_bytes()
    elif target == "control":
        yield from (b"status\n", b"flush\n", b"flush name a.b\\.c\\000.example\n", b"flush below example.\n",
                    b"flush cluster prod\n", b"metrics\n", b"reload\n")
        yield json.dumps({
            "version": "1", "pid": 1, "uptime-seconds": 2, "recent-questions": 3, "recent-milliseconds": 4,
            "workers": [{"questions": 1, "hits": 2, "in-flight": 3}], "cache": {"entries": 1, "limit": 2},
            "clusters": [{"name": "p\u00e4", "servers": [{"address": "[::1]:53", "last-error": None}]}],
        }).encode()
    else:
        for name, text in captures().items():
            for program in range(10):
                yield bytes([program]) + text.encode()


def write_seeds(target, folder):
    """Fills `folder` with the seeds of `target` and its corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, octets in enumerate(seeds(target)):
        (folder / f"seed-{number:04}").write_bytes(octets)
    for file in (CORPUS / target).glob("*"):
        shutil.copy(file, folder / file.name)


def dictionary(target, folder):
    """The words that a file's schema or a listing knows, for libFuzzer to put in; None if the input is octets."""
    texts = {"file": "".join(file.read_text() for file in (TESTS / "InventoryFileTests" / "Networks").glob("*"))
             + (ROOT / "config" / "namebridge.yaml").read_text(),
             "observation": "".join(captures().values()),
             "control": "status flush name below cluster version pid workers cache clusters servers address"}
    if target not in texts:
        return None
    words = sorted(set(re.findall(r"[a-z][a-z0-9_-]{1,24}:?", texts[target])))
    path = folder / f"{target}.dict"
    path.write_text("".join(f'"{word}"\n' for word in words))
    return path


def run(fuzzer, target, minutes, work):
    """Fuzzes one target; its findings, and a line of figures."""
    folder = work / target
    write_seeds(target, folder)
    findings = work / f"{target}-findings"
    findings.mkdir(exist_ok=True)
    command = [str(fuzzer), str(folder), f"-max_total_time={int(minutes * 60)}", f"-artifact_prefix={findings}/",
               f"-max_len={LENGTHS[target]}", "-timeout=20", "-rss_limit_mb=4096", "-print_final_stats=1",
               "-reload=0"]
    words = dictionary(target, work)
    if words:
        command.append(f"-dict={words}")
    environment = dict(os.environ, NAMEBRIDGE_FUZZ_TARGET=target, ASAN_OPTIONS="detect_leaks=1",
                       SWIFT_BACKTRACE="enable=no")
    log = work / f"{target}.log"
    with open(log, "wb") as output:
        status = subprocess.run(command, env=environment, stdout=output, stderr=output, timeout=minutes * 60 + 300)
    text = log.read_text(errors="replace")
    rounds = re.findall(r"#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)/", text)
    executions, coverage, features, inputs = rounds[-1] if rounds else ("0",) * 4
    number = re.search(r"number_of_executed_units: (\d+)", text)
    executions = number.group(1) if number else executions
    seconds = re.search(r"Done \d+ runs in (\d+) second", text)
    print(f"{target:12} {int(executions):>11,} executions in {seconds.group(1) if seconds else '?'} s, "
          f"coverage {coverage} edges, {features} features, corpus {inputs}, "
          f"{'no finding' if status.returncode == 0 else 'A FINDING'}", flush=True)
    if status.returncode != 0:
        print("\n".join(text.splitlines()[-40:]), flush=True)
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
        for file in findings.glob("*"):
            shutil.copy(file, CORPUS / target / file.name)
            print(f"kept as {(CORPUS / target / file.name).relative_to(ROOT)}", flush=True)
    return status.returncode == 0


def main():
    parser = argparse.ArgumentParser(prog="make fuzz FUZZ=...", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1, help="for each target (1)")
    parser.add_argument("--target", action="append", choices=TARGETS, help="this one alone; may be given again")
    parser.add_argument("--no-build", action="store_true", help="use what was built before")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / ".build-fuzz", help="of the build and the runs")
    options = parser.parse_args()
    fuzzer = options.folder / "release" / "fuzzer" if options.no_build else build(options.folder)
    work = options.folder / "runs"
    work.mkdir(parents=True, exist_ok=True)
    good = [run(fuzzer, target, options.minutes, work) for target in options.target or TARGETS]
    print(f"{sum(good)} of {len(good)} targets without a finding")
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
