"""Envelopes by docs/encoding.md alone: what an author signs, byte for byte."""

import hashlib
import struct
import time

from nacl.signing import SigningKey

FILE, EXECUTABLE, LINK = 1, 2, 3


def u8(number):
    return struct.pack("<B", number)


def u32(number):
    return struct.pack("<I", number)


def u64(number):
    return struct.pack("<Q", number)


def listed(items):
    return u32(len(items)) + b"".join(items)


def octets(data):
    return u32(len(data)) + data


def text(words):
    return octets(words.encode())


def digest(tag, *parts):
    """H(tag, parts …)."""
    return hashlib.sha256(tag.encode() + b"\0" + b"".join(parts)).digest()


def key_of(file):
    """The secret key of a file that `quorate keys new` wrote: after a line of words, its seed in hex."""
    with open(file, encoding="ascii") as lines:
        return SigningKey(bytes.fromhex(lines.read().splitlines()[1]))


def revision(name):
    """The base `S` or `S.i`, as the API writes revisions."""
    slot, _, item = name.partition(".")
    return u8(1) + u64(int(slot)) + u32(int(item) if item else 0xFFFFFFFF)


def envelope_base(identity):
    """The base that is an earlier envelope of the same author in the same domain."""
    return u8(2) + identity


PREVIOUS = u8(3)


def put(path, content, mode=FILE, travels=True):
    """An operation, with the content where it travels along."""
    return u8(1) + text(path) + u8(mode) + hashlib.sha256(content).digest(), [content] if travels else []


def delete(path):
    return u8(2) + text(path), []


def rename(old, new):
    return u8(3) + text(old) + text(new), []


def change(base, ops, message="", time_ms=None):
    """A change of one or more operations, and the contents of them all."""
    time_ms = int(time.time() * 1000) if time_ms is None else time_ms
    wishes = u8(0) + u8(0) + listed([])
    contents = [content for _, carried in ops for content in carried]
    return base + listed([op for op, _ in ops]) + text(message) + u64(time_ms) + wishes, contents


def envelope(key, group, domain, from_seq, attempt, changes):
    """The id of a signed envelope, and its bytes as `POST /v1/envelopes` takes them."""
    carried = {hashlib.sha256(content).digest(): content for _, contents in changes for content in contents}
    body = b"".join([
        key.verify_key.encode(),
        text(domain),
        u64(from_seq),
        u64(from_seq + len(changes) - 1),
        u64(attempt),
        listed([encoded for encoded, _ in changes]),
        listed(sorted(carried)),
    ])
    identity = digest("quorate/v1/envelope", group, body)
    signature = key.sign(b"quorate/v1/envelope-signature\0" + identity).signature
    return identity, body + signature + listed([octets(carried[name]) for name in sorted(carried)])
