"""A group of four replicas as processes, under a steady load that `quorate bench` writes to it."""

import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("QUORATE", str(REPOSITORY / "target/release/quorate"))
VOTERS = 4
PATIENCE = 120  # seconds for what must come at last
TICK = os.sysconf("SC_CLK_TCK")


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return answer.read().decode()


def voters(folder):
    """Process of each replica, by the folder in its arguments."""
    found = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        for number in range(VOTERS):
            if b"start" in words and os.fsencode(folder / f"replica-{number}") in words:
                found[number] = int(entry.parent.name)
    return [found[number] for number in sorted(found)]


def cpu(pid):
    """Seconds of processor that a process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def moved(port):
    """Bytes that a replica has sent and received: to the other replicas, and at its door for observers."""
    counted = re.compile(r"^quorate_(net_sent|net_received|observers)_bytes(_total)?\{.*\} (\d+)", re.M)
    return sum(int(found[2]) for found in counted.findall(get(port, "/metrics")))


def judged(port):
    """Changes with a verdict at a replica."""
    return sum(int(count) for count in re.findall(r"^quorate_receipts_total\{.*\} (\d+)", get(port, "/metrics"), re.M))


class Loaded:
    """The group and its load, from `with` to its end: `pids` and API `ports` of the replicas by number."""

    def __init__(self, rate, base):
        self.temporary = tempfile.TemporaryDirectory(prefix="loaded-")
        self.folder = pathlib.Path(self.temporary.name) / "group"
        self.ports = [base + VOTERS + number for number in range(VOTERS)]
        load = [PROGRAM, "bench", "--rate", rate, "--authors", 16, "--dir", self.folder, "--base-port", base]
        self.command = [str(word) for word in [*load, "--warm-up", 1, "--seconds", 3_600]]
        self.pids = []

    def __enter__(self):
        self.bench = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while len(self.pids) < VOTERS:
            assert time.monotonic() < until, "no replicas"
            time.sleep(1)
            self.pids = voters(self.folder)
        return self

    def __exit__(self, *_):
        self.bench.terminate()
        self.bench.wait()
        for pid in self.pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # the load has ended it
        self.temporary.cleanup()
