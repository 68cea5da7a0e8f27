//! Common ancestors: a pure function of the commit graph.

use gix::ObjectId;
use gix::hashtable::HashSet;

/// Common ancestors of two commits that are ancestors of no other one, by name; none where the histories share nothing.
///
/// A commit counts as its own ancestor. Walks each commit that either can reach at most three times.
pub(super) fn merge_bases<E>(
    a: ObjectId,
    b: ObjectId,
    mut parents: impl FnMut(ObjectId) -> Result<Vec<ObjectId>, E>,
) -> Result<Vec<ObjectId>, E> {
    let reach = walk(vec![a], &mut parents, |_| false)?;
    let seen = walk(vec![b], &mut parents, |id| reach.contains(&id))?;
    let mut common: Vec<ObjectId> = seen.into_iter().filter(|id| reach.contains(id)).collect();
    let mut above = Vec::new();
    for id in &common {
        above.extend(parents(*id)?);
    }
    let above = walk(above, &mut parents, |_| false)?;
    common.retain(|id| !above.contains(id));
    common.sort_unstable();
    Ok(common)
}

/// Commits that can be reached, those behind an end left out.
fn walk<E>(
    mut pending: Vec<ObjectId>,
    parents: &mut impl FnMut(ObjectId) -> Result<Vec<ObjectId>, E>,
    is_end: impl Fn(ObjectId) -> bool,
) -> Result<HashSet<ObjectId>, E> {
    let mut seen = HashSet::default();
    while let Some(id) = pending.pop() {
        if seen.insert(id) && !is_end(id) {
            pending.extend(parents(id)?);
        }
    }
    Ok(seen)
}
