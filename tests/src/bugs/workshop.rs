//! A copy of the source with a target folder of its own, in which one mistake at a time is planted and built.

use super::Mistake;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The profile of the root manifest that builds fast and still runs fast enough.
const PROFILE: &str = "planted";

/// The copy.
pub struct Workshop {
    root: PathBuf,
    dir: PathBuf,
}

/// The repository around the current folder, else the one that this program was built from.
pub fn repository() -> Result<PathBuf> {
    let here = std::env::current_dir().context("the current folder cannot be read")?;
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"));
    let mut candidates = here.ancestors().chain([built_from]);
    let found = candidates.find(|folder| folder.join("tests/bugs").is_dir() && folder.join("Cargo.toml").is_file());
    Ok(found.context("there is no `tests/bugs` here; run it inside the repository")?.to_path_buf())
}

/// Runs one test of a room, in the repository: code 0 if it passes, and 1 if it does not.
pub fn run_test(room: &str, program: &str, name: &str) -> Result<ExitCode> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--release", "--locked", "--package", &format!("quorate-{room}"), "--test", program]);
    cargo.args(["--", "--exact", name]).current_dir(repository()?);
    let output = cargo.output().context("`cargo` cannot be run")?;
    let said = String::from_utf8_lossy(&output.stdout);
    drop(std::io::stdout().write_all(said.as_bytes())); // its reader may have gone
    match said.lines().any(|line| line == format!("test {name} ... ok")) {
        true if output.status.success() => Ok(ExitCode::SUCCESS),
        _ if said.contains(&format!("test {name} ... ")) => Ok(ExitCode::FAILURE),
        _ => bail!("there is no such test:\n{}", String::from_utf8_lossy(&output.stderr)),
    }
}

impl Workshop {
    /// A workshop beside the build of `root`; what an earlier one built there is used again.
    pub fn of(root: &Path) -> Result<Self> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let dir = root.join(target).join("planted-bugs");
        fs::create_dir_all(dir.join("source")).with_context(|| format!("{} cannot be made", dir.display()))?;
        Ok(Self { root: root.to_path_buf(), dir: dir.canonicalize()? })
    }

    /// Path of a run's report.
    pub fn report(&self) -> PathBuf {
        self.dir.join("report.json")
    }

    fn source(&self) -> PathBuf {
        self.dir.join("source")
    }

    /// Makes the copy equal to the tracked files again. Files that are equal stay untouched: cargo then builds only what
    /// a mistake has changed.
    pub fn restore(&self) -> Result<()> {
        let tracked = self.tracked()?;
        for file in files(&self.source())? {
            let relative = file.strip_prefix(self.source())?;
            if !tracked.contains(relative) {
                fs::remove_file(&file)?;
            }
        }
        for relative in &tracked {
            let (from, to) = (self.root.join(relative), self.source().join(relative));
            let bytes = fs::read(&from).with_context(|| format!("{} cannot be read", from.display()))?;
            if fs::read(&to).is_ok_and(|copy| copy == bytes) {
                continue;
            }
            fs::create_dir_all(to.parent().unwrap_or(&to))?;
            fs::write(&to, bytes).with_context(|| format!("{} cannot be written", to.display()))?;
        }
        Ok(())
    }

    fn tracked(&self) -> Result<BTreeSet<PathBuf>> {
        let mut git = Command::new("git");
        let output = git.args(["ls-files", "-z"]).current_dir(&self.root).output().context("`git` cannot be run")?;
        ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
        let names = String::from_utf8(output.stdout).context("a file's name is not UTF-8")?;
        let there = names.split_terminator('\0').map(PathBuf::from);
        Ok(there.filter(|file| self.root.join(file).is_file()).collect())
    }

    /// Plants a mistake into the clean copy.
    pub fn plant(&self, mistake: &Mistake) -> Result<()> {
        let mut git = Command::new("git");
        git.arg("apply").arg(self.root.join(&mistake.patch)).current_dir(self.source());
        // Inside another repository, or in its hook, git would take its folder for the one to change.
        git.env("GIT_CEILING_DIRECTORIES", &self.dir);
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            git.env_remove(name);
        }
        let output = git.output().context("`git` cannot be run")?;
        ensure!(output.status.success(), "git apply: {}", String::from_utf8_lossy(&output.stderr).trim());
        for file in &mistake.files {
            let same = fs::read(self.root.join(file))? == fs::read(self.source().join(file))?;
            ensure!(!same, "{} is as it was after `git apply`", file.display());
        }
        Ok(())
    }

    /// Builds the test machine of the copy, as it is now.
    pub fn machine(&self) -> Result<Command> {
        self.cargo("build", &["--package", "quorate-tests", "--bin", "quorate-tests"])?;
        Ok(Command::new(self.target().join(PROFILE).join("quorate-tests")))
    }

    /// Builds a test program of a room of the copy, as it is now.
    pub fn test(&self, room: &str, program: &str) -> Result<Command> {
        let package = format!("quorate-{room}");
        let wanted =
            ["--package", &package, "--test", program, "--no-run", "--message-format", "json-render-diagnostics"];
        let said = self.cargo("test", &wanted)?;
        let messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut built = messages.filter(|message| message["target"]["name"] == program);
        let executable = built.find_map(|message| message["executable"].as_str().map(PathBuf::from));
        let mut command = Command::new(executable.with_context(|| format!("cargo built no test `{program}`"))?);
        command.current_dir(self.source().join(room));
        Ok(command)
    }

    fn target(&self) -> PathBuf {
        self.dir.join("target")
    }

    fn cargo(&self, verb: &str, arguments: &[&str]) -> Result<String> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args([verb, "--locked", "--profile", PROFILE]).args(arguments);
        cargo.current_dir(self.source()).env("CARGO_TARGET_DIR", self.target());
        let output = cargo.output().context("`cargo` cannot be run")?;
        if !output.status.success() {
            bail!("it does not build:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Files below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("{} cannot be read", next.display()))? {
            let path = entry?.path();
            if path.is_dir() { &mut folders } else { &mut files }.push(path);
        }
    }
    Ok(files)
}
