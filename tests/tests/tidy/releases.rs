//! Releases: each section of the changelog says until when the release is supported.

use crate::sources::root;
use std::fs;

/// Fault of a section's heading and text; none of a release that says its date and, twelve months later, its end.
fn fault(section: &str) -> Option<String> {
    let heading = section.lines().next().unwrap_or_default();
    let Some((version, date)) = heading.split_once(", ") else { return Some(format!("{heading}: no date")) };
    if date == "not released yet" {
        return None;
    }
    let ends = ends(date).map(|ends| format!("Supported until {ends}."));
    match ends {
        None => Some(format!("{version}: {date} is no date as 2026-11-22")),
        Some(line) if section.lines().any(|told| told == line) => None,
        Some(line) => Some(format!("{version}: no line \"{line}\"")),
    }
}

/// The day twelve months after one.
fn ends(date: &str) -> Option<String> {
    let (year, day) = date.split_once('-').filter(|_| date.len() == 10)?;
    Some(format!("{:04}-{day}", year.parse::<u16>().ok()? + 1))
}

#[test]
fn each_release_says_until_when_it_is_supported() {
    let text = fs::read_to_string(root().join("docs/changelog.md")).expect("a changelog");
    let sections: Vec<&str> = text.split("\n## ").skip(1).collect();
    assert!(!sections.is_empty());
    let faults: Vec<String> = sections.into_iter().filter_map(fault).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn a_release_without_a_date_or_with_another_end_is_refused() {
    assert_eq!(fault("1.0.0, not released yet\n"), None);
    assert_eq!(fault("1.0.0, 2027-02-01\n\nSupported until 2028-02-01.\n"), None);
    for wrong in
        ["1.0.0\n", "1.0.0, soon\n", "1.0.0, 2027-02-01\n", "1.0.0, 2027-02-01\n\nSupported until 2027-03-01.\n"]
    {
        assert!(fault(wrong).is_some(), "{wrong}");
    }
}
