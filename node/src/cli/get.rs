//! `quorate get`: the bytes of a file, and the proof that they are the group's.

use super::advice;
use super::change::is_folder;
use super::failure::{Failure, Outcome};
use super::file_read::FileRead;
use super::level::Freshness;
use super::output::{self, NEW};
use super::print::{self, plain};
use super::reach::{Reach, Scope};
use quorate_client::api::{AT_HEADER, CONFLICT_HEADER, MODE_HEADER, REVISION_HEADER, named};
use quorate_client::content;
use quorate_client::http::{Answer, Client};
use quorate_ledger::Mode;
use serde_json::json;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// Print the content of a file
#[derive(Debug, clap::Args)]
pub struct Get {
    /// Path in the domain
    path: String,
    /// Write a proof that anybody can check offline: waits for a stable checkpoint and prints the content at it
    #[arg(long, value_name = "FILE", conflicts_with = "at")]
    proof: Option<PathBuf>,
    /// Write to FILE, with its mode, instead of standard output; tells where it replaces another content
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    freshness: Freshness,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    reach: Reach,
}

/// Runs `quorate get`.
pub async fn run(args: &Get) -> Outcome {
    let client = args.reach.client()?;
    let fresh = args.freshness.chosen(&client, &args.scope.domain, &args.path).await?;
    let read = FileRead { domain: &args.scope.domain, path: &args.path, fresh: &fresh };
    let (file, nonce) = match &args.proof {
        Some(proof) => super::proof::get(&read, &client, proof).await?,
        None => match read.content(&client, &fresh.at()).await {
            Ok(file) => (file, None),
            Err(failure) => return Err(folder(args, &client).await.unwrap_or(failure)),
        },
    };
    warn(&args.path, &file);
    let mode = mode(&client, &file)?;
    match &args.out {
        Some(out) => {
            let replaces = stands_otherwise(out, mode, &file.body);
            write(out, mode, &file.body).map_err(|error| Failure::file(out, error))?;
            if replaces {
                tell!("quorate: {} held another content and was replaced", out.display());
            }
        }
        None if !args.reach.json => print::bytes(&file.body)?,
        None => (),
    }
    if args.reach.json {
        print::json(&document(args, mode, &file, nonce.as_deref()))?;
    }
    Ok(())
}

/// A better word about a path at which a folder stands.
async fn folder(args: &Get, client: &Client) -> Option<Failure> {
    let (path, domain) = (plain(&args.path), advice::option(&args.scope.domain));
    let next = format!("`quorate ls {path}{domain}` lists what is in it");
    let is_folder = is_folder(client, &args.scope.domain, &args.path).await;
    is_folder.then(|| Failure::no(format!("{path} is a folder")).next(next))
}

fn warn(path: &str, file: &Answer) {
    if let Some(conflict) = file.header(CONFLICT_HEADER) {
        tell!("quorate: {} is in conflict; this is the last agreed content", plain(path));
        tell!("  `quorate conflicts show {}` tells more", plain(conflict));
    }
}

/// Mode of a file, as its header says.
pub fn mode(client: &Client, file: &Answer) -> Result<Mode, Failure> {
    let name = file.header(MODE_HEADER).unwrap_or_default();
    named(name).ok_or_else(|| client.garbled(format!("`{name}` is no mode")).into())
}

fn document(args: &Get, mode: Mode, file: &Answer, nonce: Option<&str>) -> serde_json::Value {
    json!({
        "domain": args.scope.domain,
        "path": args.path,
        "mode": mode,
        "hash": content::digest(&file.body).to_string(),
        "size": file.body.len(),
        "revision": file.header(REVISION_HEADER),
        "at": file.header(AT_HEADER),
        "conflict": file.header(CONFLICT_HEADER),
        "nonce": nonce,
        "content": std::str::from_utf8(&file.body).ok(),
    })
}

/// Whether something else than this content stands at a place.
fn stands_otherwise(out: &Path, mode: Mode, bytes: &[u8]) -> bool {
    let Ok(found) = fs::symlink_metadata(out) else { return false };
    match mode {
        Mode::Link => !fs::read_link(out).is_ok_and(|link| link.as_os_str().as_bytes() == bytes),
        Mode::File | Mode::Exec => {
            !(found.is_file() && found.len() == bytes.len() as u64 && fs::read(out).is_ok_and(|held| held == bytes))
        }
    }
}

/// Writes a file, an executable or a link, whole or not at all; a pipe or a device takes the bytes as they come, but not by a link:
/// the group may have named its target.
fn write(out: &Path, mode: Mode, bytes: &[u8]) -> io::Result<()> {
    let found = fs::symlink_metadata(out).ok();
    let is_special = found.as_ref().is_some_and(|found| !found.is_file() && !found.is_dir() && !found.is_symlink());
    let is_stream = ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"].iter().any(|place| out.starts_with(place));
    if is_special || is_stream {
        return fs::write(out, bytes);
    }
    let replaced = found.filter(fs::Metadata::is_file).map(|found| found.permissions().mode() & NEW);
    let kept = |extra: fn(u32) -> u32| replaced.map(|bits| fs::Permissions::from_mode(bits | extra(bits)));
    output::put(out, |draft| match mode {
        Mode::Link => symlink(OsStr::from_bytes(bytes), draft),
        Mode::File => output::put_new_as(draft, bytes, NEW, kept(|_| 0)),
        Mode::Exec => output::put_new_as(draft, bytes, 0o777, kept(|bits| (bits & 0o444) >> 2)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileTypeExt as _;

    #[test]
    fn a_pipe_takes_the_bytes_and_stays_a_pipe() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe)
        });

        write(&pipe, Mode::File, b"bytes").expect("it is written");

        assert!(fs::metadata(&pipe).expect("it is there").file_type().is_fifo());
        assert_eq!(reader.join().expect("no panic").expect("it is read"), b"bytes");
    }

    #[test]
    fn a_link_to_a_pipe_or_a_device_is_replaced_and_not_written_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let (pipe, out) = (folder.path().join("pipe"), folder.path().join("out"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
        for target in [Path::new("/dev/full"), pipe.as_path()] {
            write(&out, Mode::Link, target.as_os_str().as_bytes()).expect("the link is made");

            write(&out, Mode::File, b"bytes").expect("the link is replaced");

            assert!(!out.is_symlink());
            assert_eq!(fs::read(&out).expect("it is there"), b"bytes");
            fs::remove_file(&out).expect("our folder");
        }
    }

    #[test]
    fn a_file_that_is_replaced_is_read_by_nobody_else_than_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("out");
        for (before, mode, after) in
            [(0o600, Mode::File, 0o600), (0o640, Mode::Exec, 0o750), (0o755, Mode::File, 0o644)]
        {
            fs::write(&out, "old").expect("our folder");
            fs::set_permissions(&out, fs::Permissions::from_mode(before)).expect("our file");

            write(&out, mode, b"new").expect("it is replaced");

            let found = fs::metadata(&out).expect("it is there").permissions().mode() & 0o777;
            assert_eq!(format!("{found:o}"), format!("{after:o}"), "of {before:o}");
        }
    }
}
