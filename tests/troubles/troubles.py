"""Twenty troubles, each as it is made and mended: a generator that makes it, yields, and mends it."""

import glob
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import Callable, Optional

from group import LOOPBACK, Left, eventually

TROUBLES = []
FIVE_MINUTES = 330


@dataclass
class Trouble:
    """A trouble, and what a replica must tell of it."""

    make: Callable
    issue: str
    alert: Optional[str]
    at: int
    is_low: bool
    over: Optional[float]

    @property
    def name(self):
        return self.make.__name__.replace("_", " ")


def trouble(issue, alert, at=0, low=False, over=40.0):
    """Replica `at` must tell `issue` within the time that the documentation says, from `harm` on; `low`: its health goes below 0.7; `over`: seconds until it is well
    again, none where a trouble stays on record."""
    def put(make):
        TROUBLES.append(Trouble(make, issue, alert, at, low, over))
        return make
    return put


def noise(count):
    return random.randbytes(count)


# Those that are measured over five minutes come first, so that they are over when the others have been played.


@trouble("view-changes", "QuorateViewChanges", over=FIVE_MINUTES)
def the_primary_freezes_again_and_again(group):
    for round in range(7):
        status = group.status(0)
        primary, view = status["primary"], status["view"]
        if round == 5:
            group.harm()  # the sixth
        group.signal(primary, signal.SIGSTOP)
        asked = next(number for number in range(4) if number != primary)
        group.put(f"views/{round}", "x", at=asked)
        group.signal(primary, signal.SIGCONT)
        eventually("another view everywhere", lambda: group.status(0)["view"] > view)
    yield


@trouble("clock", "QuorateClock", over=FIVE_MINUTES)
def a_clock_is_an_hour_ahead(group):
    looks_after = 65  # a replica that has just come back takes proposals of any age
    time.sleep(max(0.0, group.since[0] + looks_after - time.monotonic()))
    group.harm()
    group.clock.set(0, 3_600_000)
    if group.status(0)["primary"] == 0:
        group.put("clock/first", "x", at=1)
    for number in range(14):
        group.put(f"clock/{number}", "x", at=1)
    yield
    group.clock.set(0, 0)


@trouble("conflicts", "QuorateConflicts", over=60)
def two_organisations_write_the_same_files(group):
    revisions = [group.put(f"both/{number}", "base")["revision"] for number in range(14)]
    group.harm()
    for number, revision in enumerate(revisions):
        group.put(f"both/{number}", "ours", author=0)
        group.put(f"both/{number}", "theirs", "--base", revision, author=1, codes=(1,))
    yield
    for number in range(60):
        group.put(f"alone/{number}", "x")


def make_primary(group, wanted):
    """Stops one primary after the other, each of which hands its office on, until it is this replica's."""
    while (primary := group.status(wanted)["primary"]) != wanted:
        group.stop(primary)
        eventually("another primary", lambda: group.status(wanted)["primary"] != primary)
        group.start(primary)
        group.await_mode(primary, "active")


@trouble("slow-order", "QuorateSlow", over=90)
def the_network_is_slow(group):
    make_primary(group, 0)  # whose slots take two hops at least
    group.harm()
    for link in group.links.links.values():
        link.delay = 1.2
    over = threading.Event()

    def write():
        number = 0
        while not over.is_set():
            group.put(f"slow/{number}", "x", "--level", "eventual")
            number += 1
            time.sleep(0.3)

    writing = threading.Thread(target=write, daemon=True)
    writing.start()
    yield
    over.set()
    writing.join()
    group.links.mend()
    for number in range(70):
        group.put(f"quick/{number}", "x")


@trouble("member-silent", "QuorateMemberSilent")
def a_member_dies(group):
    group.harm()
    group.kill(3)
    yield
    group.start(3)


@trouble("no-quorum", "QuorateNoQuorum", low=True)
def the_network_parts_into_halves(group):
    group.harm()
    group.links.cut([group.links.between(one, other) for one in (0, 1) for other in (2, 3)])
    yield
    group.links.mend()


def die_above_a_checkpoint(group, *replicas):
    """Kills replicas while replica 0 has executed slots that no checkpoint covers yet."""
    for round in range(10):
        for number in range(20):
            group.put(f"load/{round}/{number}", "x", "--level", "eventual")
        group.put(f"load/{round}/last", "x")
        group.harm()
        group.kill(*replicas)
        time.sleep(0.5)
        status = group.status(0)
        if status["executed_seq"] > status["stable_checkpoint"]["seq"]:
            return
        group.start(*replicas)
    raise AssertionError("every slot is covered at once")


@trouble("checkpoint", "QuorateCheckpointStuck", low=True)
def two_members_die_under_load(group):
    die_above_a_checkpoint(group, 2, 3)
    yield
    group.start(2, 3)


