"""Puts a file and reads it again: put.py NODE KEY PATH FILE."""

import io
import sys

import sign
from quorate_client import Client
from quorate_client.api.default import get_v1_domains_domain_authors_key as numbers
from quorate_client.api.default import get_v1_domains_domain_files_path as file
from quorate_client.api.default import post_v1_envelopes as offer
from quorate_client.models import Level
from quorate_client.types import File

node, key, path, source = Client(sys.argv[1]), sign.key_of(sys.argv[2]), sys.argv[3], sys.argv[4]
with open(source, "rb") as content:
    op = sign.put(path, content.read())

mine = numbers.sync("main", key.verify_key.encode().hex(), client=node)
base = sign.revision(mine.revision)
_, signed = sign.envelope(
    key, bytes.fromhex(mine.group), "main", mine.next_seq, mine.attempt + 1, [sign.change(base, [op], "from Python")]
)
receipt = offer.sync(client=node, body=File(io.BytesIO(signed)), wait=Level.SEQUENTIAL)
print(receipt.state, "at", receipt.revision)
sys.stdout.buffer.write(file.sync("main", path, client=node, level=Level.SEQUENTIAL).payload.read())
