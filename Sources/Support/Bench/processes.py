"""Processes that always end, and what the kernel says that they used."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
#: The CPUs that we may use.
CPUS = sorted(os.sched_getaffinity(0))


class Server:
    """A process on given CPUs, in a session of its own, that is ended with its children when the block ends.

    Should this program be killed, the kernel ends the server as well (PR_SET_PDEATHSIG).
    """

    def __init__(self, command, cpus, log, environment=None, is_heard=False):
        self.command, self.cpus, self.log, self.is_heard = command, cpus, Path(log), is_heard
        self.environment = {**os.environ, **(environment or {})}
        self.process = None

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", self.cpus, *self.command],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if self.is_heard else log, stderr=log,
                env=self.environment, cwd=self.log.parent, start_new_session=True)
        return self

    def __exit__(self, *_):
        self._signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            pass
        self._signal(signal.SIGKILL)
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def _signal(self, number):
        """Signals the server and its children: the process group that this object made."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        """Whether the server has not ended by itself."""
        return self.process.poll() is None

    def last_words(self):
        """The last line of its log, for a report of why it did not start."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip()[:160] if lines else "no output"

    def tree(self):
        """The process and its living descendants, by PID: fields of proc_pid_stat(5) from the third on."""
        stats = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                text = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            stats[int(entry)] = text[text.rindex(")") + 2:].split()
        found = {self.pid: stats[self.pid]} if self.pid in stats else {}
        grown = True
        while grown:  # ends: every turn adds a process or is the last
            children = [pid for pid, fields in stats.items() if int(fields[1]) in found and pid not in found]
            found.update({pid: stats[pid] for pid in children})
            grown = bool(children)
        return found

    def cpu_seconds(self):
        """User and system time of all its threads, and of its children, ended ones included."""
        return sum(int(ticks) for fields in self.tree().values() for ticks in fields[11:15]) / CLOCK_TICKS

    def precise_cpu_seconds(self):
        """The same of what is alive, in nanoseconds rather than ticks: for loads that use little."""
        total = 0
        for pid in self.tree():
            for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                try:
                    total += int(path.read_text().split()[0])
                except OSError:
                    pass
        return total / 1e9

    def resident_bytes(self):
        """Resident memory of the process and its children (field rss)."""
        return sum(int(fields[21]) for fields in self.tree().values()) * os.sysconf("SC_PAGE_SIZE")


def free_port():
    """A port that is free over UDP and TCP, below the range that the kernel draws source ports from."""
    for port in sorted(range(20000, 30000), key=lambda _: os.urandom(4)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram, socket.socket() as stream:
            try:
                datagram.bind(("127.0.0.1", port))
                stream.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port between 20000 and 30000")


def run(command, timeout):
    """Runs a command to its end and returns its standard output; it never outlives `timeout` seconds."""
    result = subprocess.run(
        ["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=timeout)
    return result.stdout


def wait_until(condition, seconds):
    """Whether `condition` came true in time; asked 20 times a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False
