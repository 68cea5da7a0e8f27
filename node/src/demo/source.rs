//! Source of the history.

use super::{Args, DemoError};
use crate::lines::{Branches, Line, all_branches};
use quorate_git::{Repository, write_sample};
use std::path::Path;

/// The domain of HEAD's branch when no other is asked for.
const MAIN: &str = "main";

/// A repository and what of it is replayed.
pub struct Source {
    repository: Repository,
    lines: Vec<Line>,
}

impl Source {
    /// The repository that was named, else the one around this folder, else a small one made inside `dir`.
    pub fn find(args: &Args, dir: &Path) -> Result<Self, DemoError> {
        let repository = match &args.repo {
            Some(path) => Repository::open(path)?,
            None => match Repository::open(Path::new(".")).ok().filter(|found| found.head().is_ok()) {
                Some(found) => found,
                None => write_sample(&dir.join("history.git"))?,
            },
        };
        let lines = match args.branches {
            None => vec![Line::of(repository.head()?, MAIN)],
            Some(Branches::All) => all_branches(&repository)?.into_iter().collect::<Result<_, _>>()?,
        };
        Ok(Self { repository, lines })
    }

    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    pub fn branches(&self) -> &[Line] {
        &self.lines
    }

    /// The domains that the group begins with.
    pub fn domains(&self) -> Vec<String> {
        self.lines.iter().map(|line| line.domain.clone()).collect()
    }
}
