"""The vectors of docs/encoding.md, built again: vectors.py docs/encoding.md."""

import hashlib
import re
import sys

import sign
from nacl.signing import SigningKey

BEGAN = 1_700_000_000_000


def vectors(document):
    """The vectors of envelopes, by name."""
    blocks = re.findall(r"```vector\n(.*?)```", document, re.DOTALL)
    found = (dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks)
    return {vector["name"]: vector for vector in found if vector["kind"] == "envelope"}


def counted():
    """Three changes that build on each other."""
    bases = [sign.revision("12"), sign.PREVIOUS, sign.PREVIOUS]
    return [sign.change(base, [sign.put("count", b"%d" % at)], "", at) for at, base in enumerate(bases)]


known = vectors(open(sys.argv[1], encoding="utf-8").read())
first = bytes.fromhex(known["a put"]["id"])
moved = [sign.rename("hello.txt", "bin/hello"), sign.delete("ä b"), sign.put("link", b"bin/hello", sign.LINK)]
executable = sign.put("hello.txt", b"hello\n", sign.EXECUTABLE, travels=False)
built = {
    "a put": (1, 1, [sign.change(sign.revision("0"), [sign.put("hello.txt", b"hello\n")], "first", BEGAN)]),
    "a mode, on an envelope": (2, 1, [sign.change(sign.envelope_base(first), [executable], "", 0)]),
    "a rename, a delete and a link": (
        3,
        4,
        [sign.change(sign.revision("12.3"), moved, "a move\n\nwith a body", BEGAN + 1)],
    ),
    "three changes that build on each other": (4, 1, counted()),
}
key, group = SigningKey(bytes([1] * 32)), hashlib.sha256(b"a genesis file").digest()
for name, (from_seq, attempt, changes) in built.items():
    identity, signed = sign.envelope(key, group, "main", from_seq, attempt, changes)
    assert identity.hex() == known[name]["id"], f"{name}: another id"
    assert signed.hex() == known[name]["bytes"], f"{name}: other bytes"
print(f"{len(built)} envelopes of {sys.argv[1]} built again, byte for byte")
