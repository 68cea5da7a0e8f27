//! The workspace as files and as `cargo metadata` sees it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the workspace.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests room stands in the workspace").to_path_buf()
}

/// Output of `cargo metadata`, with all dependencies.
pub fn metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &host()])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// The triple of this machine, so that nothing is fetched for others.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.expect("rustc names its host").to_owned()
}

/// Folders of the workspace that hold a crate.
pub fn rooms() -> Vec<String> {
    let entries = std::fs::read_dir(root()).expect("the workspace").map(|entry| entry.expect("a readable entry"));
    let rooms = entries.filter(|entry| entry.path().join("Cargo.toml").exists());
    let mut rooms: Vec<String> = rooms.map(|room| room.file_name().to_string_lossy().into_owned()).collect();
    rooms.sort();
    rooms
}

/// Rust files below a folder of the workspace.
pub fn rust_files(folder: &str) -> Vec<PathBuf> {
    files(folder, "rs")
}

/// Files with this ending below a folder of the workspace; none if there is no such folder.
pub fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = Some(root().join(folder)).filter(|folder| folder.exists()).into_iter().collect();
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap_or_else(|e| panic!("{}: {e}", next.display())) {
            let path = entry.expect("a readable entry").path();
            match path.extension() {
                _ if path.is_dir() && !path.ends_with("target") => folders.push(path),
                Some(extension) if extension == ending => files.push(path),
                _ => (),
            }
        }
    }
    files.sort();
    files
}
