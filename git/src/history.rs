//! Order of the replay: a pure function of the commit graph.

use gix::ObjectId;
use gix::hashtable::{HashMap, HashSet};

/// Base of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Base {
    /// Revision 0, as no commit came before it.
    Genesis,
    /// The revision that this commit's last envelope reached.
    Revision(ObjectId),
    /// The last envelope of this commit, by the same author, in the same side.
    Envelope(ObjectId),
}

/// Commits that go in at one merge under one author, concurrent with what the first-parent line did meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Running number within the history, from 0: by it, authors are dealt out.
    pub number: usize,
    /// Base of the side's first commit; never an envelope.
    pub base: Base,
    /// Its newest commits: one, unless other parents of an octopus merge fork from each other.
    pub tips: Vec<ObjectId>,
}

impl Side {
    /// Which of `authors` signs this side. Author 0 signs the first-parent line, the others take turns.
    ///
    /// With a single author there is no other: 0.
    pub fn author(&self, authors: usize) -> usize {
        if authors < 2 { 0 } else { 1 + self.number % (authors - 1) }
    }
}

/// A commit of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SideCommit {
    /// Which one.
    pub id: ObjectId,
    /// Index into [`Merge::sides`].
    pub side: usize,
    /// Base of the change.
    pub base: Base,
}

/// A merge on the first-parent line that has something to replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// Its sides, in the order of its parents.
    pub sides: Vec<Side>,
    /// The commits of all its sides, parents before children.
    pub commits: Vec<SideCommit>,
}

/// A commit of the first-parent line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineCommit {
    /// Which one.
    pub id: ObjectId,
    /// Merge whose sides must go in before it, if there is one.
    pub merge: Option<Merge>,
}

/// Counts of a history's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Commits of the first-parent line, without the boundary.
    pub line: usize,
    /// Commits of sides.
    pub sides: usize,
    /// Merges that have at least one side.
    pub merges: usize,
    /// Commits above the boundary that are not replayed; their content arrives with a merge.
    pub folded: usize,
}

/// The order in which the commits of one branch are replayed. Holds ids only, no contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The commit whose tree is brought in first, when there is more history than was asked for.
    pub boundary: Option<ObjectId>,
    /// The first-parent line above the boundary, oldest first.
    pub line: Vec<LineCommit>,
    /// Counts of its parts.
    pub counts: Counts,
}

impl History {
    /// Arranges what `tip` can reach, with the newest `commits_max` commits of its first-parent line.
    ///
    /// `parents` gives a commit's parents in order, none for a root. Its errors are passed on. Walks each commit a
    /// bounded number of times, also those below the boundary if there are merges above it.
    pub fn read<E>(
        tip: ObjectId,
        commits_max: usize,
        parents: impl FnMut(ObjectId) -> Result<Vec<ObjectId>, E>,
    ) -> Result<Self, E> {
        let mut reader = Reader { parents, fates: HashMap::default(), counts: Counts::default(), sides: 0 };
        let (boundary, line) = reader.first_parent_line(tip, commits_max)?;
        if let Some(id) = boundary {
            reader.fates.insert(id, Fate::Replayed);
            if line.iter().any(|(_, others)| !others.is_empty()) {
                reader.mark_below(id)?;
            }
        }
        let line = line.into_iter().map(|(id, others)| reader.line_commit(id, &others)).collect::<Result<_, E>>()?;
        Ok(Self { boundary, line, counts: reader.counts })
    }

    /// The same without sides: every commit of another parent is folded.
    pub fn line<E>(
        tip: ObjectId,
        commits_max: usize,
        parents: impl FnMut(ObjectId) -> Result<Vec<ObjectId>, E>,
    ) -> Result<Self, E> {
        let mut reader = Reader { parents, fates: HashMap::default(), counts: Counts::default(), sides: 0 };
        let (boundary, line) = reader.first_parent_line(tip, commits_max)?;
        reader.fates.extend(line.iter().map(|(id, _)| *id).chain(boundary).map(|id| (id, Fate::Replayed)));
        let others: Vec<ObjectId> = line.iter().flat_map(|(_, others)| others.iter().copied()).collect();
        if let Some(id) = boundary.filter(|_| !others.is_empty()) {
            reader.mark_below(id)?;
        }
        reader.walk(&others, &Opening::default())?;
        let line: Vec<_> = line.into_iter().map(|(id, _)| LineCommit { id, merge: None }).collect();
        Ok(Self { boundary, counts: Counts { line: line.len(), ..reader.counts }, line })
    }
}

/// Fate of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Replayed,
    Folded,
    Below,
}

/// Foot of a side's own first-parent line.
enum Foot {
    /// At a commit that was replayed before this merge, or at a root.
    Base(Base),
    /// In another side of the same merge.
    Side(usize),
    /// Below the boundary.
    Below,
}

/// The sides of the merge at hand.
#[derive(Default)]
struct Opening {
    sides: Vec<Side>,
    /// Which commits they replay, and in which side.
    taken: HashMap<ObjectId, usize>,
    /// Whether one of them had been folded before.
    revives: bool,
}

struct Reader<P> {
    parents: P,
    fates: HashMap<ObjectId, Fate>,
    counts: Counts,
    sides: usize,
}

