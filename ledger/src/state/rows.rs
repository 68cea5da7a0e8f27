//! Keys of the tables beside the trees. Numbers are big-endian, so that the order of bytes is theirs.

use crate::state::name;
use crate::state::store::Table;
use crate::state::tree::{Key, TreeNumber, key_of, row};
use crate::vocabulary::ids::{ConflictId, EnvelopeId, ProposalId, TransactionId};
use crate::vocabulary::path::{self, PATH_BYTES_MAX};
use crate::vocabulary::revision::Revision;
use quorate_pbft::{Digest, PublicKey, SeqNum, Time};

/// Whether a row lies at the place of a hash, and is written once: contents, receipts, versions of a path, and the rows
/// that find an envelope. Nothing that executing reads by range lies between them but the versions of one path.
pub fn is_scattered(table: Table, key: &[u8]) -> bool {
    match table {
        Table::Contents | Table::Receipts => true,
        Table::Past => key.len() == PAST_BYTES + VERSION_BYTES,
        Table::Index => key.first() == Some(&ENVELOPE),
        Table::Entries | Table::Names | Table::Range | Table::Archive | Table::Meta => false,
    }
}

/// Whether a range of keys may have rows of [`is_scattered`]: not where all are numbers of one author, or of a kind of the
/// index of its own.
pub fn may_be_scattered(table: Table, from: &[u8], to: &[u8]) -> bool {
    match table {
        Table::Contents | Table::Receipts => true,
        Table::Past => {
            let is_number = |key: &[u8]| key.len() == PAST_BYTES + NUMBER_BYTES;
            !(is_number(from) && is_number(to) && from[..PAST_BYTES] == to[..PAST_BYTES])
        }
        Table::Index => from.first() <= Some(&ENVELOPE) && to.first() >= Some(&ENVELOPE),
        Table::Entries | Table::Names | Table::Range | Table::Archive | Table::Meta => false,
    }
}

fn joined(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(kind);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// Row of the past of an entry, at a place as [`PAST_BYTES`] stand before it.
pub(crate) fn at_place(tree: TreeNumber, entry: &Key, place: &[u8]) -> Vec<u8> {
    past(tree, entry, &[place])
}

/// Row of the past of an entry, at a place in parts.
fn past(tree: TreeNumber, entry: &Key, place: &[&[u8]]) -> Vec<u8> {
    let mut key = row(tree, entry).to_vec();
    place.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// The first and the last row of the past of an entry.
pub(crate) fn past_of(tree: TreeNumber, entry: &Key) -> (Vec<u8>, Vec<u8>) {
    below(&row(tree, entry), PLACE_BYTES)
}

/// Bytes of tree and key of the entry, before the place of a row in its past.
pub(crate) const PAST_BYTES: usize = 36;

/// Bytes of the place of a [`side`].
pub(crate) const SIDE_BYTES: usize = 4;

/// Bytes of the place of a [`version`].
pub(crate) const VERSION_BYTES: usize = 12;

/// Kind of an [`envelope`].
pub(crate) const ENVELOPE: u8 = b'k';

/// Bytes of the place of a [`number`].
pub(crate) const NUMBER_BYTES: usize = 16;

/// Bytes of the longest place of a row in the past of its entry.
pub(crate) const PLACE_BYTES: usize = NUMBER_BYTES;

/// Past: (domain, path's key, revision) to a version that is not the newest.
pub(crate) fn version(domain: u32, path: &Key, revision: Revision) -> Vec<u8> {
    past(domain, path, &[&revision.key()])
}

/// The revision in a key of [`version`].
pub(crate) fn version_revision(key: &[u8]) -> Option<Revision> {
    Revision::from_key(key.get(PAST_BYTES..)?)
}

/// Past: (domain, key of the author's numbers, number, attempt) to the verdict there.
pub(crate) fn number(domain: u32, author: &PublicKey, from_seq: u64, attempt: u64) -> Vec<u8> {
    past(domain, &key_of(&name::sequence(author)), &[&from_seq.to_be_bytes(), &attempt.to_be_bytes()])
}

/// Whether a key of [`number`] is of this author and domain.
pub(crate) fn is_number_of(key: &[u8], domain: u32, author: &PublicKey) -> bool {
    key.starts_with(&row(domain, &key_of(&name::sequence(author))))
}

/// Revision of a row of [`log`], and the envelope that made it, or the conflict that was settled there without one.
pub(crate) type Logged = (Revision, EnvelopeId);

/// Reads a row of [`log`].
pub(crate) fn logged(key: &[u8], id: &[u8]) -> Option<Logged> {
    Some((Revision::from_key(key.get(5..)?)?, EnvelopeId(Digest(id.try_into().ok()?))))
}

/// Number and attempt in a key of [`number`].
pub(crate) fn number_parts(key: &[u8]) -> Option<(u64, u64)> {
    let (number, attempt) = key.get(PAST_BYTES..)?.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), u64::from_be_bytes(attempt.try_into().ok()?)))
}

