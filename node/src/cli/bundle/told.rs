//! Words of `quorate bundle` about a file, and of one that does not verify.

use super::super::failure::{Exit, Failure, Outcome};
use super::super::print::{self, plain};
use super::super::{clock, copy};
use quorate_client::http::ClientError;
use quorate_client::outbox::OutboxError;
use quorate_ledger::EnvelopeId;
use quorate_pbft::SeqNum;
use quorate_service::parcel::{Listed, MAY_BE_APPLIED, ParcelError, Slots, Verified};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Advice where a node has no slots that a file can hold.
const STATE_INSTEAD: &str = "`quorate bundle snapshot --out FILE --genesis G` packs the group's state instead: `quorate bundle \
                             import` puts it into the folder of an observer, and slots go on from there";

/// Prints the statement of a file that verifies.
pub fn told(file: &Path, verified: &Verified, items: Vec<Value>, as_json: bool) -> Outcome {
    if as_json {
        return Ok(print::json(&document(verified, items))?);
    }
    print::say(format!("verified {}: {}, {}", file.display(), verified.kind, print::size(verified.bytes)))?;
    print::say(format!("group     {}", verified.group))?;
    if let Some(slots) = &verified.slots {
        return Ok(lines(slots).iter().try_for_each(print::say)?);
    }
    print::say(format!("holds     {}", verified.count))?;
    let Some(Listed { domain, from, to, gaps }) = &verified.history else { return Ok(()) };
    print::say(format!("domain    {}", plain(domain)))?;
    print::say(extent(*from, *to))?;
    for gap in gaps {
        print::say(format!("gap       numbers of author {gap} are not in it"))?;
    }
    Ok(())
}

/// Extent of a history: whoever made the file chose it.
fn extent(from: SeqNum, to: Option<SeqNum>) -> String {
    let begin =
        if from.get() <= 1 { "begins at genesis".to_owned() } else { format!("begins at slot {from}, not at genesis") };
    let end = to.map(|to| format!(", ends at slot {to}")).unwrap_or_default();
    format!("extent    {begin}{end}")
}

fn lines(slots: &Slots) -> Vec<String> {
    let signers: Vec<String> = slots.signers.iter().map(ToString::to_string).collect();
    vec![
        format!("slots     {} to {}, {} bundles, no gaps", slots.first, slots.last, slots.bundles),
        format!("lane hash {}", slots.lane_hash),
        format!("state     {} (slot {})", slots.state_root, slots.certified),
        format!("time      {} (ledger time at slot {})", clock::date(slots.time.get()), slots.certified),
        format!("signers   replicas {}", signers.join(", ")),
    ]
}

fn document(verified: &Verified, items: Vec<Value>) -> Value {
    let mut document = json!({
        "verified": true,
        "kind": verified.kind.name(),
        "group": verified.group.to_string(),
        "bytes": verified.bytes,
        "count": verified.count,
    });
    if !items.is_empty() {
        document["items"] = items.into();
    }
    if let Some(slots) = &verified.slots {
        document["first"] = slots.first.get().into();
        document["last"] = slots.last.get().into();
        document["bundles"] = slots.bundles.into();
        document["lane_hash"] = slots.lane_hash.to_string().into();
        document["certified_seq"] = slots.certified.get().into();
        document["state_root"] = slots.state_root.to_string().into();
        document["time"] = slots.time.get().into();
        document["signers"] = slots.signers.iter().map(|signer| signer.get()).collect::<Vec<_>>().into();
        document["gaps"] = json!([]);
    }
    if let Some(Listed { domain, from, to, gaps }) = &verified.history {
        document["domain"] = domain.as_str().into();
        document["from"] = from.get().into();
        document["to"] = to.map(SeqNum::get).into();
        document["gaps"] = gaps.clone().into();
    }
    document
}

/// Tells why a file does not verify, with the last good slot.
pub fn unverified(error: ParcelError, as_json: bool) -> Outcome {
    let ParcelError::Unsound { at, good, .. } = &error else { return Err(failed(error)) };
    if as_json {
        let last_good = good.flatten().map(SeqNum::get);
        print::json(&json!({ "verified": false, "at": at, "last_good": last_good, "detail": error.to_string() }))?;
    }
    Err(Failure::no(format!("does not verify: {}", plain(&error.to_string()))))
}

/// Fate of a change without a receipt, by the word of the node that was asked.
pub fn fate((_, why): &(EnvelopeId, String)) -> &'static str {
    if why.starts_with(MAY_BE_APPLIED) { "unknown" } else { "not ordered" }
}

