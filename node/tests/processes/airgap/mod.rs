//! Decisions of a group, in files to a place without a network, and changes from there back.

mod changes;
mod damage;
mod folders;
mod history;

use crate::governance::{text, word};
use crate::group::{Group, eventually};
use crate::http;
use quorate_ledger::Genesis;
use quorate_ledger::proof::Epochs;
use quorate_pbft::{Digest, SeqNum, hash};
use quorate_service::parcel::{self, Draft, Frame, Parcel, ParcelError, TAG, Verified, Wrong};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");

pub fn says(args: &[&str]) -> Output {
    let mut command = Command::new(QUORATE);
    command.args(args).env_remove("QUORATE_NODE").env_remove("QUORATE_TOKEN").env_remove("QUORATE_KEY");
    command.output().expect("quorate runs")
}

pub fn told(args: &[&str]) -> Value {
    ended(args, 0)
}

/// The document of a command that ends with this code.
fn ended(args: &[&str], code: i32) -> Value {
    let output = says(&[args, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The words of a command that must not succeed.
pub fn refused(args: &[&str], code: i32) -> String {
    let output = says(args);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Checks a parcel as somebody does who knows the genesis alone.
#[allow(clippy::result_large_err)] // as the function does that it calls
fn verify(path: &Path, genesis: &Genesis) -> Result<Verified, ParcelError> {
    parcel::verify(path, (genesis, &Epochs::of(genesis)), |_| ()).map(|(verified, _)| verified)
}

/// A group with files, and paths in its folder.
pub struct Desk {
    pub group: Group,
    pub genesis: String,
    pub node: String,
}

impl Desk {
    pub fn with_files(count: usize) -> Self {
        let mut group = Group::running(4);
        let receipts = (0..count).map(|number| group.put(number % 4, &format!("file-{number}"), "kept"));
        let last = receipts.last().expect("a file");
        let slot = word(&last, "revision").split('.').next().and_then(|slot| slot.parse::<u64>().ok()).expect("a slot");
        let signed = || group.status(0)["stable_checkpoint"]["seq"].as_u64().filter(|seq| *seq >= slot);
        eventually("replica 0 has a signed state of them all", signed);
        let (genesis, node) = (text(&group.dir().join("genesis.json")).to_owned(), format!("http://{}", group.api(0)));
        Self { group, genesis, node }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.group.dir().join(name)
    }

    pub fn export(&self, from: u64, name: &str) -> Value {
        let (out, from) = (self.path(name), from.to_string());
        let args = ["bundle", "export", "--from", &from, "--out", text(&out), "--node", &self.node];
        told(&[&args[..], &["--genesis", &self.genesis]].concat())
    }

    pub fn verify(&self, name: &str) -> Value {
        told(&["bundle", "verify", text(&self.path(name)), "--genesis", &self.genesis])
    }

    pub fn import(&self, name: &str, dir: &str) -> Value {
        let (file, dir) = (self.path(name), self.path(dir));
        told(&["bundle", "import", text(&file), "--dir", text(&dir), "--genesis", &self.genesis])
    }

    /// Leavings of an earlier run: others cannot read it.
    fn leave(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).expect("our folder");
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).expect("our file");
    }

    fn trusted(&self) -> Genesis {
        Genesis::parse(&fs::read(&self.genesis).expect("a file")).expect("a genesis")
    }

    fn why(&self, name: &str) -> Wrong {
        match verify(&self.path(name), &self.trusted()) {
            Err(ParcelError::Unsound { why, .. }) => why,
            other => panic!("{name}: {other:?}"),
        }
    }

    /// The first frame of a parcel of slots, and the others.
    fn frames(&self, name: &str) -> (Frame, Vec<Frame>) {
        let mut parcel = Parcel::open(&self.path(name)).expect("a parcel");
        let mut frames = Vec::new();
        while !matches!(frames.last(), Some(Frame::End(_))) {
            frames.extend(parcel.next_frame().expect("a frame").map(|(_, frame)| frame));
        }
        (parcel.head.clone(), frames)
    }

    /// First slot after this one that orders bundles; slots may order none (N7).
    fn slot_with_bundles_after(&self, slot: u64) -> u64 {
        self.export(slot + 1, "later");
        let (_, frames) = self.frames("later");
        let full = frames.windows(2).find_map(|pair| match pair {
            [Frame::Slot(decision), Frame::Bundle(_)] => Some(decision.certificate.seq.get()),
            _ => None,
        });
        full.expect("a slot of a file")
    }

    /// A parcel of these frames, with hashes that fit.
    fn forge(&self, name: &str, head: &Frame, frames: &[Frame]) {
        let mut draft = Draft::begin(&self.path(name), head).expect("our folder");
        frames.iter().for_each(|frame| draft.add(frame).expect("our folder"));
        draft.end().expect("our folder");
    }
}

/// An observer that hears nobody.
struct Site {
    child: Child,
    api: SocketAddr,
}

impl Site {
    fn serving(desk: &Desk, dir: &str) -> Self {
        let api = desk.group.api(4);
        let mut command = Command::new(QUORATE);
        command.args(["observe", "--dir", text(&desk.path(dir)), "--api", &api.to_string(), "--log", "warn"]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("quorate runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("a line");
        assert!(line.starts_with("ready "), "{line:?}");
        Self { child, api }
    }

    fn node(&self) -> String {
        format!("http://{}", self.api)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
