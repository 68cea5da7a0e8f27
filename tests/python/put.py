"""Puts a file and reads it again: put.py NODE KEY PATH FILE. What was signed lies in KEY.signed until it has a receipt."""

import io
import pathlib
import sys

import sign
from quorate_client import Client
from quorate_client.api.default import get_v1_domains_domain_authors_key as numbers
from quorate_client.api.default import get_v1_domains_domain_files_path as file
from quorate_client.api.default import post_v1_envelopes as offer
from quorate_client.models import Level
from quorate_client.types import File

node, key, path, source = Client(sys.argv[1]), sign.key_of(sys.argv[2]), sys.argv[3], sys.argv[4]
kept = pathlib.Path(sys.argv[2] + ".signed")
with open(source, "rb") as content:
    op = sign.put(path, content.read())


def settle():
    """Sends what was signed, as often as it takes: nothing else is signed for its number."""
    receipt = offer.sync(client=node, body=File(io.BytesIO(kept.read_bytes())), wait=Level.SEQUENTIAL)
    if not hasattr(receipt, "state") or receipt.revision is None:
        sys.exit(f"no receipt yet; run it again, or remove {kept} where it was refused: {receipt}")
    kept.unlink()
    return receipt


if kept.exists():
    sys.exit(f"an earlier change is {settle().state} now: run it again for this one")
mine = numbers.sync("main", key.verify_key.encode().hex(), client=node)
if mine.pending:
    sys.exit("changes of this key wait at the node: run it again once they have receipts")
base = sign.revision(mine.revision)
_, signed = sign.envelope(
    key, bytes.fromhex(mine.group), "main", mine.next_seq, mine.attempt + 1, [sign.change(base, [op], "from Python")]
)
draft = kept.with_suffix(".draft")
draft.write_bytes(signed)
draft.rename(kept)
receipt = settle()
print(receipt.state, "at", receipt.revision)
sys.stdout.buffer.write(file.sync("main", path, client=node, level=Level.SEQUENTIAL).payload.read())
