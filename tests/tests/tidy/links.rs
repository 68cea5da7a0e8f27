//! Links of the documentation lead to files that are there.

use crate::sources::{files, root};

#[test]
fn every_link_of_the_documentation_leads_to_a_file() {
    let mut pages = files("docs", "md");
    pages.push(root().join("README.md"));
    let mut lost = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).expect("a text file");
        let folder = page.parent().expect("a page stands in a folder");
        let is_lost = |link: &&str| !link.contains("://") && !link.is_empty() && !folder.join(link).exists();
        lost.extend(links(&text).filter(is_lost).map(|link| format!("{}: {link}", page.display())));
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

/// Targets of the links of a page, without the place in them.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let behind = text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(link, _)| link));
    behind.map(|link| link.split('#').next().unwrap_or_default())
}

#[test]
fn a_link_is_found_and_its_place_is_cut_off() {
    let found: Vec<&str> = links("a [b](c.md#d) and [e](../f.md), [g](#h)").collect();
    assert_eq!(found, ["c.md", "../f.md", ""]);
}
