//! A campaign over all mistakes: in shards, and going on where it was cut.

use super::{Hunted, Mistake, Workshop, hunt};
use anyhow::{Context, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::str::FromStr;

/// Part of all mistakes, of several of equal size that are counted from 0: `2/6` is the third of six.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    at: usize,
    of: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(at, of)| Some((at.parse().ok()?, of.parse().ok()?)));
        let shard = parts.map(|(at, of)| Self { at, of }).filter(|shard| shard.at < shard.of);
        shard.ok_or_else(|| format!("`{text}` is no part of a whole: `0/6` is the first of six"))
    }
}

impl Shard {
    /// The mistakes of this part, in an order in which little is built between them.
    pub fn of(self, mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
        mistakes.sort_by(|a, b| (&a.files, &a.name).cmp(&(&b.files, &b.name)));
        let (begin, end) = (mistakes.len() * self.at / self.of, mistakes.len() * (self.at + 1) / self.of);
        mistakes.drain(begin..end).collect()
    }
}

/// Hunts for each mistake that `results` has no line of, and adds its line; the outcomes of all. `told` hears each with its place.
pub fn hunt_all(
    root: &Path,
    mistakes: &[Mistake],
    results: Option<&Path>,
    told: impl Fn(usize, &Hunted),
) -> Result<Vec<Hunted>> {
    let (workshop, known) = (Workshop::of(root)?, results.map_or_else(|| Ok(Vec::new()), read)?);
    let mut file = results.map(appended).transpose()?;
    let mut all = Vec::new();
    for (at, mistake) in mistakes.iter().enumerate() {
        let looked_for = |hunted: &&Hunted| hunted.name == mistake.name && hunted.run == mistake.run;
        let before = known.iter().find(looked_for).cloned();
        let hunted = before.map_or_else(|| hunt_noted(&workshop, mistake, file.as_mut()), Ok)?;
        told(at, &hunted);
        all.push(hunted);
    }
    Ok(all)
}

fn hunt_noted(workshop: &Workshop, mistake: &Mistake, file: Option<&mut File>) -> Result<Hunted> {
    let hunted = hunt(workshop, mistake);
    if let Some(file) = file {
        writeln!(file, "{}", serde_json::to_string(&hunted)?).context("the results cannot be written")?;
    }
    Ok(hunted)
}

fn read(path: &Path) -> Result<Vec<Hunted>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read.with_context(|| format!("{} cannot be read", path.display()))?,
    };
    let lines = text.lines().map(serde_json::from_str).collect::<Result<_, _>>();
    lines.with_context(|| format!("{} has a line that is no result: remove it", path.display()))
}

fn appended(path: &Path) -> Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn mistake(name: &str) -> Mistake {
        let text = || name.to_owned();
        Mistake {
            name: text(),
            patch: PathBuf::from(name),
            what: text(),
            breaks: text(),
            run: text(),
            files: Vec::new(),
        }
    }

    #[test]
    fn each_mistake_is_in_one_shard() {
        let names = ["a", "b", "c", "d", "e"];
        let of = |shard: &str| shard.parse::<Shard>().expect("a shard").of(names.map(mistake).to_vec());
        let shards = ["0/3", "1/3", "2/3"].map(of).concat();
        assert_eq!(shards.iter().map(|mistake| mistake.name.as_str()).collect::<Vec<_>>(), names);
        assert!(["3/3", "0/0", "1", "-1/2", "a/b"].iter().all(|wrong| wrong.parse::<Shard>().is_err()));
    }

    #[test]
    fn a_campaign_goes_on_behind_the_results_that_it_has() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, hunted) = (folder.path().join("results"), Hunted { found: true, ..Hunted::unknown(&mistake("a")) });
        fs::write(&path, serde_json::to_string(&hunted).expect("a line")).expect("written");
        let all = hunt_all(folder.path(), &[mistake("a")], Some(&path), |_, _| ()).expect("nothing is hunted");
        assert!(all[0].found);
        fs::write(&path, "{").expect("written");
        assert!(hunt_all(folder.path(), &[], Some(&path), |_, _| ()).is_err(), "a torn line is told");
    }
}
