//! Decisions of a group, in files to a place without a network, and changes from there back.

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
    let output = says(&[args, &["--json"]].concat());
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
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

#[test]
fn a_parcel_from_genesis_makes_a_folder_that_serves_and_proves_without_a_network() {
    let desk = Desk::with_files(6);
    let exported = desk.export(0, "all");
    let verified = desk.verify("all");
    assert_eq!((&verified["first"], &verified["last"]), (&Value::from(1), &exported["last"]), "{verified}");
    let imported = desk.import("all", "site");
    assert_eq!(imported["state_root"], verified["state_root"]);
    assert_eq!(imported["certified"], true);

    let (site, proof) = (Site::serving(&desk, "site"), desk.path("proof"));
    let file = http::get(site.api, "/v1/domains/main/files/file-5?level=sequential").expect("an answer");
    assert_eq!(file.text(), "kept");
    let got = says(&["get", "file-5", "--level", "sequential", "--proof", text(&proof), "--node", &site.node()]);
    assert!(got.status.success(), "{got:?}");
    told(&["verify", text(&proof), "--genesis", &desk.genesis]);

    // From there it can go on to a third place.
    let again = desk.path("again");
    told(&["bundle", "export", "--from", "2", "--out", text(&again), "--node", &site.node()]);
    assert_eq!(desk.verify("again")["state_root"], verified["state_root"]);
}

#[test]
fn a_later_parcel_goes_on_where_a_folder_stands_and_one_with_a_gap_names_the_slot_to_ask_for() {
    let mut desk = Desk::with_files(4);
    let first = desk.export(0, "first")["last"].as_u64().expect("a number");
    (0..4).for_each(|number| drop(desk.group.put(number, &format!("later-{number}"), "new")));
    desk.export(first + 1, "rest");
    let begins = desk.verify("rest")["first"].as_u64();
    assert_eq!(begins, Some(first + 1));

    let (rest, early) = (desk.path("rest"), desk.path("early"));
    let args = ["bundle", "import", text(&rest), "--dir", text(&early), "--genesis", &desk.genesis];
    let gap = refused(&args, 1);
    assert!(gap.contains("bundle export --from 1 "), "{gap}");

    desk.import("first", "site");
    let imported = desk.import("rest", "site");
    assert_eq!(imported["before"].as_u64(), Some(first));
    assert_eq!(imported["state_root"], desk.verify("rest")["state_root"]);
    assert_eq!(desk.import("first", "site")["seq"], imported["seq"], "what is known is no harm");
}

#[test]
fn a_parcel_that_reaches_back_is_taken_from_where_the_folder_stands() {
    let mut desk = Desk::with_files(4);
    desk.export(0, "first");
    desk.import("first", "site");
    (0..4).for_each(|number| drop(desk.group.put(number, &format!("later-{number}"), "new")));
    desk.export(2, "most");
    assert_eq!(desk.import("most", "site")["state_root"], desk.verify("most")["state_root"]);
}

#[test]
fn a_parcel_up_to_a_named_slot_ends_there_and_the_next_one_confirms_the_state() {
    let desk = Desk::with_files(6);
    let out = desk.path("part");
    let args = ["bundle", "export", "--from", "0", "--to", "3", "--out", text(&out), "--node", &desk.node];
    assert_eq!(told(&args)["last"], 3);
    let verified = desk.verify("part");
    assert_eq!(verified["last"], 3);
    assert!(verified["certified_seq"].as_u64() >= Some(3), "{verified}");
    assert_eq!(desk.import("part", "site")["seq"], 3);
    desk.export(4, "rest");
    let imported = desk.import("rest", "site");
    assert_eq!((&imported["before"], &imported["certified"]), (&Value::from(3), &Value::from(true)), "{imported}");
}

#[test]
fn a_parcel_that_is_refused_leaves_no_folder_and_a_replicas_folder_takes_none() {
    let desk = Desk::with_files(3);
    desk.export(3, "rest");
    let (file, site, replica) = (desk.path("rest"), desk.path("site"), desk.path("replica-0"));
    refused(&["bundle", "import", text(&file), "--dir", text(&site), "--genesis", &desk.genesis], 1);
    assert!(!site.exists());
    let wrong = refused(&["bundle", "import", text(&file), "--dir", text(&replica)], 2);
    assert!(wrong.contains("is a replica's folder"), "{wrong}");
}

