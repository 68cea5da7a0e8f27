//! Hot places: where conflicts meet again and again, between whom, and a rule of the policy that would end them sooner.

use quorate_client::api::ConflictEntry;
use quorate_ledger::Principal;
use quorate_ledger::policy::{DomainPolicy, PathRule, Step, Strategy};
use serde::Serialize;
use std::collections::BTreeMap;

/// Conflicts of one path that make it hot.
const OF_PATH_MIN: usize = 3;
/// Conflicts of one folder that make it hot, beside those of its hot paths.
const OF_FOLDER_MIN: usize = 5;
/// Hot places that are told.
pub const PLACES_MAX: usize = 8;
/// Settled conflicts from which a habit can be read.
const SETTLED_MIN: usize = 3;
/// Milliseconds that an arbiter has before a vote decides: a day.
const DEADLINE_MS: u64 = 86_400_000;

/// Place with many conflicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Pattern of its paths.
    pub pattern: String,
    /// Conflicts there.
    pub conflicts: usize,
    /// Conflicts there that are not settled.
    pub open: usize,
    /// Sides of each organisation.
    pub sides: BTreeMap<String, usize>,
    /// Conflicts by the reason for which nothing merged them.
    pub reasons: BTreeMap<String, usize>,
    /// Proposed end of such conflicts.
    pub remedy: Remedy,
}

/// Proposed end of the conflicts of a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "remedy")]
pub enum Remedy {
    /// Decision by the organisation whose content stood nearly always, and a vote after a day.
    Arbiter {
        /// The organisation.
        organisation: String,
    },
    /// Programs of one organisation write over each other: the first stands, and the later one is refused and can read
    /// before it writes again.
    FirstStands,
    /// No rule is better than another: whoever is about to write takes a lock.
    Lock,
}

/// The hottest places of a domain, the hottest first.
pub fn places(conflicts: &[ConflictEntry]) -> Vec<Place> {
    let (mut by_path, mut by_folder) = (BTreeMap::<&str, Vec<&ConflictEntry>>::new(), BTreeMap::<_, Vec<_>>::new());
    for conflict in conflicts {
        by_path.entry(&conflict.path).or_default().push(conflict);
    }
    by_path.retain(|path, met| {
        let is_hot = met.len() >= OF_PATH_MIN;
        if !is_hot {
            by_folder.entry(folder(path)).or_default().append(met);
        }
        is_hot
    });
    let paths = by_path.into_iter().map(|(path, met)| place(path.to_owned(), &met));
    let folders = by_folder.into_iter().filter(|(_, met)| met.len() >= OF_FOLDER_MIN);
    let mut found: Vec<Place> = paths.chain(folders.map(|(pattern, met)| place(pattern, &met))).collect();
    found.sort_by(|a, b| b.conflicts.cmp(&a.conflicts).then_with(|| a.pattern.cmp(&b.pattern)));
    found.truncate(PLACES_MAX);
    found
}

/// Pattern of the files beside a path.
fn folder(path: &str) -> String {
    path.rsplit_once('/').map_or_else(|| "*".to_owned(), |(folder, _)| format!("{folder}/*"))
}

fn place(pattern: String, met: &[&ConflictEntry]) -> Place {
    let mut sides = BTreeMap::new();
    for organisation in met.iter().flat_map(|met| &met.sides).filter_map(|side| side.organisation.as_ref()) {
        *sides.entry(organisation.clone()).or_default() += 1;
    }
    let mut reasons = BTreeMap::new();
    met.iter().for_each(|met| *reasons.entry(met.reason.clone()).or_default() += 1);
    let open = met.iter().filter(|met| met.settled.is_none()).count();
    let remedy = remedy(met, &sides);
    Place { pattern, conflicts: met.len(), open, sides, reasons, remedy }
}

fn remedy(met: &[&ConflictEntry], sides: &BTreeMap<String, usize>) -> Remedy {
    let ends: Vec<_> = met.iter().filter_map(|met| met.settled.as_ref()).collect();
    let mut winners: BTreeMap<&String, usize> = BTreeMap::new();
    ends.iter().filter_map(|end| end.organisation.as_ref()).for_each(|name| *winners.entry(name).or_default() += 1);
    let winner = winners.into_iter().max_by_key(|(_, won)| *won);
    match winner {
        _ if sides.len() == 1 => Remedy::FirstStands,
        Some((name, won)) if ends.len() >= SETTLED_MIN && won * 5 >= ends.len() * 4 => {
            Remedy::Arbiter { organisation: name.clone() }
        }
        _ => Remedy::Lock,
    }
}

/// The policy with a rule in front for each place that has one, or nothing where none has. A rule keeps all that the policy
/// demands of these paths today and replaces the strategies.
pub fn policy(today: &DomainPolicy, places: &[Place], conflicts: &[ConflictEntry]) -> Option<DomainPolicy> {
    let mut changed = today.clone();
    let rules = places.iter().filter_map(|place| rule(today, place, conflicts));
    changed.paths.splice(0..0, rules);
    (changed != *today && changed.check(u32::MAX).is_ok()).then_some(changed)
}