type Line = Vec<(ObjectId, Vec<ObjectId>)>;

impl<P, E> Reader<P>
where
    P: FnMut(ObjectId) -> Result<Vec<ObjectId>, E>,
{
    /// The boundary, and the line above it, oldest first, each commit with its other parents.
    fn first_parent_line(&mut self, tip: ObjectId, commits_max: usize) -> Result<(Option<ObjectId>, Line), E> {
        let mut line = Vec::new();
        let mut next = Some(tip);
        while let Some(id) = next
            && line.len() < commits_max
        {
            let mut parents = (self.parents)(id)?.into_iter();
            next = parents.next();
            line.push((id, parents.collect()));
        }
        line.reverse();
        Ok((next, line))
    }

    fn mark_below(&mut self, boundary: ObjectId) -> Result<(), E> {
        let mut pending = (self.parents)(boundary)?;
        while let Some(id) = pending.pop() {
            if self.fates.insert(id, Fate::Below).is_none() {
                pending.extend((self.parents)(id)?);
            }
        }
        Ok(())
    }

    fn line_commit(&mut self, id: ObjectId, others: &[ObjectId]) -> Result<LineCommit, E> {
        let mut opening = Opening::default();
        for &tip in others {
            self.follow(tip, &mut opening)?;
        }
        let commits = self.walk(others, &opening)?;
        self.fates.insert(id, Fate::Replayed);
        self.counts.line += 1;
        self.counts.sides += commits.len();
        self.counts.merges += usize::from(!commits.is_empty());
        let merge = (!commits.is_empty()).then_some(Merge { sides: opening.sides, commits });
        Ok(LineCommit { id, merge })
    }

    /// Follows the first-parent line of another parent down to what is replayed, and makes a side of it.
    fn follow(&mut self, tip: ObjectId, opening: &mut Opening) -> Result<(), E> {
        let mut commits = Vec::new();
        let mut next = Some(tip);
        let foot = loop {
            let Some(id) = next else {
                break Foot::Base(Base::Genesis);
            };
            match (opening.taken.get(&id), self.fates.get(&id)) {
                (Some(&side), _) => break Foot::Side(side),
                (None, Some(Fate::Replayed)) => break Foot::Base(Base::Revision(id)),
                (None, Some(Fate::Below)) => break Foot::Below,
                (None, Some(Fate::Folded) | None) => commits.push(id),
            }
            next = (self.parents)(id)?.into_iter().next();
        };
        if !commits.is_empty() {
            self.take(tip, commits, foot, opening);
        }
        Ok(())
    }

    fn take(&mut self, tip: ObjectId, commits: Vec<ObjectId>, foot: Foot, opening: &mut Opening) {
        let side = match foot {
            Foot::Below => return,
            Foot::Side(side) => side,
            Foot::Base(base) => {
                opening.sides.push(Side { number: self.sides, base, tips: Vec::new() });
                self.sides += 1;
                opening.sides.len() - 1
            }
        };
        opening.sides[side].tips.push(tip);
        opening.revives |= commits.iter().any(|id| self.fates.contains_key(id));
        opening.taken.extend(commits.into_iter().map(|id| (id, side)));
    }

    /// Visits what the other parents newly reach, parents before children; decides each commit's fate.
    fn walk(&mut self, tips: &[ObjectId], opening: &Opening) -> Result<Vec<SideCommit>, E> {
        let mut replayed = Vec::new();
        let mut seen = HashSet::default();
        for &tip in tips {
            let mut path = Vec::new();
            self.enter(tip, opening, &mut seen, &mut path)?;
            while let Some((_, parents, visited)) = path.last_mut() {
                if let Some(&parent) = parents.get(*visited) {
                    *visited += 1;
                    self.enter(parent, opening, &mut seen, &mut path)?;
                } else if let Some((id, parents, _)) = path.pop() {
                    replayed.extend(self.leave(id, parents.first().copied(), opening));
                }
            }
        }
        Ok(replayed)
    }

    /// Puts a commit on the path unless everything that it reaches has been dealt with.
    fn enter(
        &mut self,
        id: ObjectId,
        opening: &Opening,
        seen: &mut HashSet<ObjectId>,
        path: &mut Vec<(ObjectId, Vec<ObjectId>, usize)>,
    ) -> Result<(), E> {
        let is_open = match self.fates.get(&id) {
            None => true,
            Some(Fate::Folded) => opening.revives,
            Some(Fate::Replayed | Fate::Below) => false,
        };
        if is_open && seen.insert(id) {
            path.push((id, (self.parents)(id)?, 0));
        }
        Ok(())
    }

    fn leave(&mut self, id: ObjectId, first_parent: Option<ObjectId>, opening: &Opening) -> Option<SideCommit> {
        let Some(&side) = opening.taken.get(&id) else {
            self.counts.folded += usize::from(self.fates.insert(id, Fate::Folded).is_none());
            return None;
        };
        let was_folded = self.fates.insert(id, Fate::Replayed) == Some(Fate::Folded);
        self.counts.folded -= usize::from(was_folded);
        let base = match first_parent {
            None => Base::Genesis,
            Some(parent) if opening.taken.contains_key(&parent) => Base::Envelope(parent),
            Some(parent) => Base::Revision(parent),
        };
        Some(SideCommit { id, side, base })
    }
}