#[test]
fn a_flipped_byte_anywhere_and_a_cut_anywhere_are_found_where_they_are() {
    let desk = Desk::with_files(2);
    desk.export(1, "small");
    let (genesis, whole) = (desk.trusted(), fs::read(desk.path("small")).expect("it was written"));
    let damaged = |bytes: &[u8], place: usize| {
        fs::write(desk.path("damaged"), bytes).expect("our folder");
        match verify(&desk.path("damaged"), &genesis) {
            Err(ParcelError::Unsound { at, .. }) => assert!(at <= place as u64, "byte {place}: found at {at}"),
            other => panic!("byte {place}: {other:?}"),
        }
    };
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        damaged(&bytes, place);
        damaged(&whole[..place], place);
    }
    damaged(&[&whole[..], b"!"].concat(), whole.len());
}

/// A forger of a parcel makes its hashes anew.
#[test]
fn a_parcel_with_any_byte_of_its_parts_forged_is_refused() {
    let desk = Desk::with_files(2);
    desk.export(1, "small");
    let (genesis, parts) = (desk.trusted(), parts_of(&fs::read(desk.path("small")).expect("it was written")));
    for (at, part) in parts.iter().enumerate() {
        for place in 0..part.len() {
            let mut forged = parts.clone();
            forged[at][place] ^= 1 << (place % 8);
            fs::write(desk.path("forged"), sealed(&forged)).expect("our folder");
            let verified = verify(&desk.path("forged"), &genesis);
            assert!(verified.is_err(), "part {at}, byte {place}: {verified:?}");
        }
    }
    fs::write(desk.path("forged"), sealed(&parts)).expect("our folder");
    assert!(verify(&desk.path("forged"), &genesis).is_ok(), "the hashes of a forger fit");
}

/// Parts of a file, without tag, lengths and hashes.
fn parts_of(file: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut parts) = (&file[TAG.len()..], Vec::new());
    while let Some((length, behind)) = rest.split_first_chunk() {
        let (part, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
        parts.push(part.to_vec());
        rest = &behind[32..];
    }
    parts
}

/// A file of these parts.
fn sealed(parts: &[Vec<u8>]) -> Vec<u8> {
    let (mut file, mut hashed) = (TAG.to_vec(), Digest::ZERO);
    for part in parts {
        hashed = hash("quorate/v1/parcel", &(hashed, part));
        file.extend([&(part.len() as u32).to_le_bytes()[..], part, &hashed.0].concat());
    }
    file
}

#[test]
fn damage_ends_with_exit_1_and_the_last_good_slot() {
    let desk = Desk::with_files(4);
    let last = desk.export(0, "all")["last"].as_u64().expect("a number");
    let mut bytes = fs::read(desk.path("all")).expect("it was written");
    let end = bytes.len() - 40; // within the last frame
    bytes[end] ^= 1;
    fs::write(desk.path("all"), &bytes).expect("our folder");
    let (file, site) = (desk.path("all"), desk.path("site"));
    let output = says(&["bundle", "verify", text(&file), "--genesis", &desk.genesis, "--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["last_good"].as_u64(), Some(last), "{document}");
    assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("good up to slot {last}")), "{output:?}");

    let args = ["bundle", "import", text(&file), "--dir", text(&site), "--genesis", &desk.genesis];
    refused(&args, 1);
    fs::write(&file, &bytes[..end]).expect("our folder");
    let cut = refused(&["bundle", "verify", text(&file), "--genesis", &desk.genesis], 1);
    assert!(cut.contains("ends too early") && cut.contains(&format!("good up to slot {last}")), "{cut}");
}

#[test]
fn a_parcel_that_lacks_a_slot_is_refused() {
    let desk = Desk::with_files(4);
    desk.export(1, "all");
    let (head, frames) = desk.frames("all");
    let slots: Vec<usize> =
        frames.iter().enumerate().filter(|(_, frame)| matches!(frame, Frame::Slot(_))).map(|(at, _)| at).collect();
    for pair in slots.windows(2) {
        let thinned = [&frames[..pair[0]], &frames[pair[1]..]].concat();
        desk.forge("thinned", &head, &thinned);
        assert!(matches!(desk.why("thinned"), Wrong::Gap { .. }), "{:?}", desk.why("thinned"));
    }
}

