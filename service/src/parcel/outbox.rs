//! Changes of a place without a network: their signed envelopes to a node, and the proved receipts home. Nothing is signed
//! again on the way, and a parcel that is delivered twice is ordered once.

use super::error::{ParcelError, Wrong};
use super::frame::{Frame, Kind, cut_words};
use super::read::{Parcel, receipt};
use super::write::{Draft, Packed};
use quorate_client::api::Problem;
use quorate_client::calls::Posted;
use quorate_client::http::{Client, ClientError};
use quorate_client::outbox::{Answer, Entry, GIVEN_UP, Outbox, limits};
use quorate_ledger::proof::Epochs;
use quorate_ledger::{Envelope, EnvelopeId, Genesis, Level, Receipt, State};
use quorate_pbft::PublicKey;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// Patience with a node that gave no verdict, for a look at what it has.
const LOOKS_FOR: Duration = Duration::from_secs(5);

/// Beginning of the word on an envelope that may be applied: its history is forgotten at the node, or it was taken there and
/// waits.
pub const MAY_BE_APPLIED: &str = "may have been applied: ";

/// Reason why an envelope is given up that nobody has named.
const BASED_ON_IT: &str = "it is based on what is given up";

/// Packs the envelopes of an outbox that have no answer.
pub fn pack_outbox(outbox: &Outbox, out: &Path) -> Result<Packed, ParcelError> {
    let unanswered = outbox.unanswered();
    let Some(group) = outbox.group().filter(|_| !unanswered.is_empty()) else {
        return Err(ParcelError::Nothing("no change of this key waits for an answer: there is nothing to pack".into()));
    };
    let mut draft = Draft::begin(out, &Frame::Outbox { group })?;
    for name in unanswered {
        draft.add(&Frame::Envelope(outbox.bytes(&name)?))?;
    }
    draft.count()
}

/// Answers to the envelopes of a parcel.
#[derive(Debug, Clone, Default)]
pub struct Delivered {
    /// Receipts with their proofs.
    pub receipts: Vec<Receipt>,
    /// Envelopes that the node did not order, or does not know whether they were, with its word.
    pub unanswered: Vec<(EnvelopeId, String)>,
    /// Those of them that are larger than what the node takes, as an observer does: a member may take them.
    pub too_large: Vec<EnvelopeId>,
}

/// Offers the envelopes of a parcel to a node, one after the other, and packs the proofs of their receipts. A run that was
/// stopped is begun again: what was ordered before has its receipt. Behind a change without a verdict no other of its
/// author and domain is offered: they wait for its number.
pub async fn deliver(path: &Path, node: &Client, out: &Path) -> Result<Delivered, ParcelError> {
    let group = node.renewed().status().await?.group;
    let open = || Parcel::open(path)?.of_kind(Kind::Outbox)?.of_group(group, "the node is");
    open()?.each(|number, frame| opened(number, &frame).map(drop).map_err(Ok))?;
    let (mut parcel, mut delivered) = (open()?, Delivered::default());
    let (mut draft, mut stuck) = (Draft::begin(out, &Frame::Receipts { group })?, BTreeSet::new());
    while let Some((number, frame)) = parcel.next_frame()? {
        let (envelope, bytes) = opened(number, &frame).map_err(|why| parcel.unsound(None, why))?;
        let id = envelope.id(&group);
        let why = match offer(node, (&envelope, id), bytes, (&mut stuck, &mut delivered.too_large)).await? {
            Ok(receipt) => {
                delivered.receipts.push(receipt);
                continue;
            }
            Err(why) => cut_words(&why),
        };
        draft.add(&Frame::Unanswered { id: id.0, why: why.clone() })?;
        delivered.unanswered.push((id, why));
    }
    // One certificate covers them all: proofs are asked for when everything is ordered.
    for receipt in &delivered.receipts {
        draft.add(&Frame::Receipt(node.renewed().receipt_proof(&receipt.id).await?))?;
    }
    draft.count()?;
    Ok(delivered)
}

