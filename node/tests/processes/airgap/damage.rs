//! Parcels that are damaged, forged, or of another group.

use super::*;

#[test]
fn a_flipped_byte_anywhere_and_a_cut_anywhere_are_found_where_they_are() {
    let desk = Desk::with_files(2);
    desk.export(1, "small");
    let (genesis, whole) = (desk.trusted(), fs::read(desk.path("small")).expect("it was written"));
    let damaged = |bytes: &[u8], place: usize| {
        fs::write(desk.path("damaged"), bytes).expect("our folder");
        match verify(&desk.path("damaged"), &genesis) {
            Err(ParcelError::Unsound { at, .. }) => assert!(at <= place as u64, "byte {place}: found at {at}"),
            other => panic!("byte {place}: {other:?}"),
        }
    };
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        damaged(&bytes, place);
        damaged(&whole[..place], place);
    }
    damaged(&[&whole[..], b"!"].concat(), whole.len());
}

/// A forger of a parcel makes its hashes anew.
#[test]
fn a_parcel_with_any_byte_of_its_parts_forged_is_refused() {
    let desk = Desk::with_files(2);
    desk.export(1, "small");
    let (genesis, parts) = (desk.trusted(), parts_of(&fs::read(desk.path("small")).expect("it was written")));
    for (at, part) in parts.iter().enumerate() {
        for place in 0..part.len() {
            let mut forged = parts.clone();
            forged[at][place] ^= 1 << (place % 8);
            fs::write(desk.path("forged"), sealed(&forged)).expect("our folder");
            let verified = verify(&desk.path("forged"), &genesis);
            assert!(verified.is_err(), "part {at}, byte {place}: {verified:?}");
        }
    }
    fs::write(desk.path("forged"), sealed(&parts)).expect("our folder");
    assert!(verify(&desk.path("forged"), &genesis).is_ok(), "the hashes of a forger fit");
}

/// Parts of a file, without tag, lengths and hashes.
fn parts_of(file: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut parts) = (&file[TAG.len()..], Vec::new());
    while let Some((length, behind)) = rest.split_first_chunk() {
        let (part, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
        parts.push(part.to_vec());
        rest = &behind[32..];
    }
    parts
}

/// A file of these parts.
fn sealed(parts: &[Vec<u8>]) -> Vec<u8> {
    let (mut file, mut hashed) = (TAG.to_vec(), Digest::ZERO);
    for part in parts {
        hashed = hash("quorate/v1/parcel", &(hashed, part));
        file.extend([&(part.len() as u32).to_le_bytes()[..], part, &hashed.0].concat());
    }
    file
}

#[test]
fn damage_ends_with_exit_1_and_the_last_good_slot() {
    let desk = Desk::with_files(4);
    let last = desk.export(0, "all")["last"].as_u64().expect("a number");
    let mut bytes = fs::read(desk.path("all")).expect("it was written");
    let end = bytes.len() - 40; // within the last frame
    bytes[end] ^= 1;
    fs::write(desk.path("all"), &bytes).expect("our folder");
    let (file, site) = (desk.path("all"), desk.path("site"));
    let output = says(&["bundle", "verify", text(&file), "--genesis", &desk.genesis, "--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["last_good"].as_u64(), Some(last), "{document}");
    assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("good up to slot {last}")), "{output:?}");

    let args = ["bundle", "import", text(&file), "--dir", text(&site), "--genesis", &desk.genesis];
    refused(&args, 1);
    fs::write(&file, &bytes[..end]).expect("our folder");
    let cut = refused(&["bundle", "verify", text(&file), "--genesis", &desk.genesis], 1);
    assert!(cut.contains("ends too early") && cut.contains(&format!("good up to slot {last}")), "{cut}");
}

#[test]
fn a_parcel_that_lacks_a_slot_is_refused() {
    let desk = Desk::with_files(4);
    desk.export(1, "all");
    let (head, frames) = desk.frames("all");
    let slots: Vec<usize> =
        frames.iter().enumerate().filter(|(_, frame)| matches!(frame, Frame::Slot(_))).map(|(at, _)| at).collect();
    for pair in slots.windows(2) {
        let thinned = [&frames[..pair[0]], &frames[pair[1]..]].concat();
        desk.forge("thinned", &head, &thinned);
        assert!(matches!(desk.why("thinned"), Wrong::Gap { .. }), "{:?}", desk.why("thinned"));
    }
}

/// The front is where nothing before says where a lane stood.
#[test]
fn a_parcel_that_was_thinned_at_its_front_is_refused() {
    let desk = Desk::with_files(6);
    let from = desk.slot_with_bundles_after(2);
    desk.export(from, "rest");
    let (head, frames) = desk.frames("rest");
    let mut thinned = frames.clone();
    let Frame::Slot(first) = &mut thinned[0] else { panic!("a slot follows the first frame") };
    first.from = first.content.cut.iter().map(|(_, tip)| *tip).collect();
    let rest = thinned.iter().skip(1).position(|frame| !matches!(frame, Frame::Bundle(_))).expect("an end");
    assert!(rest > 0, "the slot has bundles");
    let thinned: Vec<Frame> = thinned[..1].iter().chain(&thinned[1 + rest..]).cloned().collect();
    desk.forge("thinned", &head, &thinned);
    let why = desk.why("thinned");
    assert!(matches!(why, Wrong::Order(_) | Wrong::Lane(_)), "{why:?}");

    // Nor do its slots go on from another place than they did.
    desk.export(1, "all");
    let (other, _) = desk.frames("all");
    desk.forge("moved", &other, &frames);
    assert!(matches!(desk.why("moved"), Wrong::Gap { .. }), "{:?}", desk.why("moved"));
}

#[test]
fn each_bundle_of_a_parcel_stands_where_its_slot_names_it() {
    let desk = Desk::with_files(5);
    desk.export(1, "all");
    let (head, frames) = desk.frames("all");
    let bundles: Vec<usize> =
        frames.iter().enumerate().filter(|(_, frame)| matches!(frame, Frame::Bundle(_))).map(|(at, _)| at).collect();
    for at in &bundles {
        let (mut without, mut swapped) = (frames.clone(), frames.clone());
        without.remove(*at);
        desk.forge("without", &head, &without);
        desk.why("without");
        let other = bundles[(bundles.iter().position(|of| of == at).expect("one of them") + 1) % bundles.len()];
        swapped.swap(*at, other);
        desk.forge("swapped", &head, &swapped);
        desk.why("swapped");
    }
}

#[test]
fn another_group_another_genesis_and_another_kind_are_each_told() {
    let (desk, other) = (Desk::with_files(1), Desk::with_files(1));
    desk.export(0, "all");
    other.export(0, "all");
    let (file, site) = (desk.path("all"), desk.path("site"));
    let wrong = refused(&["bundle", "verify", text(&file), "--genesis", &other.genesis], 1);
    assert!(wrong.contains("it is of group") && wrong.contains("this genesis is of"), "{wrong}");
    desk.import("all", "site");
    let theirs = other.path("all");
    let wrong = refused(&["bundle", "import", text(&theirs), "--dir", text(&site)], 1);
    assert!(wrong.contains("is of group") && wrong.contains("the genesis is of"), "{wrong}");
    let wrong = refused(&["bundle", "import", text(&file), "--receipts", text(&desk.path("r"))], 2);
    assert!(wrong.contains("decided slots") && wrong.contains("--dir"), "{wrong}");
    let wrong = refused(&["bundle", "verify", &desk.genesis, "--genesis", &desk.genesis], 1);
    assert!(wrong.contains("no such file that this program reads"), "{wrong}");
}