fn rule(today: &DomainPolicy, place: &Place, conflicts: &[ConflictEntry]) -> Option<PathRule> {
    let strategies = place.remedy.strategies()?;
    let fits = |path: &str| place.pattern == path || place.pattern == folder(path);
    let mut rules = conflicts.iter().filter(|conflict| fits(&conflict.path)).map(|met| today.rule(&met.path));
    let first = rules.next()?;
    let is_one = rules.all(|rule| rule == first);
    is_one.then(|| PathRule { pattern: place.pattern.clone(), strategies, ..first.cloned().unwrap_or_default() })
}

impl Remedy {
    fn strategies(&self) -> Option<Vec<Step>> {
        let step = |strategy, deadline_ms| Step { class: None, strategy, deadline_ms };
        match self {
            Self::Arbiter { organisation } => {
                let arbiter = Principal::Organisation(organisation.clone());
                let decides = step(Strategy::Arbitrate(arbiter), Some(DEADLINE_MS));
                Some(vec![step(Strategy::Merge, None), decides, step(Strategy::Vote(None), None)])
            }
            Self::FirstStands => Some(vec![step(Strategy::Merge, None), step(Strategy::Reject, None)]),
            Self::Lock => None,
        }
    }

    /// The remedy in words.
    pub fn words(&self) -> String {
        match self {
            Self::Arbiter { organisation } => {
                format!("what {organisation} wrote stood nearly always: let it decide, and a vote after a day")
            }
            Self::FirstStands => {
                "one organisation writes over itself: let the first stand; the later one is refused, reads and writes again"
                    .into()
            }
            Self::Lock => "no rule is better than another: take a lock before writing (`quorate lock acquire`)".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A conflict of two organisations at a path, settled by the content of one, or open.
    fn conflict(path: &str, sides: [&str; 2], winner: Option<&str>) -> ConflictEntry {
        let zeros = "0".repeat(64);
        let side = |(number, organisation): (usize, &&str)| {
            json!({"number": number + 1, "author": zeros, "organisation": organisation, "revision": "1.1", "hash": null,
                "mode": null, "size": null, "path": path, "envelope": null, "message": null, "time": null, "supporters": []})
        };
        let settled = winner.map(|organisation| {
            json!({"revision": "2.1", "time": 0, "author": zeros, "organisation": organisation, "how": "change",
                "number": 1, "hash": null, "receipt": zeros})
        });
        serde_json::from_value(json!({
            "id": zeros, "domain": "main", "path": path, "class": "value", "since": "1.1", "opened": 0, "reason": "r",
            "rung": "text", "check": null, "base": null, "sides": sides.iter().enumerate().map(side).collect::<Vec<_>>(),
            "proposals": [], "decider": null, "votes": [], "state": "open", "settled": settled,
        }))
        .expect("a conflict")
    }

    fn everybodys() -> DomainPolicy {
        DomainPolicy::new(vec![Principal::Everyone], vec![Principal::Everyone])
    }

    #[test]
    fn a_few_conflicts_in_different_folders_are_no_hot_place() {
        let met: Vec<_> = ["a/x", "b/x", "c/x", "d/x"].map(|path| conflict(path, ["acme", "birch"], None)).into();
        assert_eq!(places(&met), []);
    }

    #[test]
    fn a_path_and_a_folder_are_told_apart_and_the_hotter_comes_first() {
        let mut met: Vec<_> = (0..6).map(|n| conflict(&format!("docs/{n}"), ["acme", "birch"], None)).collect();
        met.extend((0..3).map(|_| conflict("docs/index", ["acme", "birch"], None)));
        let found: Vec<_> = places(&met).into_iter().map(|place| (place.pattern, place.conflicts)).collect();
        assert_eq!(found, [("docs/*".to_owned(), 6), ("docs/index".to_owned(), 3)]);
    }

    #[test]
    fn an_organisation_whose_content_stood_four_times_in_five_is_proposed_as_arbiter() {
        let winners = [Some("acme"), Some("acme"), Some("acme"), Some("acme"), Some("birch")];
        let met: Vec<_> = winners.map(|winner| conflict("a", ["acme", "birch"], winner)).into();
        let found = places(&met);
        assert_eq!(found[0].remedy, Remedy::Arbiter { organisation: "acme".into() });
        let changed = policy(&everybodys(), &found, &met).expect("a policy");
        assert_eq!(changed.paths[0].pattern, "a");
        assert_eq!(changed.paths[0].strategies.len(), 3);
    }

    #[test]
    fn the_proposed_rule_keeps_what_the_policy_demands_of_these_paths_today() {
        let met: Vec<_> = (0..3).map(|_| conflict("a/b", ["acme", "acme"], None)).collect();
        let today = DomainPolicy {
            paths: vec![PathRule { pattern: "a/**".into(), approvals: 1, size_max: Some(9), ..PathRule::default() }],
            ..everybodys()
        };
        let changed = policy(&today, &places(&met), &met).expect("a policy");
        let rule = changed.rule("a/b").expect("a rule");
        assert_eq!((rule.approvals, rule.size_max, rule.strategies.len()), (1, Some(9), 2));
        assert_eq!(changed.rule("a/c"), Some(&today.paths[0]));
    }

    #[test]
    fn a_place_without_a_habit_gets_advice_and_no_rule() {
        let met: Vec<_> = (0..3).map(|_| conflict("a", ["acme", "birch"], None)).collect();
        let found = places(&met);
        assert_eq!(found[0].remedy, Remedy::Lock);
        assert_eq!(policy(&everybodys(), &found, &met), None);
    }
}
