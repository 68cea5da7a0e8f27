//! Eventual, once it is calm: all replicas show the same, and each accepted change is there.

use super::{Act, Anomaly, History, Verdict, Versions, breach};

/// Checks what the replicas show at the end against each other and against all accepted changes.
pub(super) fn check(history: &History) -> Verdict {
    let versions = Versions::of(history);
    let mut shelves = history.shelves.iter();
    let Some((first, shelf)) = shelves.next() else { return Ok(()) };
    if let Some((other, _)) = shelves.find(|(_, other)| *other != shelf) {
        return breach(Anomaly::Divergence, format!("replicas {first} and {other} show different files at the end"));
    }
    for one in history.operations.iter().filter(|one| one.ended.is_some()) {
        match one.act {
            Act::Write { version, .. } if versions.place(version).is_none() => {
                return breach(Anomaly::LostUpdate, format!("{one:?} was accepted and has no place"));
            }
            _ => (),
        }
    }
    versions.files().try_for_each(|(file, newest)| {
        let shown = shelf.get(&file).and_then(|version| versions.rank(*version));
        match shown == Some(newest) {
            true => Ok(()),
            false => breach(Anomaly::LostUpdate, format!("file {file} shows version {shown:?} of {newest} at the end")),
        }
    })
}