/// The front is where nothing before says where a lane stood.
#[test]
fn a_parcel_that_was_thinned_at_its_front_is_refused() {
    let desk = Desk::with_files(6);
    let from = desk.slot_with_bundles_after(2);
    desk.export(from, "rest");
    let (head, frames) = desk.frames("rest");
    let mut thinned = frames.clone();
    let Frame::Slot(first) = &mut thinned[0] else { panic!("a slot follows the first frame") };
    first.from = first.content.cut.iter().map(|(_, tip)| *tip).collect();
    let rest = thinned.iter().skip(1).position(|frame| !matches!(frame, Frame::Bundle(_))).expect("an end");
    assert!(rest > 0, "the slot has bundles");
    let thinned: Vec<Frame> = thinned[..1].iter().chain(&thinned[1 + rest..]).cloned().collect();
    desk.forge("thinned", &head, &thinned);
    let why = desk.why("thinned");
    assert!(matches!(why, Wrong::Order(_) | Wrong::Lane(_)), "{why:?}");

    // Nor do its slots go on from another place than they did.
    desk.export(1, "all");
    let (other, _) = desk.frames("all");
    desk.forge("moved", &other, &frames);
    assert!(matches!(desk.why("moved"), Wrong::Gap { .. }), "{:?}", desk.why("moved"));
}

#[test]
fn each_bundle_of_a_parcel_stands_where_its_slot_names_it() {
    let desk = Desk::with_files(5);
    desk.export(1, "all");
    let (head, frames) = desk.frames("all");
    let bundles: Vec<usize> =
        frames.iter().enumerate().filter(|(_, frame)| matches!(frame, Frame::Bundle(_))).map(|(at, _)| at).collect();
    for at in &bundles {
        let (mut without, mut swapped) = (frames.clone(), frames.clone());
        without.remove(*at);
        desk.forge("without", &head, &without);
        desk.why("without");
        let other = bundles[(bundles.iter().position(|of| of == at).expect("one of them") + 1) % bundles.len()];
        swapped.swap(*at, other);
        desk.forge("swapped", &head, &swapped);
        desk.why("swapped");
    }
}

#[test]
fn another_group_another_genesis_and_another_kind_are_each_told() {
    let (desk, other) = (Desk::with_files(1), Desk::with_files(1));
    desk.export(0, "all");
    other.export(0, "all");
    let (file, site) = (desk.path("all"), desk.path("site"));
    let wrong = refused(&["bundle", "verify", text(&file), "--genesis", &other.genesis], 1);
    assert!(wrong.contains("it is of group") && wrong.contains("this genesis is of"), "{wrong}");
    desk.import("all", "site");
    let theirs = other.path("all");
    let wrong = refused(&["bundle", "import", text(&theirs), "--dir", text(&site)], 1);
    assert!(wrong.contains("is of group") && wrong.contains("the genesis is of"), "{wrong}");
    let wrong = refused(&["bundle", "import", text(&file), "--receipts", text(&desk.path("r"))], 2);
    assert!(wrong.contains("decided slots") && wrong.contains("--dir"), "{wrong}");
    let wrong = refused(&["bundle", "verify", &desk.genesis, "--genesis", &desk.genesis], 1);
    assert!(wrong.contains("no such file that this program reads"), "{wrong}");
}

#[test]
fn an_export_that_was_stopped_goes_on_behind_its_last_whole_slot() {
    let mut desk = Desk::with_files(6);
    desk.export(1, "all");
    let whole = fs::read(desk.path("all")).expect("it was written");
    desk.group.put(0, "later", "new");
    for part in [whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        desk.leave("again.new", &whole[..part]);
        let exported = desk.export(1, "again");
        assert!(exported["resumed_after"].as_u64().is_some_and(|slot| slot > 0), "{part}: {exported}");
        assert_eq!(desk.verify("again")["first"], 1);
        assert!(!desk.path("again.new").exists());
    }
    // What another run left of other slots, or damaged, is not gone on with.
    let (mut damaged, early) = (whole.clone(), whole.len() / 8);
    damaged[early] ^= 1;
    desk.leave("again.new", &damaged);
    assert_eq!(desk.export(1, "again")["resumed_after"], Value::Null);
    desk.leave("again.new", &whole[..whole.len() / 2]);
    fs::set_permissions(desk.path("again.new"), fs::Permissions::from_mode(0o644)).expect("our file");
    assert_eq!(desk.export(1, "again")["resumed_after"], Value::Null, "others could have put it there");
    desk.leave("other.new", &whole);
    assert_eq!(desk.export(3, "other")["resumed_after"], Value::Null);
    assert_eq!(desk.verify("other")["first"], 3);
}

