//! The files of a room as a tree of modules, and the files that the names in each lead to.
//!
//! A path is followed through modules and re-exports to the file that defines its last name. Methods are not followed:
//! an `impl` in another file than its type makes no arrow from its callers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::names::{Import, declared, defined, imports, paths};
use crate::tokens::{Token, production};

/// Re-exports that are followed one after another.
const HOPS_MAX: usize = 8;

/// Production files of a room; the index of a file stands for it.
pub struct Room {
    /// Name of the library in paths.
    crate_name: String,
    pub files: Vec<File>,
}

/// File of a room, which is a module.
pub struct File {
    /// Path from the folder that holds the room.
    pub path: PathBuf,
    /// File that declares this one with `mod`; none for the root of a crate.
    pub head: Option<usize>,
    children: BTreeMap<String, usize>,
    defined: BTreeSet<String>,
    imports: Vec<Import>,
    /// Paths of two words and more in code.
    paths: Vec<Vec<String>>,
}

/// End of a path: a module, or a name that a file defines.
#[derive(Clone, Copy)]
enum End {
    Module(usize),
    Defined(usize),
}

impl Room {
    /// Reads the library and the program of a room of the workspace `root`.
    pub fn read(root: &Path, name: &str) -> Self {
        let mut room = Self { crate_name: format!("quorate_{name}"), files: Vec::new() };
        for start in ["lib.rs", "main.rs"] {
            let path = Path::new(name).join("src").join(start);
            if root.join(&path).exists() {
                room.add(root, path, None);
            }
        }
        room
    }

    /// Reads a file and those that it declares.
    fn add(&mut self, root: &Path, path: PathBuf, head: Option<usize>) -> usize {
        let text = std::fs::read_to_string(root.join(&path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let (index, tokens, folder) = (self.files.len(), production(&text), folder_of(&path));
        self.files.push(File::read(path, head, &tokens));
        for name in declared(&tokens) {
            let flat = folder.join(format!("{name}.rs"));
            let deep = folder.join(&name).join("mod.rs");
            let child = self.add(root, if root.join(&flat).exists() { flat } else { deep }, Some(index));
            self.files[index].children.insert(name, child);
        }
        index
    }

    /// For each file the other files that its names lead to.
    pub fn arrows(&self) -> Vec<BTreeSet<usize>> {
        let of_file = |from: usize| {
            let file = &self.files[from];
            let imports = file.imports.iter().filter_map(move |import| match self.follow(from, &import.path, 0)? {
                End::Module(to) => import.is_glob().then_some(to),
                End::Defined(to) => Some(to),
            });
            let paths = file.paths.iter().filter_map(move |path| self.follow(from, path, 0)).map(End::file);
            imports.chain(paths).filter(move |to| *to != from).collect()
        };
        (0..self.files.len()).map(of_file).collect()
    }

    /// Files that the root of the library declares.
    pub fn top(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.head == Some(0))
    }

    /// Walks a path that stands in the file `from`; none if it leaves the room.
    fn follow(&self, from: usize, path: &[String], hops: usize) -> Option<End> {
        let (first, rest) = path.split_first()?;
        let mut end = match first.as_str() {
            "self" => End::Module(from),
            "super" => End::Module(self.files[from].head?),
            "crate" => End::Module(self.root_of(from)),
            _ if *first == self.crate_name => End::Module(0),
            name => self.named(from, name, hops)?,
        };
        for name in rest {
            end = match end {
                End::Module(_) if name == "*" || name == "self" => end,
                End::Module(at) if name == "super" => End::Module(self.files[at].head?),
                End::Module(at) => self.named(at, name, hops).unwrap_or(End::Defined(at)),
                End::Defined(_) => return Some(end),
            };
        }
        Some(end)
    }

    /// Meaning of a name within a module: defined there, a child, imported by name or with all names of another.
    fn named(&self, at: usize, name: &str, hops: usize) -> Option<End> {
        let file = &self.files[at];
        if file.defined.contains(name) {
            return Some(End::Defined(at));
        }
        if let Some(child) = file.children.get(name) {
            return Some(End::Module(*child));
        }
        if hops == HOPS_MAX {
            return None;
        }
        let mut by_name = file.imports.iter().filter(|import| import.name == name && import.path.len() > 1);
        let found = by_name.find_map(|import| self.follow(at, &import.path, hops + 1));
        found.or_else(|| {
            file.imports.iter().filter(|import| import.is_glob()).find_map(|import| {
                match self.follow(at, &import.path, hops + 1)? {
                    End::Module(to) if to != at => self.named(to, name, hops + 1),
                    _ => None,
                }
            })
        })
    }

    fn root_of(&self, mut at: usize) -> usize {
        while let Some(head) = self.files[at].head {
            at = head;
        }
        at
    }
}

impl File {
    fn read(path: PathBuf, head: Option<usize>, tokens: &[Token]) -> Self {
        let (defined, imports, paths) = (defined(tokens), imports(tokens), paths(tokens));
        Self { path, head, children: BTreeMap::new(), defined, imports, paths }
    }
}

impl End {
    fn file(self) -> usize {
        match self {
            Self::Module(at) | Self::Defined(at) => at,
        }
    }
}

/// Folder of the children of a file.
fn folder_of(path: &Path) -> PathBuf {
    match path.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "main" | "mod") => path.parent().expect("a file stands in a folder").to_path_buf(),
        _ => path.with_extension(""),
    }
}