/// Lines on what becomes of changes that stay unanswered: what may have been applied is not let go of, but its file can be
/// removed. Of each change its file is asked for, and the count of those that are based on it.
pub fn left(
    unanswered: &[(EnvelopeId, String)],
    file: impl Fn(&EnvelopeId) -> Option<PathBuf>,
    based_on: impl Fn(EnvelopeId) -> usize,
) -> Vec<String> {
    let (open, others): (Vec<_>, Vec<_>) = unanswered.iter().partition(|(_, why)| why.starts_with(MAY_BE_APPLIED));
    let open = open.first().map(|(id, _)| {
        let kept = file(id).map_or_else(|| "its file in the outbox".to_owned(), |file| file.display().to_string());
        format!(
            "  {id} may have been applied; deliver it again, or to a member that keeps more: changes without a receipt are packed \
             again. Where no member keeps it, look at the files themselves whether it is there, and remove {kept}"
        )
    });
    let others = others.first().map(|(id, _)| {
        let with = match based_on(*id) {
            0 => String::new(),
            count => format!(", and of {count} that are based on it"),
        };
        format!("  they stay unanswered and are packed again; --give-up {id} lets go of one{with}")
    });
    open.into_iter().chain(others).collect()
}

/// The failure of a command, with what to do next.
pub fn failed(error: ParcelError) -> Failure {
    let what = plain(&error.to_string());
    match error {
        ParcelError::Gap { dir, executed, .. } => Failure::no(what).next(format!(
            "`quorate bundle export --from {} --out FILE` packs what {} lacks",
            executed.next(),
            dir.display()
        )),
        ParcelError::Kind { .. } => {
            Failure::no(what).next("`quorate bundle verify FILE --genesis G` says what a file holds")
        }
        ParcelError::Unsound { .. }
        | ParcelError::OtherGroup { .. }
        | ParcelError::Older { .. }
        | ParcelError::Ended { .. }
        | ParcelError::OtherOrder { .. }
        | ParcelError::Broken { .. }
        | ParcelError::Lacking { .. }
        | ParcelError::Untrue { .. }
        | ParcelError::Nothing(_) => Failure::no(what),
        ParcelError::OtherEpoch { .. } => Failure::no(what).next(STATE_INSTEAD),
        ParcelError::Client(ClientError::Refused(problem)) if problem.code == "history-pruned" => {
            Failure::no(what).next(STATE_INSTEAD)
        }
        ParcelError::Client(error) => error.into(),
        ParcelError::Copy(error) => copy::failed(error),
        ParcelError::Outbox(OutboxError::Busy(_)) => Failure::new(Exit::Unreachable, what),
        ParcelError::Io { .. } | ParcelError::Outbox(_) | ParcelError::Launch(_) | ParcelError::Engine(_) => {
            Failure::met(what)
        }
    }
}

/// The failure of an export of a history: a state alone would not help.
pub fn unlisted(error: ParcelError) -> Failure {
    match error {
        ParcelError::Client(ClientError::Refused(problem)) if problem.code == "history-pruned" => {
            let advice =
                "--from N packs what the node still has, and the file says that it begins there; or ask another node";
            Failure::no(plain(&problem.to_string())).next(advice)
        }
        error => failed(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_pbft::Digest;

    #[test]
    fn what_may_have_been_applied_is_asked_for_elsewhere_and_another_is_let_go_of() {
        let [open, other] = [1, 2].map(|number| EnvelopeId(Digest([number; 32])));
        let all = [(open, format!("{MAY_BE_APPLIED}history-pruned: gone")), (other, "no room".to_owned())];

        let file = |id: &EnvelopeId| (*id == open).then(|| PathBuf::from("a.key.outbox/main-1-1.envelope"));

        let lines = left(&all, file, |_| 3);

        assert_eq!(all.each_ref().map(fate), ["unknown", "not ordered"]);
        assert!(
            lines[0].contains(&open.to_string())
                && lines[0].contains("deliver it again, or to a member that keeps more"),
            "{lines:?}"
        );
        assert!(lines[0].contains("remove a.key.outbox/main-1-1.envelope"), "{lines:?}");
        assert!(lines.len() == 2 && lines[1].contains(&format!("--give-up {other}")), "{lines:?}");
        assert!(lines[1].ends_with("lets go of one, and of 3 that are based on it"), "{lines:?}");
        assert!(left(&all[1..], file, |_| 0)[0].ends_with("lets go of one"));
        assert!(left(&all[..1], file, |_| 3).iter().all(|line| !line.contains("--give-up")));
        assert!(left(&[], file, |_| 3).is_empty());
    }
}
