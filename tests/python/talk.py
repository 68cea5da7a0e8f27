"""A newcomer's day with a generated client: talk.py NODE FOLDER, of a group that `quorate init` made there."""

import hashlib
import io
import sys
import time

import sign
from quorate_client import Client
from quorate_client.api.default import get_metrics as metrics
from quorate_client.api.default import get_v1_conflicts as conflicts
from quorate_client.api.default import get_v1_conflicts_id as conflict
from quorate_client.api.default import get_v1_conflicts_id_contents_hash as content
from quorate_client.api.default import get_v1_domains_domain_authors_key as numbers
from quorate_client.api.default import get_v1_domains_domain_files_path as file
from quorate_client.api.default import get_v1_domains_domain_log as log
from quorate_client.api.default import get_v1_domains_domain_tree as tree
from quorate_client.api.default import get_v1_envelopes_id as look
from quorate_client.api.default import get_v1_status as status
from quorate_client.api.default import post_v1_envelopes as offer
from quorate_client.models import (
    Code, ConflictStory, EnvelopeState, FileMode, Level, Problem, Receipt, Stage, Ticket,
)
from quorate_client.types import File

node, folder = Client(sys.argv[1], timeout=30), sys.argv[2]
acme, birch = (sign.key_of(f"{folder}/author-{name}.key") for name in ("acme", "birch"))
with open(f"{folder}/genesis.json", "rb") as genesis:
    GROUP = hashlib.sha256(genesis.read()).digest()


def signed(key, path, words, base=None):
    mine = numbers.sync("main", key.verify_key.encode().hex(), client=node)
    changed = sign.change(sign.revision(base or mine.revision), [sign.put(path, words)], "from Python")
    identity, envelope = sign.envelope(key, GROUP, "main", mine.next_seq, mine.attempt + 1, [changed])
    return identity.hex(), envelope


def offered(envelope, wait=Level.SEQUENTIAL):
    return offer.sync(client=node, body=File(io.BytesIO(envelope)), wait=wait)


def receipt_of(identity):
    """The receipt, once it is there."""
    for _ in range(100):
        found = look.sync(identity, client=node)
        if isinstance(found, Receipt):
            return found
        assert isinstance(found, Ticket), found
        time.sleep(0.1)
    raise AssertionError("no receipt within ten seconds")


def puts_waits_and_gets():
    identity, envelope = signed(acme, "notes/ü 1%.txt", b"hello\n")
    ticket = offered(envelope, Level.EVENTUAL)
    assert isinstance(ticket, Ticket) and ticket.id == identity and ticket.state == EnvelopeState.WAITING, ticket
    receipt = receipt_of(identity)
    assert receipt.state == EnvelopeState.APPLIED and receipt.changes[0].path == "notes/ü 1%.txt", receipt
    assert offered(envelope) == receipt, "the same bytes are no second change"
    answer = file.sync_detailed("main", "notes/ü 1%.txt", client=node)
    assert answer.parsed.payload.read() == b"hello\n" and answer.headers["quorate-mode"] == "file", answer
    tag = answer.headers["etag"]
    assert tag.strip('"') == hashlib.sha256(b"hello\n").hexdigest(), tag
    assert file.sync_detailed("main", "notes/ü 1%.txt", client=node, if_none_match=tag).status_code == 304


def lists_in_pages():
    _, envelope = signed(acme, "limit", b"limit = 100\n")
    revision = offered(envelope).revision
    first = tree.sync("main", client=node, limit=1)
    second = tree.sync("main", client=node, limit=1, from_=first.next_)
    assert [entry.path for entry in first.items + second.items] == ["limit", "notes/ü 1%.txt"]
    assert second.items[0].mode == FileMode.FILE and second.next_ is None
    history = log.sync("main", client=node, path="limit").items
    assert [(entry.revision, entry.message) for entry in history] == [(revision, "from Python")]
    return revision


def reads_a_conflict(base):
    ours, theirs = (signed(key, "limit", words, base)[1] for key, words in ((acme, b"limit = 200\n"), (birch, b"limit = 300\n")))
    assert offered(ours).state == EnvelopeState.APPLIED
    receipt = offered(theirs)
    assert receipt.state == EnvelopeState.CONFLICT and len(receipt.conflicts) == 1, receipt
    assert [entry.id for entry in conflicts.sync(client=node, domain="main").items] == receipt.conflicts
    story = conflict.sync(receipt.conflicts[0], client=node)
    assert isinstance(story, ConflictStory) and story.path == "limit", story
    sides = [content.sync(story.id, side.hash_, client=node).payload.read() for side in story.sides]
    assert sorted(sides) == [b"limit = 200\n", b"limit = 300\n"], sides


def hears_why_it_is_refused():
    identity, envelope = signed(acme, "a", b"a")
    at = envelope.rindex(b"\1\0\0\0\1\0\0\0a") - 1
    problem = offered(envelope[:at] + bytes([envelope[at] ^ 1]) + envelope[at + 1:])
    assert isinstance(problem, Problem), problem
    assert (problem.status, problem.stage, problem.code) == (422, "signature", "bad-signature"), problem
    stranger, envelope = signed(sign.SigningKey.generate(), "a", b"a")
    assert offered(envelope).code == "unknown-author"
    for unknown in (identity, stranger):
        assert look.sync(unknown, client=node).status == 404
    refused = offered(signed(acme, "a/../b", b"a")[1])
    assert (refused.state, refused.stage, refused.code) == (EnvelopeState.REFUSED, Stage.CONTENT, Code.BAD_PATH)


assert status.sync(client=node).group == GROUP.hex(), "the group is the hash of the genesis"
puts_waits_and_gets()
reads_a_conflict(lists_in_pages())
hears_why_it_is_refused()
assert "quorate_build_info" in metrics.sync(client=node)
print("a put, its receipt, a page, a conflict and three refusals, from Python")
