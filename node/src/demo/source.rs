//! Source of the history, and the domain of each branch.

use super::{Args, Branches, DemoError};
use quorate_git::{ObjectId, Repository, write_sample};
use std::collections::BTreeSet;
use std::path::Path;

/// The domain of HEAD's branch when no other is asked for.
const MAIN: &str = "main";

/// Bytes of a domain's name.
const DOMAIN_BYTES_MAX: usize = 100;

/// A branch and the domain that it goes into.
pub struct Line {
    pub domain: String,
    pub tip: ObjectId,
}

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
            None => vec![Line { domain: MAIN.into(), tip: repository.head()?.tip }],
            Some(Branches::All) => all_branches(&repository)?,
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

fn all_branches(repository: &Repository) -> Result<Vec<Line>, DemoError> {
    let mut taken = BTreeSet::new();
    let lines = repository.branches()?.into_iter().map(|branch| {
        let domain = domain_name(&branch.name, &taken);
        taken.insert(domain.clone());
        Line { domain, tip: branch.tip }
    });
    Ok(lines.collect())
}

/// The branch's name with everything that a domain's may not have made a dash, and a number where that is taken.
fn domain_name(branch: &str, taken: &BTreeSet<String>) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let dashed: String = branch.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    let trimmed = dashed.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let name = if trimmed.is_empty() { "branch" } else { trimmed };
    let numbered = |number: usize| match number {
        0 => name[..name.len().min(DOMAIN_BYTES_MAX)].to_owned(),
        _ => format!("{}-{number}", &name[..name.len().min(DOMAIN_BYTES_MAX - 8)]),
    };
    (0..).map(numbered).find(|name| !taken.contains(name)).expect("numbers do not end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_gives_its_domain_a_name_that_a_domain_may_have() {
        let none = BTreeSet::new();
        for (branch, domain) in [("main", "main"), ("feature/ä b", "feature---b"), ("-x", "x"), ("ü", "branch")] {
            assert_eq!(domain_name(branch, &none), domain);
            assert!(quorate_ledger::is_name(domain), "{domain}");
        }
    }

    #[test]
    fn two_branches_that_look_alike_get_two_domains() {
        let taken = BTreeSet::from(["a-b".to_owned()]);
        assert_eq!(domain_name("a/b", &taken), "a-b-1");
    }
}
