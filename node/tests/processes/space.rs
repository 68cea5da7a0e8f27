//! Space on the disk: a replica without room for new changes, a full disk, and compaction.

use crate::governance::{author, run, says, text, word};
use crate::group::{Group, copy_folder, eventually};
use quorate_service::health::NoRoom;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// Bytes of the small disk: less than a ballast wants, and little to fill.
const SMALL_DISK: &str = "size=64m";

/// Sets a key of a replica's configuration before its start.
fn set(group: &Group, replica: usize, key: &str, value: &str) {
    let file = group.dir().join(format!("replica-{replica}/config.toml"));
    let text = fs::read_to_string(&file).expect("a configuration");
    let rest = text.lines().filter(|line| !line.starts_with(key)).collect::<Vec<_>>().join("\n");
    fs::write(&file, format!("{key} = \"{value}\"\n{rest}\n")).expect("our file");
}

/// Evidence of an issue of a replica, while there is one.
fn evidence(group: &Group, replica: usize, id: &str) -> Option<String> {
    let told = group.get(replica, "/v1/issues").json();
    let issue = told["items"].as_array().expect("a list").iter().find(|issue| issue["id"] == id)?;
    Some(issue["evidence"].as_str().expect("words").to_owned())
}

#[test]
fn a_replica_over_its_quota_takes_no_new_change_and_goes_on_with_all_else() {
    let mut group = Group::init(4);
    set(&group, 3, "space_quota", "1MiB");
    group.start_all();
    (0..4).for_each(|file| drop(group.put(0, &format!("before-{file}"), &"long ".repeat(80_000))));
    eventually("the issue", || evidence(&group, 3, "disk-full"));

    let envelope = group.envelope("a", "1");
    let refused = group.offer(3, &envelope);
    assert_eq!(refused.status, 507, "{}", refused.text());
    let problem = refused.json();
    assert_eq!(problem["code"], "disk-full");
    assert!(problem["detail"].as_str().is_some_and(|words| words.contains(NoRoom::ADVICE)), "{problem}");

    assert_eq!(group.offer(0, &envelope).status, 200, "another replica takes the same bytes");
    eventually("it executes what others take", || (group.file(3, "a", "sequential").status == 200).then_some(()));
    assert_eq!(group.offer(3, &envelope).status, 200, "the receipt of a change that has one");
    assert_eq!(group.status(3)["mode"], "active");
    group.kill(0);
    let other = group.envelope("b", "1");
    assert_eq!(group.offer(1, &other).status, 200, "its vote is one of the three that are left");

    assert_eq!(group.stop(3), Some(0));
    set(&group, 3, "space_quota", "1GiB");
    group.start(3);
    group.await_mode(3, "active");
    group.put(3, "c", "1");
}

