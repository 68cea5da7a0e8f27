//! Branches of a repository, each with the domain that it goes into.

use quorate_git::{Branch, GitError, ObjectId, Repository};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of a domain's name.
const DOMAIN_BYTES_MAX: usize = 100;

/// Branches that go in besides HEAD's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Branches {
    /// Every local branch.
    All,
}

/// A branch and the domain that it goes into.
pub struct Line {
    pub branch: String,
    pub domain: String,
    pub tip: ObjectId,
}

impl Line {
    /// Line of a branch.
    pub fn of(branch: Branch, domain: &str) -> Self {
        Self { branch: branch.name, domain: domain.to_owned(), tip: branch.tip }
    }
}

/// Every local branch, each with the domain of its name, or why it cannot be resolved.
pub fn all_branches(repository: &Repository) -> Result<Vec<Result<Line, GitError>>, GitError> {
    let mut taken = BTreeSet::new();
    let mut line = |branch: Branch| {
        let domain = domain_name(&branch.name, &taken);
        taken.insert(domain.clone());
        Line::of(branch, &domain)
    };
    Ok(repository.branches()?.into_iter().map(|branch| branch.map(&mut line)).collect())
}

/// Two branches that get one name as domains, but for a number: which of them has it changes with the branches.
pub fn alike(lines: &[Line]) -> Option<(&Line, &Line)> {
    let none = BTreeSet::new();
    let mut seen = BTreeMap::new();
    lines.iter().find_map(|line| seen.insert(domain_name(&line.branch, &none), line).map(|first| (first, line)))
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

    #[test]
    fn branches_whose_domain_would_have_one_name_are_found() {
        let line = |branch: &str| Line {
            branch: branch.into(),
            domain: String::new(),
            tip: "0".repeat(40).parse().expect("an id"),
        };
        let lines = ["a-b", "b", "a/b"].map(line);
        let found = alike(&lines).map(|(one, other)| (one.branch.as_str(), other.branch.as_str()));
        assert_eq!((found, alike(&lines[..2]).is_some()), (Some(("a-b", "a/b")), false));
    }
}