/// Past: (domain, key of the conflict, number of the side) to the side.
pub(crate) fn side(domain: u32, conflict: &ConflictId, index: u32) -> Vec<u8> {
    past(domain, &key_of(&name::conflict(conflict)), &[&index.to_be_bytes()])
}

/// Past: the bytes of an envelope of a domain that waits for the word of others.
pub(crate) fn pending(domain: u32, id: &EnvelopeId) -> Vec<u8> {
    past(domain, &key_of(&name::pending(id)), &[])
}

/// Archive: (domain, revision) to the id of the envelope that made it.
pub(crate) fn log(domain: u32, revision: Revision) -> Vec<u8> {
    joined(b'l', &[&domain.to_be_bytes(), &revision.key()])
}

/// Index: an envelope to the key of its [`number`] in its own domain.
pub(crate) fn envelope(envelope: &EnvelopeId) -> Vec<u8> {
    joined(ENVELOPE, &[envelope.0.as_bytes()])
}

/// Index: every envelope whose writes are laid out by path.
pub(crate) fn laid_out(envelope: &EnvelopeId) -> Vec<u8> {
    joined(b'm', &[envelope.0.as_bytes()])
}

/// Index: a chain to its length and to where it left another one.
pub(crate) fn chain(chain: &EnvelopeId) -> Vec<u8> {
    joined(b'h', &[chain.0.as_bytes()])
}

/// Index: (chain, path's key, place in the chain) to what was written there.
pub(crate) fn chain_write(chain: &EnvelopeId, path: &Key, depth: u64) -> Vec<u8> {
    joined(b'w', &[chain.0.as_bytes(), path, &depth.to_be_bytes()])
}

/// Archive: (conflict, place) to what happened to it.
pub(crate) fn event(conflict: &ConflictId, place: u32) -> Vec<u8> {
    joined(b't', &[conflict.0.as_bytes(), &place.to_be_bytes()])
}

/// Archive: (revision, conflict, place) of what happened to it.
pub(crate) fn conflict_events(revision: Revision, conflict: &ConflictId, place: u32) -> Vec<u8> {
    joined(b'j', &[&revision.key(), conflict.0.as_bytes(), &place.to_be_bytes()])
}

/// Revision, conflict and place in a key of [`conflict_events`].
pub(crate) fn conflict_event_parts(key: &[u8]) -> Option<(Revision, ConflictId, u32)> {
    let (rest, place) = key.get(1..)?.split_last_chunk()?;
    let (revision, id) = rest.split_last_chunk()?;
    Some((Revision::from_key(revision)?, ConflictId(Digest(*id)), u32::from_be_bytes(*place)))
}

/// Index: (revision that opened it, conflict) of one that is open, to the domain's number.
pub(crate) fn open_conflict(since: Revision, id: &ConflictId) -> Vec<u8> {
    joined(b'o', &[&since.key(), id.0.as_bytes()])
}

/// Index: (ledger time, conflict) of a deadline, to the domain's number.
pub(crate) fn deadline(at: Time, id: &ConflictId) -> Vec<u8> {
    joined(b'z', &[&at.get().to_be_bytes(), id.0.as_bytes()])
}

/// Index: (ledger time, domain, path's key, author) at which a lease or a wait is over, to the path.
pub(crate) fn lease(at: Time, domain: u32, path: &Key, author: &PublicKey) -> Vec<u8> {
    joined(b'T', &[&at.get().to_be_bytes(), &domain.to_be_bytes(), path, &author.0])
}

/// The first and the last row of leases and waits that are over at `until`.
pub(crate) fn leases(until: Time) -> (Vec<u8>, Vec<u8>) {
    let first = lease(Time::new(0), 0, &[0; 32], &PublicKey([0; 32]));
    (first, lease(until, u32::MAX, &[0xff; 32], &PublicKey([0xff; 32])))
}

/// Ledger time, domain and author of a row of [`lease`].
pub(crate) fn lease_parts(key: &[u8]) -> Option<(Time, u32, PublicKey)> {
    let at = u64::from_be_bytes(*key.get(1..)?.first_chunk()?);
    let domain = u32::from_be_bytes(*key.get(9..)?.first_chunk()?);
    Some((Time::new(at), domain, PublicKey(*key.last_chunk()?)))
}

