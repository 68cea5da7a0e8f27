//! Receipts of a domain, checked with the genesis alone.

use super::*;

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
