"""A group of four on loopback, each replica a process, with links between them that can be spoilt."""

import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time

from links import Links

REPLICAS = 4
LOG_LINES = 40  # of each replica, where a trouble failed
LOOPBACK = "127.0.0.1"
UNVERIFIED = ssl._create_unverified_context()


def is_free(port):
    with socket.socket() as door:
        try:
            door.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_block():
    """The first of ten free ports; the doors for observers stand 500 above."""
    while True:
        first = random.randrange(26_000, 30_000, 10)
        if all(is_free(port) for port in [*range(first, first + 10), *range(first + 500, first + 510)]):
            return first


def eventually(what, is_so, seconds=40.0, pause=0.1):
    """The first answer that is something, and after how many seconds it came."""
    begun = time.monotonic()
    while True:
        try:
            if found := is_so():
                return found, time.monotonic() - begun
        except (OSError, http.client.HTTPException):
            pass
        if time.monotonic() - begun > seconds:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(pause)


class Group:
    """Replicas by their numbers."""

    def __init__(self, quorate, folder, clock=None):
        self.quorate, self.folder, self.clock = quorate, folder, clock
        self.port = free_block()
        self.running, self.since, self.has_tls, self.harmed = {}, {}, set(), None
        self.run("init", "--out", f"{folder}/group", "--base-port", self.port, "--api-port", self.port + REPLICAS)
        self._set_constants()
        self.links = Links([self.port + number for number in range(REPLICAS)])

    def _set_constants(self):
        """Writes a genesis with small windows, for four of them are kept whatever `history` says, and with a time-out that a
        slow network bears."""
        for folder in [f"{self.folder}/group", *map(self.dir, range(REPLICAS))]:
            with open(f"{folder}/genesis.json", encoding="utf-8") as genesis:
                text = genesis.read()
            for name, value in (("checkpoint_period", 16), ("window", 32), ("base_timeout_ms", 6_000)):
                text, found = re.subn(rf'"{name}":(\s*)\d+', rf'"{name}":\g<1>{value}', text)
                assert found == 1, name
            with open(f"{folder}/genesis.json", "w", encoding="utf-8") as genesis:
                genesis.write(text)
            shutil.rmtree(f"{folder}/data", ignore_errors=True)  # its database is of the other genesis

    def dir(self, replica):
        return f"{self.folder}/group/replica-{replica}"

    def address(self, replica):
        return LOOPBACK, self.port + REPLICAS + replica

    def url(self, replica):
        host, port = self.address(replica)
        return f"http{'s' if replica in self.has_tls else ''}://{host}:{port}"

    def words(self, replica):
        peers = [number for number in range(REPLICAS) if number != replica]
        doors = [f"--peer={peer}=/ip4/{LOOPBACK}/tcp/{self.links.door(replica, peer)}" for peer in peers]
        listen = f"--listen=/ip4/0.0.0.0/tcp/{self.port + replica}"
        return [self.quorate, "start", "--dir", self.dir(replica), listen, *doors]

    def start(self, *replicas, before=None, **settings):
        """Starts replicas with settings of the environment and waits for their `ready` lines; `before` runs in the process
        first."""
        for replica in replicas:
            clock = self.clock.environment(replica) if self.clock else {}
            self.since[replica] = time.monotonic()
            with open(f"{self.folder}/replica-{replica}.log", "ab") as log:
                new = [] if os.path.exists(f"{self.dir(replica)}/data") else ["--new-database"]
                self.running[replica] = subprocess.Popen(self.words(replica) + new, stdout=subprocess.PIPE, stderr=log,
                                                         env=os.environ | clock | settings, preexec_fn=before)
        for replica in replicas:
            line = self.running[replica].stdout.readline()
            assert line.startswith(b"ready "), f"replica {replica} does not start: {line!r}"

    def harm(self):
        """Says that the trouble begins now."""
        self.harmed = time.monotonic()

    def stop(self, *replicas, how=signal.SIGTERM):
        for replica in replicas:
            self.running[replica].send_signal(how)
        for replica in replicas:
            self.running.pop(replica).wait(30)

    def kill(self, *replicas):
        self.stop(*replicas, how=signal.SIGKILL)

    def signal(self, replica, which):
        self.running[replica].send_signal(which)

    def end(self):
        for process in self.running.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    def ask(self, replica, path, seconds=5):
        """Body of an answer of a replica's API."""
        if replica in self.has_tls:
            door = http.client.HTTPSConnection(*self.address(replica), timeout=seconds, context=UNVERIFIED)
        else:
            door = http.client.HTTPConnection(*self.address(replica), timeout=seconds)
        try:
            door.request("GET", path)
            return door.getresponse().read().decode()
        finally:
            door.close()

    def issues(self, replica):
        return [issue["id"] for issue in json.loads(self.ask(replica, "/v1/issues"))["items"]]

    def health(self, replica):
        return json.loads(self.ask(replica, "/v1/health"))["score"]

    def status(self, replica):
        return json.loads(self.ask(replica, "/v1/status"))

    def told(self):
        """What each replica says of itself, and the end of its log."""
        return "\n".join(line for replica in range(REPLICAS) for line in self._told_by(replica))

    def _told_by(self, replica):
        process = self.running.get(replica)
        yield f"replica {replica}: " + ("is not started" if process is None else f"exit code {process.poll()}")
        for path in ("/v1/issues", "/v1/health", "/v1/status"):
            try:
                yield f"  {path}: {self.ask(replica, path)}"
            except (OSError, http.client.HTTPException) as error:
                yield f"  {path}: {error!r}"
        with open(f"{self.folder}/replica-{replica}.log", encoding="utf-8", errors="replace") as log:
            yield from (f"  {line.rstrip()}" for line in log.readlines()[-LOG_LINES:])

    def run(self, *args, codes=(0,)):
        """Document that a command prints, which must end with one of these codes."""
        words = [self.quorate, *map(str, args)]
        ran = subprocess.run(words, capture_output=True, text=True, timeout=120)
        assert ran.returncode in codes, f"{words[1:]} ended with {ran.returncode}: {ran.stderr}"
        return json.loads(ran.stdout) if "--json" in words and ran.stdout else None

    def key(self, author):
        return f"{self.folder}/group/author-org-{author}.key"

    def put(self, path, content, *more, author=0, at=0, codes=(0,)):
        file = f"{self.folder}/content"
        with open(file, "wb") as out:
            out.write(content if isinstance(content, bytes) else content.encode())
        return self.run("put", path, file, "--key", self.key(author), "--node", self.url(at), "--json", *more, codes=codes)

    def await_mode(self, replica, mode):
        return eventually(f"replica {replica} is {mode}", lambda: self.status(replica)["mode"] == mode)


class Left(Group):
    """Replicas that `quorate demo` left behind, with the evidence that it made."""

    def __init__(self, quorate, folder):  # the demo has made the group
        self.quorate, self.folder, self.clock = quorate, folder, None
        self.running, self.since, self.has_tls, self.harmed = {}, {}, set(), None

    def dir(self, replica):
        return f"{self.folder}/replica-{replica}"

    def words(self, replica):
        return [self.quorate, "start", "--dir", self.dir(replica)]

    def address(self, replica):
        with open(f"{self.dir(replica)}/config.toml", encoding="utf-8") as config:
            host, port = re.search(r'^api = "(.*):(\d+)"$', config.read(), re.MULTILINE).groups()
        return host, int(port)