/// The verdict on an envelope, or why there is none.
async fn offer(
    node: &Client,
    (envelope, id): (&Envelope, EnvelopeId),
    bytes: Vec<u8>,
    (stuck, too_large): (&mut BTreeSet<(PublicKey, String)>, &mut Vec<EnvelopeId>),
) -> Result<Result<Receipt, String>, ParcelError> {
    let body = &envelope.body;
    let elsewhere = body.elsewhere().into_iter().map(|(domain, ..)| domain);
    let lines = elsewhere.chain([body.domain.clone()]).map(|domain| (body.author, domain)).collect::<Vec<_>>();
    if let Some((_, domain)) = lines.iter().find(|line| stuck.contains(line)) {
        return Ok(Err(format!("not offered: it comes after a change in {domain} that has no verdict")));
    }
    let mut is_uncertain = false;
    match node.renewed().submit_noting((Some(id), bytes), Level::Sequential, &mut is_uncertain).await {
        Ok(Posted::Verdict(receipt)) if receipt.id == id => Ok(Ok(receipt)),
        Ok(_) => Err(node.garbled("an answer about another envelope").into()),
        Err(ClientError::Refused(problem)) if problem.is_of_pruned_history() => {
            Ok(Err(format!("{MAY_BE_APPLIED}{problem}")))
        }
        Err(ClientError::Refused(problem)) if problem.stage.is_some() => Ok(Err(problem.to_string())),
        Err(error) if error.is_of_size_here() || matches!(error, ClientError::NoAnswer { .. }) => {
            stuck.extend(lines);
            too_large.extend(error.is_of_size_here().then_some(id));
            let may_be_applied = if is_uncertain && !is_apart(node, id).await { MAY_BE_APPLIED } else { "" };
            Ok(Err(format!("{may_be_applied}{error}")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether a node says that an envelope it may have taken is on no lane: it lacks a number before it, or is not there.
async fn is_apart(node: &Client, id: EnvelopeId) -> bool {
    match node.within(LOOKS_FOR).envelope(&id).await {
        Ok(Posted::Verdict(_)) => false,
        Ok(Posted::Ticket(ticket)) => ticket.waits_for.is_some() || ticket.receipt.state == State::Expired,
        Err(error) => {
            matches!(error, ClientError::Refused(problem) if problem.is_unknown())
        }
    }
}

fn opened(number: u64, frame: &Frame) -> Result<(Envelope, Vec<u8>), Wrong> {
    let Frame::Envelope(bytes) = frame else { return Err(Wrong::Misplaced) };
    let envelope = Envelope::decode(bytes, &limits()).map_err(|_| Wrong::Envelope(number))?;
    Ok((envelope, bytes.clone()))
}

/// Receipts that came home.
#[derive(Debug, Clone, Default)]
pub struct Settled {
    /// Receipts that the outbox had waited for.
    pub receipts: Vec<Receipt>,
    /// Receipts that it knew, or that are of envelopes of other keys.
    pub others: u64,
    /// Envelopes that the node did not order, or that may have been applied, with its word: they stay unanswered, as nothing
    /// vouches for the word.
    pub unanswered: Vec<(EnvelopeId, String)>,
    /// Those of them that the owner of the key gives up, and what is based on them: they count as refused, and their numbers are
    /// free.
    pub given_up: Vec<(EnvelopeId, String)>,
}

/// Notes in an outbox the receipts of a parcel, once all of it was checked with the genesis and the epochs that somebody
/// knows, and gives up what its owner names. Says which epochs are known with it.
pub fn settle(
    outbox: &mut Outbox,
    path: &Path,
    (genesis, known): (&Genesis, &Epochs),
    give_up: &[EnvelopeId],
) -> Result<(Settled, Epochs), ParcelError> {
    let group = genesis.group();
    if let Some(theirs) = outbox.group().filter(|theirs| *theirs != group) {
        let whose = "the outbox is".to_owned();
        return Err(ParcelError::OtherGroup { path: path.to_owned(), theirs: group, whose, ours: theirs });
    }
    let open = || Parcel::open(path)?.of_kind(Kind::Receipts)?.of_group(group, "the genesis is");
    let proved = |number, frame| receipt((genesis, known), number, frame).map_err(Ok);
    let (mut epochs, mut unanswered) = (known.clone(), BTreeMap::new());
    open()?.each(|number, frame| {
        match frame {
            Frame::Unanswered { id, why } => drop(unanswered.insert(EnvelopeId(id), why)),
            frame => epochs = epochs.joined(proved(number, frame)?.1.steps()).map_err(|why| Ok(why.into()))?,
        }
        Ok(())
    })?;
    let may_be_applied = |id| unanswered.get(id).filter(|why: &&String| why.starts_with(MAY_BE_APPLIED));
    let hang = outbox.based_on(give_up);
    if let Some((id, why)) = give_up.iter().chain(&hang).find_map(|id| Some((id, may_be_applied(id)?))) {
        let advice = "it is not given up; deliver it again, or to a member that keeps more";
        return Err(ParcelError::Nothing(format!("{id} {why}; {advice}")));
    }
    // An earlier run, which may have been stopped, has given some of them up.
    let may_go = |entry: &Entry| entry.answer.is_none() || is_given_up(entry);
    if let Some(id) = give_up.iter().find(|id| !unanswered.contains_key(id) || !outbox.find(id).is_some_and(may_go)) {
        let what =
            format!("{} does not say that {id} was not ordered, or the key does not wait for it", path.display());
        return Err(ParcelError::Nothing(what));
    }
    let mut settled = Settled::default();
    open()?.each(|number, frame| {
        match frame {
            Frame::Unanswered { id, why } => {
                let id = EnvelopeId(id);
                if !give_up.contains(&id) {
                    settled.unanswered.push((id, why));
                } else if outbox.find(&id).is_some_and(is_given_up) {
                    settled.given_up.push((id, format!("it was given up already: {why}")));
                } else if let Some(name) = outbox.find(&id).map(|entry| entry.name.clone()) {
                    let problem = Problem::new(409, GIVEN_UP, why.clone());
                    outbox.answer(&name, Answer::Gate(problem)).map_err(|error| Err(error.into()))?;
                    settled.given_up.push((id, why));
                }
            }
            frame => {
                let (receipt, _) = proved(number, frame)?;
                // A proved verdict counts before what a gate said.
                let is_open = |entry: &&Entry| !matches!(entry.answer, Some(Answer::Verdict(_)));
                let waiting = outbox.find(&receipt.id).filter(is_open);
                match waiting.map(|entry| entry.name.clone()) {
                    Some(name) => {
                        let answered = outbox.answer(&name, Answer::Verdict(receipt.clone()));
                        answered.map_err(|error| Err(error.into()))?;
                        settled.receipts.push(receipt);
                    }
                    None => settled.others += 1,
                }
            }
        }
        Ok(())
    })?;
    let hang = outbox.based_on(give_up);
    for name in hang.iter().filter_map(|id| Some(outbox.find(id)?.name.clone())).collect::<Vec<_>>() {
        outbox.answer(&name, Answer::Gate(Problem::new(409, GIVEN_UP, BASED_ON_IT)))?;
    }
    settled.unanswered.retain(|(id, _)| !hang.contains(id));
    settled.given_up.extend(hang.into_iter().map(|id| (id, BASED_ON_IT.to_owned())));
    Ok((settled, epochs))
}

fn is_given_up(entry: &Entry) -> bool {
    matches!(&entry.answer, Some(Answer::Gate(problem)) if problem.code == GIVEN_UP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_ledger::keys::Purpose;
    use quorate_ledger::{Base, Body, Change, DomainRules, Enrolment, FORMAT, GenesisFile, Limits, Mode, Op, Revision};
    use quorate_pbft::{Constants, Digest, Ed25519Signer, Signer as _};
    use std::path::PathBuf;
    use tempfile::TempDir;

    fn signer(number: u8) -> Ed25519Signer {
        Ed25519Signer::from_seed(&[number; 32])
    }

    fn genesis() -> Genesis {
        let file = GenesisFile {
            format: FORMAT.into(),
            name: "carried".into(),
            rules: None,
            restarted_from: None,
            organisations: vec!["org".into()],
            members: (1..=4).map(|number| Enrolment::prove(Purpose::Member, "org", &signer(number))).collect(),
            authors: vec![Enrolment::prove(Purpose::Author, "org", &signer(9))],
            domains: vec![DomainRules::open("main")],
            constants: Constants::default(),
            limits: Limits::default(),
        };
        Genesis::build(file).expect("a good genesis")
    }

    /// Outbox with two changes that a node did not order, and the parcel that says so.
    fn two_unordered() -> (TempDir, Outbox, [EnvelopeId; 2], PathBuf) {
        two_without_a_verdict("no room")
    }

    /// The same, with the node's word on each.
    fn two_without_a_verdict(why: &str) -> (TempDir, Outbox, [EnvelopeId; 2], PathBuf) {
        let (folder, group) = (tempfile::tempdir().expect("a folder"), genesis().group());
        let mut outbox = Outbox::open(&folder.path().join("a.key")).expect("an outbox");
        outbox.enter(group).expect("its first group");
        let ids = [1, 2].map(|number| {
            let envelope = change(number, Base::Revision(Revision::GENESIS), group);
            outbox.keep(&group, &envelope).expect("a disk");
            envelope.id(&group)
        });
        let home = folder.path().join("receipts");
        let mut draft = Draft::begin(&home, &Frame::Receipts { group }).expect("a disk");
        for id in ids {
            draft.add(&Frame::Unanswered { id: id.0, why: why.into() }).expect("a disk");
        }
        draft.count().expect("a disk");
        (folder, outbox, ids, home)
    }

    fn settled(outbox: &mut Outbox, home: &Path, give_up: &[EnvelopeId]) -> Result<Settled, ParcelError> {
        let known = Epochs::of(&genesis());
        settle(outbox, home, (&genesis(), &known), give_up).map(|(settled, _)| settled)
    }

    fn change(number: u64, base: Base, group: Digest) -> Envelope {
        let op = Op::Put { path: "a".into(), mode: Mode::File, content: quorate_client::content::digest(b"x") };
        let body = Body {
            author: signer(9).public_key(),
            domain: "main".into(),
            from_seq: number,
            to_seq: number,
            attempt: 1,
            changes: vec![Change::new(base, vec![op], "", 0)],
            carried: vec![],
        };
        Envelope::sign(&group, body, vec![b"x".to_vec()], &signer(9))
    }

    #[test]
    fn a_run_that_was_stopped_between_two_changes_that_it_gives_up_is_run_again() {
        let (_folder, mut outbox, [first, second], home) = two_unordered();
        settled(&mut outbox, &home, &[first]).expect("as far as the run came");

        let settled = settled(&mut outbox, &home, &[first, second]).expect("it goes on");

        assert_eq!(settled.given_up.len(), 2);
        assert!(outbox.unanswered().is_empty());
    }

    #[test]
    fn what_hangs_on_a_change_that_is_given_up_is_given_up_and_named_with_it() {
        let (_folder, mut outbox, [first, second], home) = two_unordered();
        let keep = |outbox: &mut Outbox, number, base| {
            let envelope = change(number, Base::Envelope(base), genesis().group());
            outbox.keep(&genesis().group(), &envelope).expect("a disk");
            envelope.id(&genesis().group())
        };
        let third = keep(&mut outbox, 3, first);
        let fourth = keep(&mut outbox, 4, third);
        assert_eq!((outbox.based_on(&[first]), outbox.based_on(&[second])), (vec![third, fourth], vec![]));

        let settled = settled(&mut outbox, &home, &[first]).expect("it waits");

        let given_up: Vec<EnvelopeId> = settled.given_up.iter().map(|(id, _)| *id).collect();
        assert_eq!(given_up, [first, third, fourth]);
        assert_eq!(settled.given_up[2].1, BASED_ON_IT);
        assert_eq!(outbox.newest_unanswered("main", 5), Some(second), "nothing new is based on them");
    }

    #[test]
    fn what_is_given_up_already_is_told_so() {
        let (_folder, mut outbox, ids, home) = two_unordered();
        settled(&mut outbox, &home, &ids).expect("both wait");

        let settled = settled(&mut outbox, &home, &ids).expect("a run that is given again");

        let is_told = |(_, why): &(EnvelopeId, String)| why == "it was given up already: no room";
        assert!(settled.given_up.len() == 2 && settled.given_up.iter().all(is_told), "{settled:?}");
    }

    #[test]
    fn what_has_a_verdict_is_not_given_up() {
        let (_folder, mut outbox, [first, _], home) = two_unordered();
        let name = outbox.find(&first).expect("it waits").name.clone();
        let refused = Answer::Gate(Problem::refused(422, "structure", "malformed", ""));
        outbox.answer(&name, refused).expect("a disk");

        assert!(matches!(settled(&mut outbox, &home, &[first]), Err(ParcelError::Nothing(_))));
    }

    #[test]
    fn what_may_have_been_applied_is_not_given_up() {
        let word = format!("{MAY_BE_APPLIED}history-pruned: history begins with slot 90");
        let (_folder, mut outbox, [first, _], home) = two_without_a_verdict(&word);

        let refused = settled(&mut outbox, &home, &[first]).expect_err("it would be written twice");

        assert!(refused.to_string().contains(&format!("{first} {word}")), "{refused}");
        assert_eq!(outbox.unanswered().len(), 2);
    }
}