/// Index: (domain, path) of every path at which somebody has a lock or waits for one.
pub(crate) fn locked(domain: u32, path: &str) -> Vec<u8> {
    joined(b'L', &[&domain.to_be_bytes(), path.as_bytes()])
}

/// Archive: (revision, place in its slot) of what became of a request for a lock.
pub(crate) fn lock_news(revision: Revision, place: u32) -> Vec<u8> {
    joined(b'N', &[&revision.key(), &place.to_be_bytes()])
}

/// Index: (domain, ticket) of a request that stands in line, to its path and author.
pub(crate) fn in_line(domain: u32, ticket: u64) -> Vec<u8> {
    joined(b'W', &[&domain.to_be_bytes(), &ticket.to_be_bytes()])
}

/// The first and the last row of a domain's [`in_line`].
pub(crate) fn in_lines(domain: u32) -> (Vec<u8>, Vec<u8>) {
    (in_line(domain, 0), in_line(domain, u64::MAX))
}

/// The path in a key of [`locked`].
pub(crate) fn locked_path(key: &[u8]) -> Option<String> {
    core::str::from_utf8(key.get(5..)?).ok().map(str::to_owned)
}

/// Index: (domain, path, conflict) of every path for whose lock a decided conflict waits.
pub(crate) fn held_up(domain: u32, path: &str, id: &ConflictId) -> Vec<u8> {
    joined(b'E', &[&domain.to_be_bytes(), path.as_bytes(), &[0], id.0.as_bytes()])
}

/// First and last rows of [`held_up`] at a path, and of those below it.
pub(crate) fn held_up_under(domain: u32, path: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    const LONGEST: usize = PATH_BYTES_MAX + 33; // a path, a NUL and an id
    let domain = domain.to_be_bytes();
    let prefixes = match path {
        "" => vec![joined(b'E', &[&domain])],
        _ => [0, b'/'].map(|next| joined(b'E', &[&domain, path.as_bytes(), &[next]])).to_vec(),
    };
    prefixes.iter().map(|prefix| below(prefix, LONGEST)).collect()
}

/// First and last rows of [`held_up`] at each folder above a path.
pub(crate) fn held_up_above(domain: u32, path: &str) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    path::folders(path).map(move |folder| {
        let at = |id| held_up(domain, folder, &ConflictId(Digest(id)));
        (at([0; 32]), at([0xff; 32]))
    })
}

/// The path in a key of [`held_up`].
pub(crate) fn held_up_path(key: &[u8]) -> Option<String> {
    let path = key.get(5..key.len().checked_sub(33)?)?;
    core::str::from_utf8(path).ok().map(str::to_owned)
}

/// Index: a transaction over several groups whose branch here is not decided.
pub(crate) fn undecided(id: &TransactionId) -> Vec<u8> {
    joined(b'B', &[id.0.as_bytes()])
}

/// The first and the last row of [`undecided`].
pub(crate) fn all_undecided() -> (Vec<u8>, Vec<u8>) {
    (undecided(&TransactionId(Digest::ZERO)), undecided(&TransactionId(Digest([0xff; 32]))))
}

/// The id in a key of [`undecided`].
pub(crate) fn undecided_id(key: &[u8]) -> Option<TransactionId> {
    Some(TransactionId(Digest(key.get(1..)?.try_into().ok()?)))
}

/// Index: (domain, path, transaction) of every path that such a branch has promised to write.
pub(crate) fn promised(domain: u32, path: &str, id: &TransactionId) -> Vec<u8> {
    joined(b'H', &[&domain.to_be_bytes(), path.as_bytes(), &[0], id.0.as_bytes()])
}

/// The first and the last row of [`promised`] in a domain.
pub(crate) fn promised_in(domain: u32) -> (Vec<u8>, Vec<u8>) {
    below_path(&joined(b'H', &[&domain.to_be_bytes()]))
}

/// Whether a key of the index is one of [`promised`].
pub(crate) fn is_promise(key: &[u8]) -> bool {
    key.first() == Some(&b'H')
}

/// The first and the last row of [`promised`] below a path.
pub(crate) fn promised_below(domain: u32, path: &str) -> (Vec<u8>, Vec<u8>) {
    below_path(&joined(b'H', &[&domain.to_be_bytes(), path.as_bytes(), b"/"]))
}

