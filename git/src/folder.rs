//! Folders in the making: files put and deleted by path, and written as git's trees where they changed.

use std::collections::BTreeMap;

use gix::ObjectId;
use gix::objs::Tree;
use gix::objs::tree::{Entry, EntryKind};

use super::GitError;
use super::writer::Writer;

/// A folder, with its id if it has not changed since it was written.
#[derive(Default)]
pub(super) struct Folder {
    nodes: BTreeMap<Vec<u8>, Node>,
    id: Option<ObjectId>,
}

enum Node {
    File(EntryKind, ObjectId),
    Folder(Folder),
}

impl Folder {
    /// The path holds this file from now on; folders on the way are made.
    pub fn put(&mut self, path: &[u8], kind: EntryKind, id: ObjectId) {
        self.id = None;
        let Some((name, rest)) = split(path) else {
            self.nodes.insert(path.to_owned(), Node::File(kind, id));
            return;
        };
        let node = self.nodes.entry(name.to_owned()).or_insert_with(|| Node::Folder(Self::default()));
        if let Node::File(..) = node {
            *node = Node::Folder(Self::default());
        }
        if let Node::Folder(inner) = node {
            inner.put(rest, kind, id);
        }
    }

    /// The path holds no file from now on. Folders that hold nothing go too, as git has none.
    pub fn delete(&mut self, path: &[u8]) {
        self.id = None;
        let Some((name, rest)) = split(path) else {
            if let Some(Node::File(..)) = self.nodes.get(path) {
                self.nodes.remove(path);
            }
            return;
        };
        let Some(Node::Folder(inner)) = self.nodes.get_mut(name) else { return };
        inner.delete(rest);
        if inner.nodes.is_empty() {
            self.nodes.remove(name);
        }
    }

    /// Writes the folder and those in it.
    pub fn write(&mut self, writer: &Writer) -> Result<ObjectId, GitError> {
        if let Some(id) = self.id {
            return Ok(id);
        }
        let mut tree = Tree::default();
        for (name, node) in &mut self.nodes {
            let (kind, oid) = match node {
                Node::File(kind, id) => (*kind, *id),
                Node::Folder(inner) => (EntryKind::Tree, inner.write(writer)?),
            };
            tree.entries.push(Entry { mode: kind.into(), filename: name.as_slice().into(), oid });
        }
        tree.entries.sort();
        let id = writer.tree(&tree)?;
        self.id = Some(id);
        Ok(id)
    }
}

/// The first name of a path and what is left; none for a name alone.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = path.iter().position(|byte| *byte == b'/')?;
    Some((&path[..end], &path[end + 1..]))
}