#[test]
fn where_slots_are_forgotten_the_advice_leads_to_a_state_that_slots_go_on_from() {
    let mut desk = Desk::with_files(4);
    let (saved, folder) = (desk.path("saved"), desk.path("replica-3"));
    told(&["snapshot", "export", "--out", text(&saved), "--genesis", &desk.genesis, "--node", &desk.node]);
    desk.group.kill(3);
    fs::remove_dir_all(folder.join("data")).expect("it is there");
    told(&["restore", text(&saved), "--dir", text(&folder)]);
    desk.group.start(3);
    desk.group.await_mode(3, "following");
    let (forgetful, out) = (format!("http://{}", desk.group.api(3)), desk.path("state"));
    for number in 0..3 {
        let receipt = desk.group.put(0, &format!("after-{number}"), "new");
        let (id, proof) = (receipt["id"].as_str().expect("an id"), desk.path("proof"));
        // It proves what came after the copy, although it has no slot from before.
        eventually("a proof of a receipt from a copied replica", || {
            let args = ["receipt", id, "--out", text(&proof), "--node", &forgetful, "--timeout", "5"];
            says(&args).status.success().then_some(())
        });
    }

    let advice = refused(&["bundle", "export", "--from", "1", "--out", text(&desk.path("x")), "--node", &forgetful], 1);
    assert!(advice.contains("quorate bundle snapshot --out FILE --genesis G"), "{advice}");
    told(&["bundle", "snapshot", "--out", text(&out), "--genesis", &desk.genesis, "--node", &forgetful]);
    let stands = desk.verify("state")["seq"].as_u64().expect("a number");
    assert_eq!(desk.import("state", "site")["seq"].as_u64(), Some(stands));

    (0..3).for_each(|number| drop(desk.group.put(number, &format!("later-{number}"), "new")));
    desk.export(stands + 1, "rest");
    assert_eq!(desk.import("rest", "site")["state_root"], desk.verify("rest")["state_root"]);
    let (state, site) = (desk.path("state"), desk.path("site"));
    let older = refused(&["bundle", "import", text(&state), "--dir", text(&site)], 1);
    assert!(older.contains("holds the state of slot"), "{older}");
}

#[test]
fn changes_made_without_a_network_are_ordered_elsewhere_and_their_receipts_come_home() {
    let desk = Desk::with_files(2);
    desk.export(0, "all");
    desk.import("all", "site");
    let (key, edit) = (desk.path("author-org-1.key"), desk.path("edit"));
    let (out, home) = (desk.path("outbox"), desk.path("receipts"));
    {
        let site = Site::serving(&desk, "site");
        for path in ["far", "file-0"] {
            fs::write(&edit, format!("written far away: {path}")).expect("our folder");
            told(&["put", path, text(&edit), "--offline", "--key", text(&key), "--node", &site.node()]);
        }
    }
    fs::write(&edit, "written here meanwhile").expect("our folder");
    let own = desk.path("author-org-0.key");
    told(&["put", "file-0", text(&edit), "--key", text(&own), "--node", &desk.node]);
    assert_eq!(told(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)])["count"], 2);
    assert_eq!(desk.verify("outbox")["count"], 2);

    let args = ["bundle", "import", text(&out), "--receipts", text(&home), "--node", &desk.node];
    let states = |told: &Value| -> Vec<String> {
        let receipts = told["receipts"].as_array().expect("a list");
        receipts.iter().map(|receipt| receipt["state"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let delivered = told(&args);
    assert_eq!(states(&delivered), ["applied", "conflict"], "{delivered}");
    assert_eq!(states(&told(&args)), ["applied", "conflict"], "twice delivered is once ordered");

    let settling = ["bundle", "import", text(&home), "--key", text(&key), "--genesis", &desk.genesis];
    assert_eq!(states(&told(&settling)), ["applied", "conflict"]);
    assert_eq!(states(&told(&settling)), Vec::<String>::new(), "they are known by now");
    let none = refused(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)], 1);
    assert!(none.contains("nothing to pack"), "{none}");
}

