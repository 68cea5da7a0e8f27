//! Dependencies: every crate that a room depends on is named by a source of that room.

use crate::pure::names;
use crate::sources::{metadata, root, rust_files};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Folders of a room in which a dependency of each kind may be named.
const BUILT: &[&str] = &["src"];
const TESTED: &[&str] = &["src", "tests", "benches", "examples", "measures"];

#[test]
fn every_dependency_is_named_by_a_source_of_its_room() {
    let metadata = metadata();
    let members = metadata["workspace_members"].as_array().expect("members");
    let packages = metadata["packages"].as_array().expect("packages");
    let unnamed: Vec<String> =
        packages.iter().filter(|package| members.contains(&package["id"])).flat_map(unnamed).collect();
    assert!(unnamed.is_empty(), "no source names these; take them out of Cargo.toml: {unnamed:?}");
}

/// Dependencies of a room that none of its sources names, as `room -> crate`.
fn unnamed(package: &Value) -> Vec<String> {
    let room = package["name"].as_str().and_then(|name| name.strip_prefix("quorate-")).expect("a room of ours");
    let (built, tested) = (code(room, BUILT), code(room, TESTED));
    let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
    let is_unnamed = |dependency: &&Value| {
        let word = dependency["name"].as_str().expect("a name").replace('-', "_");
        let code = if dependency["kind"].is_null() { &built } else { &tested };
        !code.iter().any(|line| names(line, &word))
    };
    dependencies.filter(is_unnamed).map(|dependency| format!("{room} -> {}", dependency["name"])).collect()
}

/// Lines of a room's sources without their comments.
fn code(room: &str, folders: &[&str]) -> Vec<String> {
    let folders = folders.iter().map(|folder| format!("{room}/{folder}"));
    let there = folders.filter(|folder| root().join(folder).is_dir());
    let mut files: Vec<PathBuf> = there.flat_map(|folder| rust_files(&folder)).collect();
    let included: Vec<PathBuf> = files.iter().flat_map(|file| included(file)).collect();
    files.extend(included);
    let texts: Vec<String> = files.iter().map(|file| read(file)).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines.map(|line| line.split("//").next().unwrap_or_default().to_owned()).collect()
}

/// Files of other rooms that a file takes in by `#[path = "…"]`.
fn included(file: &Path) -> Vec<PathBuf> {
    let text = read(file);
    let paths = text.lines().filter_map(|line| line.trim().strip_prefix("#[path = \"")?.strip_suffix("\"]"));
    let beside = file.parent().expect("a file stands in a folder");
    let inside = beside.join(file.file_stem().expect("a name"));
    let found = paths.flat_map(|path| [beside.join(path), inside.join(path)]);
    found.filter(|path| path.is_file()).collect()
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).expect("a source file")
}