@trouble("recovering", "QuorateRecovering", at=3, low=True)
def a_member_restarts_where_too_few_others_are(group):
    group.kill(1, 2, 3)
    group.harm()
    group.start(3)
    yield
    group.start(1, 2)


def go_on_with_old_disks(group, *replicas):
    """Replicas sign, and then start with their disks as they were before."""
    while group.status(0)["executed_seq"] % 16 > 5:  # so that no checkpoint comes between
        group.put(f"before/{time.monotonic()}", "x")
    group.stop(*replicas)
    for replica in replicas:
        shutil.copytree(f"{group.dir(replica)}/data", f"{group.folder}/old-{replica}")
    group.start(*replicas)
    for replica in replicas:
        group.await_mode(replica, "active")
    for number in range(5):
        group.put(f"signed/{number}", str(number))
    group.kill(*replicas)  # at once: below a stable checkpoint nobody remembers what they signed
    for replica in replicas:
        os.rename(f"{group.dir(replica)}/data", f"{group.folder}/newest-{replica}")
        os.rename(f"{group.folder}/old-{replica}", f"{group.dir(replica)}/data")
    group.harm()
    group.start(*replicas)


def put_newest_disks_back(group, *replicas):
    group.stop(*replicas)
    for replica in replicas:
        shutil.rmtree(f"{group.dir(replica)}/data")
        os.rename(f"{group.folder}/newest-{replica}", f"{group.dir(replica)}/data")
    group.start(*replicas)


@trouble("following", "QuorateNoVote", at=3, low=True)
def a_replica_gets_an_old_disk(group):
    go_on_with_old_disks(group, 3)
    yield
    put_newest_disks_back(group, 3)


@trouble("stalled", "QuorateNothingOrdered", low=True)
def two_members_are_heard_and_do_not_vote(group):
    go_on_with_old_disks(group, 2, 3)
    for replica in (2, 3):
        group.await_mode(replica, "following")
    group.harm()  # from here on something waits
    group.put("stalled", "x", "--timeout", "1", codes=(3,))
    yield
    put_newest_disks_back(group, 2, 3)


@trouble("behind", "QuorateBehind", at=3, low=True)
def a_member_comes_back_on_a_narrow_link(group):
    group.links.cut(group.links.of(3))
    for number in range(200):
        group.put(f"large/{number}", noise(20_000), "--level", "eventual" if number % 4 else "sequential")
    group.harm()
    for link in group.links.of(3):
        link.is_cut, link.bytes_per_second = False, 60_000
    yield
    group.links.mend()


@trouble("history-gone", "QuorateHistoryGone", at=3, low=True)
def the_others_have_forgotten_what_a_member_needs(group):
    group.stop(0, 1)
    group.start(0, 1, QUORATE_HISTORY="2s")
    group.await_mode(0, "active")
    group.stop(3)
    begun = group.status(0)["executed_seq"]
    number = 0
    while group.status(0)["executed_seq"] < begun + 220:
        group.put(f"long/{number}", "x", "--level", "eventual")
        number += 1
    time.sleep(5)
    group.put("long/after", "x")
    group.stop(2)
    group.harm()
    group.start(3)
    yield
    group.start(2)


def change(file, places):
    """Changes bytes of a file."""
    with open(file, "r+b") as database:
        for place, byte in places:
            database.seek(place)
            database.write(bytes([byte]))


def changed(group, replica, find):
    """Changes bytes of a stopped replica's state at the places that `find` gives of a file; false where there are none yet."""
    data = f"{group.dir(replica)}/data"
    for file in [f"{data}/quorate.redb", *sorted(glob.glob(f"{data}/run-*"))]:
        with open(file, "rb") as database:
            places = find(database.read(), file)
        if places:
            change(file, places)
            return True
    return False


def damage(group, replica, find):
    """Stops a replica, changes its database once its state is folded into it, and starts it."""
    for round in range(20):
        group.put(f"fold/{time.monotonic()}", "x")
        time.sleep(1.5)  # the state is folded once a second
        group.stop(replica)
        is_damaged = changed(group, replica, find)
        group.harm()
        group.start(replica)
        if is_damaged:
            return
    raise AssertionError("the state is never folded")


def repair(group, replica, codes=(0,)):
    group.stop(replica)
    group.run("repair", "--dir", group.dir(replica), "--from", group.url(0), "--from", group.url(1), codes=codes)
    group.start(replica)


def every(content, wanted):
    place = content.find(wanted)
    while place >= 0:
        yield place
        place = content.find(wanted, place + 1)


@trouble("disk-damaged", "QuorateDiskDamaged", at=3, low=True)
def a_bit_of_a_content_flips(group):
    text = b"Kapellsk\xc3\xa4r and back, " * 300
    group.put("ports", text)
    length = len(text).to_bytes(4, "little")

    def find(content, _):  # the content's own row, and not the envelope that brought it
        places = [place for place in every(content, text) if content[place - 4:place] != length]
        return [(place + 1000, content[place + 1000] ^ 1) for place in places]

    damage(group, 3, find)
    yield
    repair(group, 3)