/// Signs a change far away; the folder's file `edit` is its content.
fn far(desk: &Desk, path: &str) {
    let (key, edit) = (desk.path("author-org-1.key"), desk.path("edit"));
    fs::write(&edit, format!("far: {path}")).expect("our folder");
    told(&["put", path, text(&edit), "--offline", "--key", text(&key), "--node", &desk.node]);
}

/// Signs a change that is refused where it is ordered: with a base that is named, nobody asks what stands there.
fn rm_nowhere(desk: &Desk, key: &Path) {
    told(&["rm", "nowhere", "--base", "1", "--offline", "--key", text(key), "--node", &desk.node]);
}

#[test]
fn a_refused_change_does_not_keep_the_receipts_of_others_from_going_home() {
    let desk = Desk::with_files(1);
    let (key, out, home) = (desk.path("author-org-1.key"), desk.path("outbox"), desk.path("receipts"));
    far(&desk, "good");
    rm_nowhere(&desk, &key);
    ["waits", "waits-too"].iter().for_each(|path| far(&desk, path));
    told(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)]);

    let args = ["bundle", "import", text(&out), "--receipts", text(&home), "--node", &desk.node, "--timeout", "8"];
    let delivered = told(&args);
    let counts = |told: &Value, list: &str| told[list].as_array().map(Vec::len);
    assert_eq!((counts(&delivered, "receipts"), counts(&delivered, "unanswered")), (Some(2), Some(2)), "{delivered}");

    let settling = ["bundle", "import", text(&home), "--key", text(&key), "--genesis", &desk.genesis];
    let settled = told(&settling);
    assert_eq!((counts(&settled, "receipts"), counts(&settled, "unanswered")), (Some(2), Some(2)), "{settled}");
    let id = settled["unanswered"][1]["id"].as_str().expect("an id").to_owned();
    let given_up = told(&[&settling[..], &["--give-up", &id]].concat());
    assert_eq!((counts(&given_up, "given_up"), counts(&given_up, "unanswered")), (Some(1), Some(1)), "{given_up}");
    assert_eq!(told(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)])["count"], 1);
    let again = told(&[&settling[..], &["--give-up", &id]].concat());
    let why = again["given_up"][0]["why"].as_str().unwrap_or_default();
    assert!(why.starts_with("it was given up already: "), "{again}");
}

/// Changes based on the refused one can only be refused, and so could all that is based on those.
#[test]
fn changes_that_are_signed_far_away_after_a_refused_one_are_based_on_nothing_that_hangs_on_it() {
    let desk = Desk::with_files(1);
    let (key, out, home) = (desk.path("author-org-1.key"), desk.path("outbox"), desk.path("receipts"));
    let round = |count: u64| {
        assert_eq!(told(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)])["count"], count);
        let args = ["bundle", "import", text(&out), "--receipts", text(&home), "--node", &desk.node, "--timeout", "8"];
        let delivered = told(&args);
        told(&["bundle", "import", text(&home), "--key", text(&key), "--genesis", &desk.genesis]);
        delivered
    };
    rm_nowhere(&desk, &key);
    ["hangs", "hangs-too"].iter().for_each(|path| far(&desk, path));
    round(3);

    ["after", "after-too", "after-all"].iter().for_each(|path| far(&desk, path));

    let delivered = round(3);
    let states: Vec<&Value> =
        delivered["receipts"].as_array().expect("a list").iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["applied"; 3], "{delivered}");
}

#[test]
fn a_removal_without_a_network_of_what_does_not_stand_at_the_site_is_not_signed() {
    let desk = Desk::with_files(2);
    let (key, out) = (desk.path("author-org-1.key"), desk.path("outbox"));
    let rm = |path| says(&["rm", path, "--offline", "--key", text(&key), "--node", &desk.node]);

    let mistyped = rm("flie-0");

    let words = String::from_utf8_lossy(&mistyped.stderr).into_owned();
    assert!(mistyped.status.code() == Some(1) && words.contains("nothing was signed"), "{words}");
    refused(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)], 1);
    assert_eq!(rm("file-0").status.code(), Some(0));
}

