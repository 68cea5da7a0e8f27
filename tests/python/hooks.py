"""Bodies for the hostile reader: any bytes, and signed envelopes of which most make sense."""

import os

import schemathesis
import sign
from hypothesis import strategies

KEYS = [sign.key_of(file) for file in os.environ["AUTHORS"].split(":")] + [sign.SigningKey(bytes(32))]
GROUP = bytes.fromhex(os.environ["GROUP"])
PATHS = strategies.sampled_from(["limit", "notes/hello.txt", "a/b", "a", "", "..", "x\0y", "x" * 300])
OPS = strategies.one_of(
    strategies.builds(sign.put, PATHS, strategies.binary(max_size=64), strategies.integers(0, 4), strategies.booleans()),
    strategies.builds(sign.delete, PATHS),
    strategies.builds(sign.rename, PATHS, PATHS),
)
BASES = strategies.one_of(
    strategies.builds(sign.revision, strategies.integers(0, 2**64 - 1).map(str)),
    strategies.integers(0, 40).map(lambda slot: sign.revision(str(slot))),
    strategies.binary(min_size=32, max_size=32).map(sign.envelope_base),
    strategies.just(sign.PREVIOUS),
)
TIMES = strategies.integers(0, 2**64 - 1)
CHANGES = strategies.builds(sign.change, BASES, strategies.lists(OPS, max_size=3), strategies.text(max_size=9), TIMES)
NUMBERS = strategies.one_of(strategies.integers(0, 4), strategies.integers(2**12, 2**64 - 9))
ENVELOPES = strategies.builds(
    lambda key, domain, seq, attempt, changes: sign.envelope(key, GROUP, domain, seq, attempt, changes)[1],
    strategies.sampled_from(KEYS),
    strategies.sampled_from(["main", "lab", "@group", "nowhere", ""]),
    NUMBERS,
    NUMBERS,
    strategies.lists(CHANGES, min_size=1, max_size=3),
)

schemathesis.openapi.media_type("application/octet-stream", strategies.one_of(strategies.binary(), ENVELOPES))