@trouble("history-damaged", "QuorateHistoryDamaged", at=3)
def a_receipt_cannot_be_read(group):
    path = b"receipts/of-this-one"
    group.put(path.decode(), "x")

    def find(content, file):  # of the places that have the path, one in a receipt
        for place in every(content, path):
            change(file, [(place, 0xFF)])
            told = group.run("repair", "--dir", group.dir(3), "--json", codes=(0, 1))
            change(file, [(place, path[0])])
            if {found["kind"] for found in told["found"]["damaged"]} == {"receipt"}:
                return [(place, 0xFF)]
        return []

    damage(group, 3, find)
    yield
    repair(group, 3, codes=(0, 1))  # 1 where nobody else keeps that receipt


class SmallDisk:
    """A disk of 300 MiB under a stopped replica's database."""

    def __init__(self, group, replica):
        self.data, self.filler = f"{group.dir(replica)}/data", f"{group.dir(replica)}/data/filler"
        aside = f"{group.folder}/aside"
        os.rename(self.data, aside)
        os.mkdir(self.data)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "disk", self.data], check=True)
        shutil.copytree(aside, self.data, dirs_exist_ok=True)
        shutil.rmtree(aside)

    def leave(self, mib):
        """Fills it but for so many MiB."""
        room = os.statvfs(self.data)
        free = room.f_bavail * room.f_frsize - (mib << 20)
        with open(self.filler, "ab") as filler:
            filler.write(bytes(free))

    def end(self):
        aside = f"{self.data}.aside"
        shutil.copytree(self.data, aside, ignore=lambda *_: ["filler"])
        subprocess.run(["umount", self.data], check=True)
        os.rmdir(self.data)
        os.rename(aside, self.data)


def on_small_disk(group, mib):
    group.stop(3)
    disk = SmallDisk(group, 3)
    group.start(3)
    group.await_mode(3, "active")
    group.harm()
    disk.leave(mib)
    yield
    os.remove(disk.filler)
    eventually("room is found", lambda: not {"disk-space", "disk-full"} & set(group.issues(3)))
    group.stop(3)
    disk.end()
    group.start(3)


@trouble("disk-space", "QuorateDiskSpace", at=3)
def a_disk_is_nearly_full(group):
    yield from on_small_disk(group, 35)


@trouble("disk-full", "QuorateDiskFull", at=3)
def a_disk_is_full(group):
    yield from on_small_disk(group, 8)


@trouble("disk-full", "QuorateDiskFull", at=3)
def a_database_is_above_its_quota(group):
    group.put("filling", noise(3_000_000))
    group.stop(3)
    group.harm()
    group.start(3, QUORATE_SPACE_QUOTA="1MiB")
    yield
    group.stop(3)
    group.start(3)


@trouble("certificate", "QuorateCertificate", at=3)
def a_certificate_ends_soon(group):
    certificate, key = (f"{group.folder}/api.{ending}" for ending in ("pem", "key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "10",
                    "-subj", "/CN=localhost", "-out", certificate, "-keyout", key], check=True, capture_output=True)
    group.stop(3)
    group.has_tls.add(3)
    group.harm()
    group.start(3, QUORATE_TLS_CERTIFICATE=certificate, QUORATE_TLS_KEY=key)
    yield
    group.stop(3)
    group.has_tls.discard(3)
    group.start(3)


@trouble("files", "QuorateFiles", at=3)
def clients_keep_connections(group):
    group.stop(3)
    limit = 160
    group.start(3, before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    address = (LOOPBACK, group.port + 7)
    files = lambda: len(os.listdir(f"/proc/{group.running[3].pid}/fd"))
    over = threading.Event()
    held = []

    def hold():  # who says nothing is let go after 20 s
        while not over.is_set():
            if files() < limit * 0.85:
                client = f"127.0.0.{2 + len(held) % 8}"  # one address alone is let in less often
                held.append(socket.create_connection(address, source_address=(client, 0)))
            else:
                time.sleep(0.1)

    holding = threading.Thread(target=hold, daemon=True)
    group.harm()
    holding.start()
    yield
    over.set()
    holding.join()
    for connection in held:
        connection.close()
    group.stop(3)
    group.start(3)


@trouble("evidence", "QuorateEvidence", at=1, over=None)
def a_member_lies(group):
    folder = f"{group.folder}/caught"
    told = group.run("demo", "--commits", 8, "--dir", folder, "--json")
    assert {found["signer"] for found in told["evidence"]} == {0} and all(found["verified"] for found in told["evidence"])
    honest = Left(group.quorate, folder)
    honest.harm()
    honest.start(1, 2, 3)
    yield honest
    honest.end()
