//! Versions of files in the group's order.

use super::{Act, Anomaly, Breach, History, Operation, Place};
use std::collections::BTreeMap;

/// Rank of a version in its file: 0 where nothing stands, then 1, 2, 3.
pub(super) type Rank = usize;

/// Versions that a session has seen at least, by file.
pub(super) type Floor = BTreeMap<usize, Rank>;

/// Versions of a history.
pub(super) struct Versions {
    ranks: BTreeMap<u64, (usize, Rank)>,
    by_file: BTreeMap<usize, Vec<Place>>,
    places: BTreeMap<u64, Place>,
}

impl Versions {
    /// Ranks the versions that have a place.
    pub(super) fn of(history: &History) -> Self {
        let mut placed: BTreeMap<usize, Vec<(Place, u64)>> = BTreeMap::new();
        for one in &history.operations {
            let Act::Write { file, version } = one.act else { continue };
            let Some(place) = history.places.get(&version) else { continue };
            placed.entry(file).or_default().push((*place, version));
        }
        placed.values_mut().for_each(|versions| versions.sort_unstable());
        let ranked = placed.iter().flat_map(|(file, versions)| {
            versions.iter().zip(1..).map(move |((_, version), rank)| (*version, (*file, rank)))
        });
        let ranks = ranked.collect();
        let by_file = placed.into_iter().map(|(file, all)| (file, all.into_iter().map(|(place, _)| place).collect()));
        Self { ranks, by_file: by_file.collect(), places: history.places.clone() }
    }

    /// Place of a version; none while it is not applied.
    pub(super) fn place(&self, version: u64) -> Option<Place> {
        self.places.get(&version).copied()
    }

    /// Rank of a version in its file; none while it is not applied.
    pub(super) fn rank(&self, version: u64) -> Option<Rank> {
        self.ranks.get(&version).map(|(_, rank)| *rank)
    }

    /// Rank of what a read showed; a breach where nobody wrote that there.
    pub(super) fn shown(&self, read: &Operation, file: usize, shown: Option<u64>) -> Result<Rank, Breach> {
        let Some(version) = shown else { return Ok(0) };
        match self.ranks.get(&version) {
            Some((of, rank)) if *of == file => Ok(*rank),
            _ => {
                let what = format!("{read:?} shows what was never applied there");
                Err(Breach { anomaly: Anomaly::FromTheFuture, what })
            }
        }
    }

    /// Rank of the newest version of a file after a slot.
    pub(super) fn newest(&self, file: usize, slot: u64) -> Rank {
        self.by_file.get(&file).map_or(0, |places| places.partition_point(|place| place.0 <= slot))
    }

    /// Files that have a version.
    pub(super) fn files(&self) -> impl Iterator<Item = (usize, Rank)> + '_ {
        self.by_file.iter().map(|(file, places)| (*file, places.len()))
    }
}

/// Raises what must be seen of a file.
pub(super) fn raise(floor: &mut Floor, file: usize, rank: Rank) {
    let least = floor.entry(file).or_default();
    *least = rank.max(*least);
}

/// Raises a floor to another.
pub(super) fn join(floor: &mut Floor, other: &Floor) {
    other.iter().for_each(|(file, rank)| raise(floor, *file, *rank));
}