#[test]
fn a_replica_whose_log_lies_on_a_full_disk_starts() {
    let mut group = Group::running(4);
    group.kill(3);
    let full = || Stdio::from(File::options().write(true).open("/dev/full").expect("a device"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(["start", "--dir"]).arg(group.dir().join("replica-3")).stdout(full()).stderr(full());
    let mut replica = command.spawn().expect("quorate starts");
    let answers = || std::net::TcpStream::connect(group.api(3)).is_ok();
    let is_active = || answers().then(|| group.status(3)).filter(|status| status["mode"] == "active");
    eventually("it votes", is_active);
    assert!(replica.try_wait().expect("our child").is_none(), "it has ended");
    replica.kill().and_then(|()| replica.wait()).expect("our child");
}

#[test]
fn a_replica_over_its_quota_takes_small_changes_that_bring_no_content() {
    let mut group = Group::init(4);
    set(&group, 3, "space_quota", "1MiB");
    group.start_all();
    (0..4).for_each(|file| drop(group.put(0, &format!("before-{file}"), &"long ".repeat(80_000))));
    eventually("the issue", || evidence(&group, 3, "disk-full"));
    let other = author(&group, 1);
    assert_eq!(word(&says(&group, &other, 3, &["rm", "before-0"], 0), "state"), "applied");
    let file = group.dir().join("genesis.json");
    let put = ["put", "c", text(&file), "--timeout", "2"];
    assert_ne!(run(&group, &other, 3, &put).status.code(), Some(0), "it brings a content");
}

#[test]
fn a_key_whose_change_found_no_room_goes_on_with_small_changes_at_the_same_replica() {
    let mut group = Group::init(4);
    set(&group, 3, "space_quota", "1MiB");
    group.start_all();
    (0..4).for_each(|file| drop(group.put(0, &format!("before-{file}"), &"long ".repeat(80_000))));
    eventually("the issue", || evidence(&group, 3, "disk-full"));
    let (other, file) = (author(&group, 1), group.dir().join("genesis.json"));

    let refused = run(&group, &other, 3, &["put", "c", text(&file), "--timeout", "2"]);

    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(3) && told.contains("disk-full"), "{told}");
    assert!(told.contains("nothing was taken there"), "{told}");
    assert_eq!(word(&says(&group, &other, 3, &["rm", "before-0", "--timeout", "8"], 0), "state"), "applied");
}

/// A disk in memory, in a mount namespace that ends with its keeper.
struct SmallDisk {
    keeper: Child,
    at: PathBuf,
}

impl SmallDisk {
    /// None where this machine lets nobody mount.
    fn mount(below: &Path) -> Option<Self> {
        let folder = below.join("small-disk");
        fs::create_dir(&folder).expect("our folder");
        let script = format!("mount -t tmpfs -o {SMALL_DISK} small \"$0\" && echo mounted && exec sleep 900");
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script]).arg(&folder).stdout(Stdio::piped());
        let mut keeper = command.spawn().ok()?;
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().expect("it is piped")).read_line(&mut line).expect("a line");
        let at = PathBuf::from(format!("/proc/{}/root", keeper.id())).join(folder.strip_prefix("/").expect("absolute"));
        let disk = Self { keeper, at };
        if line.trim() == "mounted" { Some(disk) } else { None }
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }

    /// Takes all that is left.
    fn fill(&self) {
        let mut filler = File::options().append(true).create(true).open(self.filler()).expect("the small disk");
        let zeros = [0; 4_096];
        let full = (0..).find_map(|_| filler.write_all(&zeros).err()).expect("it is small");
        assert_eq!(full.kind(), ErrorKind::StorageFull);
    }

    fn free(&self) {
        fs::remove_file(self.filler()).expect("it was filled");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// Writes files until a replica says that one of its own writes waits for room; the names of all that were confirmed.
fn write_until_a_write_waits(group: &mut Group, replica: usize) -> Vec<String> {
    let (mut names, text) = (Vec::new(), "text".repeat(50_000));
    eventually("a write that waits", || {
        let name = format!("file-{}", names.len());
        group.put(0, &name, &text);
        names.push(name);
        evidence(group, replica, "disk-full").filter(|words| *words == NoRoom::Full.to_string())
    });
    names
}

#[test]
fn a_replica_on_a_full_disk_waits_starts_and_goes_on_by_itself_once_there_is_room() {
    let mut group = Group::init(4);
    let Some(disk) = SmallDisk::mount(&group.dir()) else {
        eprintln!("SKIPPED: a replica on a full disk, as nothing can be mounted here");
        return;
    };
    let data = disk.at.join("data");
    copy_folder(&group.dir().join("replica-3/data"), &data);
    set(&group, 3, "data", data.to_str().expect("plain characters"));
    group.start_all();
    group.await_mode(3, "active");
    group.put(3, "before", "1");

    disk.fill();
    let names = write_until_a_write_waits(&mut group, 3);
    let envelope = group.envelope("refused", "1");
    assert_eq!(group.offer(3, &envelope).status, 507);
    assert_eq!(group.file(3, "before", "sequential").status, 200, "readers wait for nothing");
    assert_eq!(group.get(3, &format!("/v1/envelopes/{}", "0".repeat(64))).status, 404, "nor who looks for an envelope");

    group.kill(3);
    group.start(3);
    eventually("the issue after a start", || evidence(&group, 3, "disk-full"));
    assert_eq!(group.offer(3, &envelope).status, 507);
    assert_eq!(group.file(3, "before", "sequential").status, 200);

    disk.free();
    group.await_mode(3, "active");
    eventually("the issue is over", || evidence(&group, 3, "disk-full").is_none().then_some(()));
    assert_eq!(group.offer(3, &envelope).status, 200, "it takes changes again");
    for name in names.iter().map(String::as_str).chain(["before", "refused"]) {
        assert_eq!(group.file(3, name, "sequential").status, 200, "{name} was confirmed");
    }
}

fn compact(dir: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(["compact", "--json", "--dir"]).arg(dir).output().expect("quorate runs")
}

#[test]
fn a_stopped_replica_is_compacted_and_a_running_one_is_not() {
    let mut group = Group::running(1);
    let dir = group.dir().join("replica-0");
    let database = dir.join("data/quorate.redb");
    let bytes = || database.metadata().expect("the database").len();
    let mut files = 0;
    for _ in 0..3 {
        // Each fold leaves the pages of the one before dead.
        let folded = bytes();
        eventually("a fold", || {
            group.put(0, &format!("file-{files}"), &"text".repeat(10_000));
            files += 1;
            (bytes() > folded).then_some(())
        });
    }
    let refused = compact(&dir);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stdout).contains("in use"), "{refused:?}");

    assert_eq!(group.stop(0), Some(0));
    let before = bytes();
    let compacted = compact(&dir);
    let told: Value = serde_json::from_slice(&compacted.stdout).expect("JSON");
    let after = bytes();
    assert_eq!((told["before_bytes"].as_u64(), told["after_bytes"].as_u64()), (Some(before), Some(after)), "{told}");
    assert!(after < before, "{told}");

    group.start(0);
    group.await_mode(0, "active");
    (0..files).for_each(|file| assert_eq!(group.file(0, &format!("file-{file}"), "sequential").status, 200));
}