/// Index: an open conflict to its domain's number. Archive: every conflict to its domain's name.
pub(crate) fn conflict_domain(id: &ConflictId) -> Vec<u8> {
    joined(b'q', &[id.0.as_bytes()])
}

/// Index: (domain, path) of every path that has a record and no file, from its key in [`listed`]. A program before disk format 7
/// wrote it for paths with a file, too.
pub(crate) fn fileless(listed: &[u8]) -> Vec<u8> {
    joined(b'p', &[listed])
}

/// Index: (revision, tree, name) of an entry that says what ended there.
pub(crate) fn over(ended: Revision, tree: TreeNumber, kind: u8, name: &[u8]) -> Vec<u8> {
    joined(b'O', &[&ended.key(), &tree.to_be_bytes(), &[kind], name])
}

/// The first and the last row of [`over`] up to a revision.
pub(crate) fn over_until(last: Revision) -> (Vec<u8>, Vec<u8>) {
    (over(Revision::GENESIS, 0, 0, &[]), over(last, u32::MAX, 0xff, &[0xff; 32]))
}

/// Tree and name in a key of [`over`].
pub(crate) fn over_parts(key: &[u8]) -> Option<(TreeNumber, &[u8])> {
    let (tree, name) = key.get(13..)?.split_first_chunk()?;
    Some((u32::from_be_bytes(*tree), name))
}

/// Archive: (tree, name) of an entry that left the state, to its value.
pub(crate) fn left(tree: TreeNumber, name: &[u8]) -> Vec<u8> {
    joined(b'G', &[&tree.to_be_bytes(), name])
}

/// The name in a key of [`left`]; none for any other row of the archive.
pub(crate) fn left_name(key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(b"G")?.get(4..)
}

/// Archive: (domain, path) of files whose records left the state: for who reads old revisions, never for executing.
pub(crate) fn forgotten(listed: &[u8]) -> Vec<u8> {
    joined(b'P', &[listed])
}

/// Archive: (revision that opened it, conflict) to the domain's name.
pub(crate) fn conflict(since: Revision, id: &ConflictId) -> Vec<u8> {
    joined(b'c', &[&since.key(), id.0.as_bytes()])
}

/// Index: (revision, domain, path's key) of a path that was deleted, to the path.
pub(crate) fn deleted(since: Revision, domain: u32, path: &Key) -> Vec<u8> {
    joined(b'd', &[&since.key(), &domain.to_be_bytes(), path])
}

/// Archive: a proposal to its domain's name.
pub(crate) fn proposal_domain(id: &ProposalId) -> Vec<u8> {
    joined(b'r', &[id.0.as_bytes()])
}

/// Archive: (revision that made it, proposal) to its domain's name.
pub(crate) fn proposal(since: Revision, id: &ProposalId) -> Vec<u8> {
    joined(b'g', &[&since.key(), id.0.as_bytes()])
}

/// Index: (domain, revision that ordered it, envelope) of a change that waits for the word of others.
pub(crate) fn waiting(domain: u32, since: Revision, id: &EnvelopeId) -> Vec<u8> {
    joined(b'u', &[&domain.to_be_bytes(), &since.key(), id.0.as_bytes()])
}

/// Archive: evidence by its id.
pub(crate) fn evidence(id: &Digest) -> Vec<u8> {
    joined(b'e', &[id.as_bytes()])
}

/// Archive: (slot, offender's key, kind) to what people are told of evidence.
pub(crate) fn evidence_at(seq: SeqNum, id: &Digest) -> Vec<u8> {
    joined(b'x', &[&seq.get().to_be_bytes(), id.as_bytes()])
}

/// Archive: a slot to the digests of its list and its lane hash.
pub(crate) fn slot(seq: SeqNum) -> Vec<u8> {
    joined(b'i', &[&seq.get().to_be_bytes()])
}

/// Names: (domain, path) of every file that is served.
pub(crate) fn listed(domain: u32, path: &str) -> Vec<u8> {
    [&domain.to_be_bytes(), path.as_bytes()].concat()
}

/// The first and the last key that begin with `prefix`, for rows whose keys are at most `longest` bytes longer.
pub(crate) fn below(prefix: &[u8], longest: usize) -> (Vec<u8>, Vec<u8>) {
    let mut last = prefix.to_vec();
    last.resize(prefix.len() + longest, 0xff);
    (prefix.to_vec(), last)
}

/// The same for rows whose keys go on with a path: no byte of UTF-8 is as high as the one behind the prefix.
pub(crate) fn below_path(prefix: &[u8]) -> (Vec<u8>, Vec<u8>) {
    below(prefix, 1)
}
