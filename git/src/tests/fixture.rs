//! Small repositories for tests, and words for what a plan does with them.

use std::cell::Cell;
use std::collections::BTreeMap;

use gix::ObjectId;
use gix::actor::Signature;
use gix::date::Time;
use gix::objs::Tree;
use gix::objs::tree::EntryKind;
use tempfile::TempDir;

use crate::folder::Folder;
use crate::writer::Writer;
use crate::{Base, Operation, Plan, Repository, Step};

/// A bare repository in a folder of its own, which goes with it.
pub struct Fixture {
    dir: TempDir,
    pub writer: Writer,
    clock: Cell<i64>,
}

impl Fixture {
    pub fn new() -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        let writer = Writer::create(&dir.path().join("repo.git")).expect("an empty repository");
        Self { dir, writer, clock: Cell::new(1_700_000_000) }
    }

    pub fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("repo.git")
    }

    pub fn open(&self) -> Repository {
        Repository::open(&self.path()).expect("the repository")
    }

    /// A commit of exactly these plain files; the message is `name`.
    pub fn commit(&self, name: &str, parents: &[ObjectId], files: &[(&str, &str)]) -> ObjectId {
        let files = files.iter().map(|(path, text)| (path.as_bytes(), EntryKind::Blob, text.as_bytes()));
        self.commit_of(name, parents, files)
    }

    /// A commit of exactly these entries; a submodule's content is ignored.
    pub fn commit_of<'a>(
        &self,
        name: &str,
        parents: &[ObjectId],
        files: impl IntoIterator<Item = (&'a [u8], EntryKind, &'a [u8])>,
    ) -> ObjectId {
        let mut root = Folder::default();
        for (path, kind, content) in files {
            let id = match kind {
                EntryKind::Commit => named("submodule"),
                _ => self.writer.blob(content).expect("a blob"),
            };
            root.put(path, kind, id);
        }
        self.commit_folder(name, parents, root.write(&self.writer).expect("a tree"))
    }

    /// A commit of a tree made entry by entry, as broken as it may be.
    pub fn commit_tree(&self, name: &str, parents: &[ObjectId], tree: &Tree) -> ObjectId {
        self.commit_folder(name, parents, self.writer.tree(tree).expect("a tree"))
    }

    /// A commit of a tree that may be none.
    pub fn commit_folder(&self, name: &str, parents: &[ObjectId], tree: ObjectId) -> ObjectId {
        self.clock.set(self.clock.get() + 60);
        let time = Time::new(self.clock.get(), 3600);
        let author = Signature { name: "Ada".into(), email: "ada@example.org".into(), time };
        let id = self.writer.commit(author, tree, parents, name).expect("a commit");
        self.writer.branch("main", id).expect("a branch");
        id
    }
}

/// An id that stands for a name and is no object's.
pub fn named(name: &str) -> ObjectId {
    let mut bytes = [b' '; 20];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    // the tables of ids hash by the first bytes, so these must differ too
    bytes.rotate_left(name.len() % 3);
    ObjectId::from(bytes)
}

/// `+path` for a put, `-path` for a delete.
pub fn edits(operations: &[Operation]) -> Vec<String> {
    let edit = |operation: &Operation| match operation {
        Operation::Put { path, .. } => format!("+{path}"),
        Operation::Delete { path } => format!("-{path}"),
    };
    operations.iter().map(edit).collect()
}

/// Each step of a plan in words; commits are called by their messages.
pub fn told(repository: &Repository, plan: Plan<'_>) -> Vec<String> {
    let name = |id: ObjectId| repository.commit(id).expect("a commit").message;
    let base = |base: Base| match base {
        Base::Genesis => "nothing".to_owned(),
        Base::Revision(id) => format!("revision {}", name(id)),
        Base::Envelope(id) => format!("envelope {}", name(id)),
    };
    let tell = |step: Step| match step {
        Step::Boundary(change) => {
            format!("boundary {}: {}", change.commit.message, edits(&change.operations).join(" "))
        }
        Step::Commit(change) => {
            format!("{} on {}: {}", change.commit.message, base(change.base), edits(&change.operations).join(" "))
        }
        Step::Open(merge) => {
            let sides = merge.sides.iter().map(|side| format!("side {} on {}", side.number, base(side.base)));
            format!("open: {}", sides.collect::<Vec<_>>().join(", "))
        }
        Step::Side { side, change } => {
            let edits = edits(&change.operations).join(" ");
            format!("side {side}: {} on {}: {edits}", change.commit.message, base(change.base))
        }
        Step::Close(closing) => {
            let target: Vec<_> = closing.target.keys().map(String::as_str).collect();
            let change = closing.change;
            format!("close {} on {}, target {}", change.commit.message, base(change.base), target.join(" "))
        }
    };
    plan.map(|step| tell(step.expect("a step"))).collect()
}

/// Text at each path of a commit.
pub fn texts(repository: &Repository, id: ObjectId) -> BTreeMap<String, String> {
    let commit = repository.commit(id).expect("a commit");
    let files = repository.tree(&commit).expect("a tree").files;
    let text = |blob| String::from_utf8_lossy(&repository.content(blob).expect("a content")).into_owned();
    files.into_iter().map(|(path, entry)| (path, text(entry.blob))).collect()
}
