//! Circles of files: files that need each other can only be read, moved and tested together.
//!
//! A folder's head (`mod.rs`, or the file that declares the child) and its own child may need each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::modules::Room;
use crate::sources::root;

/// Rooms that are held to this.
const ROOMS: &[&str] = &["ledger", "storage", "net", "client", "bench", "git", "service", "node"];

#[test]
fn no_files_need_each_other_but_a_folders_head_and_its_own_child() {
    let found: Vec<String> = ROOMS.iter().flat_map(|name| shown(&Room::read(&root(), name))).collect();
    let advice = "Move the name that both need into a file of its own below them, or next to its only user.";
    assert!(found.is_empty(), "arrows between files stand in circles:\n{}\n{advice}", found.join("\n"));
}

/// Circles of a room, as the shortest way back for each arrow in one, a line each.
fn shown(room: &Room) -> Vec<String> {
    let arrows = room.arrows();
    let show = |circle: Vec<usize>| {
        let names = circle.iter().map(|at| room.files[*at].path.display().to_string());
        format!("  {}", names.collect::<Vec<_>>().join(" → "))
    };
    circles(room, &arrows).into_iter().map(show).collect()
}

/// For each arrow in a circle the shortest such circle; arrows between a head and its own child do not count.
fn circles(room: &Room, arrows: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let is_family = |a: usize, b: usize| room.files[a].head == Some(b) || room.files[b].head == Some(a);
    let all = arrows.iter().enumerate().flat_map(|(from, ends)| ends.iter().map(move |to| (from, *to)));
    let strangers = all.filter(|(from, to)| !is_family(*from, *to));
    strangers.filter_map(|(from, to)| Some([vec![from], way(arrows, to, from)?].concat())).collect()
}

/// Shortest way along the arrows, both ends included.
fn way(arrows: &[BTreeSet<usize>], from: usize, to: usize) -> Option<Vec<usize>> {
    let mut before = BTreeMap::from([(from, from)]);
    let mut reached = vec![from];
    let mut next = 0;
    while let Some(&at) = reached.get(next) {
        for &end in &arrows[at] {
            if before.contains_key(&end) {
                continue;
            }
            before.insert(end, at);
            reached.push(end);
        }
        next += 1;
    }
    let mut way = vec![to];
    while way[way.len() - 1] != from {
        way.push(*before.get(&way[way.len() - 1])?);
    }
    way.reverse();
    Some(way)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Circles of a room with these files below `src`, as indices in the order of their declaration.
    fn found(files: &[(&str, &str)]) -> Vec<Vec<usize>> {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = folder.path().join("room/src").join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
            std::fs::write(path, text).expect("a file is written");
        }
        let room = Room::read(folder.path(), "room");
        circles(&room, &room.arrows())
    }

    #[test]
    fn two_files_that_name_each_other_are_a_circle() {
        let files = [("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B;"), ("b.rs", "pub struct B(super::a::A);")];
        assert_eq!(found(&files), [[1, 2, 1], [2, 1, 2]]);
    }

    #[test]
    fn a_head_and_its_child_may_name_each_other() {
        let files = [("lib.rs", "mod a;"), ("a/mod.rs", "mod b; use b::B; struct A;"), ("a/b.rs", "use super::A;")];
        assert!(found(&files).is_empty());
    }

    #[test]
    fn a_name_that_a_head_only_passes_on_leads_to_the_file_that_defines_it() {
        let head = "mod a; mod b; pub use a::A; pub use b::*;";
        let files = [("lib.rs", head), ("a.rs", "pub struct A;"), ("b.rs", "use crate::A; pub struct B;")];
        assert!(found(&files).is_empty());
        let back = [("lib.rs", head), ("a.rs", "pub struct A(crate::B);"), ("b.rs", "use crate::A; pub struct B;")];
        assert_eq!(found(&back), [[1, 2, 1], [2, 1, 2]]);
    }

    #[test]
    fn children_that_meet_through_their_head_are_a_circle() {
        let head = "mod a; mod b; pub struct Shared; fn f() { b::g() }";
        let files = [("lib.rs", head), ("a.rs", "use super::Shared;"), ("b.rs", "fn g() { crate::a::h() }")];
        assert_eq!(found(&files), [[2, 1, 0, 2]]);
    }
}