#[test]
fn a_file_is_written_over_nothing_but_an_older_one_of_its_kind() {
    let desk = Desk::with_files(1);
    let (key, out) = (desk.path("author-org-1.key"), desk.path("outbox"));
    far(&desk, "far");
    told(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)]);
    let kept = fs::read(&out).expect("it was written");
    let (state, genesis) = (["bundle", "snapshot", "--node", &desk.node, "--genesis", &desk.genesis], &desk.genesis);
    let here = refused(&["bundle", "import", text(&out), "--receipts", text(&out), "--node", &desk.node], 2);
    assert!(here.contains("it is left as it was"), "{here}");
    refused(&["bundle", "export", "--from", "1", "--out", text(&out), "--node", &desk.node], 2);
    refused(&[&state[..], &["--out", text(&out)]].concat(), 2);
    refused(&[&state[..], &["--out", genesis]].concat(), 2);
    assert_eq!(fs::read(&out).expect("it is there"), kept);
    told(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)]);
}

#[test]
fn a_receipt_that_was_changed_on_the_way_settles_nothing() {
    let desk = Desk::with_files(1);
    let (key, edit) = (desk.path("author-org-1.key"), desk.path("edit"));
    let (out, home) = (desk.path("outbox"), desk.path("receipts"));
    fs::write(&edit, "far").expect("our folder");
    told(&["put", "far", text(&edit), "--offline", "--key", text(&key), "--node", &desk.node]);
    told(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)]);
    told(&["bundle", "import", text(&out), "--receipts", text(&home), "--node", &desk.node]);

    let mut parcel = Parcel::open(&home).expect("a parcel");
    let Some((_, Frame::Receipt(mut proof))) = parcel.next_frame().expect("a frame") else { panic!("a receipt") };
    let middle = proof.len() / 2;
    proof[middle] ^= 1;
    let mut draft = Draft::begin(&home, &parcel.head).expect("our folder");
    draft.add(&Frame::Receipt(proof)).expect("our folder");
    draft.count().expect("our folder");
    refused(&["bundle", "import", text(&home), "--key", text(&key), "--genesis", &desk.genesis], 1);
    assert_eq!(told(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)])["count"], 1);
}

#[test]
fn a_domains_history_is_checked_and_listed_with_the_genesis_alone() {
    let desk = Desk::with_files(5);
    let out = desk.path("history");
    let args = ["audit", "export", "--domain", "main", "--out", text(&out), "--node", &desk.node];
    assert_eq!(told(&args)["count"], 5);
    let verified = desk.verify("history");
    assert_eq!((&verified["domain"], verified["items"].as_array().map(Vec::len)), (&Value::from("main"), Some(5)));
    assert_eq!(verified["gaps"], Value::Array(Vec::new()));

    let mut parcel = Parcel::open(&out).expect("a parcel");
    let head = parcel.head.clone();
    let mut frames = Vec::new();
    while let Some((_, frame)) = parcel.next_frame().expect("a frame") {
        frames.push(frame);
    }
    // Receipts of one domain are no history of another, nor those of slots outside it.
    for (domain, from) in [("other", 0), ("main", u64::MAX)] {
        let Frame::History { group, .. } = head else { panic!("a history") };
        let moved = Frame::History { group, domain: domain.to_owned(), from: SeqNum::new(from), to: None };
        let mut draft = Draft::begin(&desk.path("moved"), &moved).expect("our folder");
        frames.iter().for_each(|frame| draft.add(frame).expect("our folder"));
        draft.count().expect("our folder");
        let why = desk.why("moved");
        assert!(matches!(why, Wrong::OtherDomain { number: 1, .. } | Wrong::OtherProof(1)), "{domain}: {why:?}");
    }
    assert_eq!(verified["from"], 0);
    let mut draft = Draft::begin(&desk.path("late"), &head).expect("our folder");
    frames.iter().skip(4).for_each(|frame| draft.add(frame).expect("our folder"));
    draft.count().expect("our folder");
    assert_eq!(desk.verify("late")["gaps"].as_array().map(Vec::len), Some(1), "from genesis numbers begin with 1");
    frames.remove(2);
    let mut draft = Draft::begin(&desk.path("thinned"), &head).expect("our folder");
    frames.iter().for_each(|frame| draft.add(frame).expect("our folder"));
    draft.count().expect("our folder");
    assert_eq!(desk.verify("thinned")["gaps"].as_array().map(Vec::len), Some(1), "a number is missing");
    let (file, site) = (desk.path("history"), desk.path("site"));
    let wrong = refused(&["bundle", "import", text(&file), "--dir", text(&site)], 2);
    assert!(wrong.contains("for reading"), "{wrong}");
}
