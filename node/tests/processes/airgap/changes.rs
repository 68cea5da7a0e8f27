//! Changes from a place without a network, and their receipts.

use super::*;

#[test]
fn changes_made_without_a_network_are_ordered_elsewhere_and_their_receipts_come_home() {
    let desk = Desk::with_files(2);
    desk.export(0, "all");
    desk.import("all", "site");
    let (key, edit) = (desk.path("author-org-1.key"), desk.path("edit"));
    let (out, home) = (desk.path("outbox"), desk.path("receipts"));
    {
        let site = Site::serving(&desk, "site");
        for path in ["far", "file-0"] {
            fs::write(&edit, format!("written far away: {path}")).expect("our folder");
            told(&["put", path, text(&edit), "--offline", "--key", text(&key), "--node", &site.node()]);
        }
    }
    fs::write(&edit, "written here meanwhile").expect("our folder");
    let own = desk.path("author-org-0.key");
    told(&["put", "file-0", text(&edit), "--key", text(&own), "--node", &desk.node]);
    assert_eq!(told(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)])["count"], 2);
    assert_eq!(desk.verify("outbox")["count"], 2);

    let args = ["bundle", "import", text(&out), "--receipts", text(&home), "--node", &desk.node];
    let states = |told: &Value| -> Vec<String> {
        let receipts = told["receipts"].as_array().expect("a list");
        receipts.iter().map(|receipt| receipt["state"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let delivered = ended(&args, 1);
    assert_eq!(states(&delivered), ["applied", "conflict"], "{delivered}");
    assert_eq!(states(&ended(&args, 1)), ["applied", "conflict"], "twice delivered is once ordered");

    let settling = ["bundle", "import", text(&home), "--key", text(&key), "--genesis", &desk.genesis];
    assert_eq!(states(&ended(&settling, 1)), ["applied", "conflict"]);
    assert_eq!(states(&told(&settling)), Vec::<String>::new(), "they are known by now");
    let none = refused(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)], 1);
    assert!(none.contains("nothing to pack"), "{none}");
}

/// Signs a change far away; the folder's file `edit` is its content.
fn far(desk: &Desk, path: &str) {
    let (key, edit) = (desk.path("author-org-1.key"), desk.path("edit"));
    fs::write(&edit, format!("far: {path}")).expect("our folder");
    told(&["put", path, text(&edit), "--offline", "--key", text(&key), "--node", &desk.node]);
}

/// Signs a change that is refused where it is ordered: with a base that is named, nobody asks what stands there.
fn rm_nowhere(desk: &Desk, key: &Path) {
    told(&["rm", "nowhere", "--base", "1", "--offline", "--key", text(key), "--node", &desk.node]);
}

#[test]
fn a_refused_change_does_not_keep_the_receipts_of_others_from_going_home() {
    let desk = Desk::with_files(1);
    let (key, out, home) = (desk.path("author-org-1.key"), desk.path("outbox"), desk.path("receipts"));
    far(&desk, "good");
    rm_nowhere(&desk, &key);
    ["waits", "waits-too"].iter().for_each(|path| far(&desk, path));
    told(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)]);

    let args = ["bundle", "import", text(&out), "--receipts", text(&home), "--node", &desk.node, "--timeout", "8"];
    let delivered = ended(&args, 1);
    let counts = |told: &Value, list: &str| told[list].as_array().map(Vec::len);
    assert_eq!((counts(&delivered, "receipts"), counts(&delivered, "unanswered")), (Some(2), Some(2)), "{delivered}");

    let settling = ["bundle", "import", text(&home), "--key", text(&key), "--genesis", &desk.genesis];
    let settled = ended(&settling, 1);
    assert_eq!((counts(&settled, "receipts"), counts(&settled, "unanswered")), (Some(2), Some(2)), "{settled}");
    let id = settled["unanswered"][1]["id"].as_str().expect("an id").to_owned();
    let given_up = ended(&[&settling[..], &["--give-up", &id]].concat(), 1);
    assert_eq!((counts(&given_up, "given_up"), counts(&given_up, "unanswered")), (Some(1), Some(1)), "{given_up}");
    assert_eq!(told(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)])["count"], 1);
    let again = ended(&[&settling[..], &["--give-up", &id]].concat(), 1);
    let why = again["given_up"][0]["why"].as_str().unwrap_or_default();
    assert!(why.starts_with("it was given up already: "), "{again}");
}

/// Changes based on the refused one can only be refused, and so could all that is based on those.
#[test]
fn changes_that_are_signed_far_away_after_a_refused_one_are_based_on_nothing_that_hangs_on_it() {
    let desk = Desk::with_files(1);
    let (key, out, home) = (desk.path("author-org-1.key"), desk.path("outbox"), desk.path("receipts"));
    let round = |count: u64, code| {
        assert_eq!(told(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)])["count"], count);
        let args = ["bundle", "import", text(&out), "--receipts", text(&home), "--node", &desk.node, "--timeout", "8"];
        let delivered = ended(&args, code);
        ended(&["bundle", "import", text(&home), "--key", text(&key), "--genesis", &desk.genesis], code);
        delivered
    };
    rm_nowhere(&desk, &key);
    ["hangs", "hangs-too"].iter().for_each(|path| far(&desk, path));
    round(3, 1);

    ["after", "after-too", "after-all"].iter().for_each(|path| far(&desk, path));

    let delivered = round(3, 0);
    let states: Vec<&Value> =
        delivered["receipts"].as_array().expect("a list").iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["applied"; 3], "{delivered}");
}

#[test]
fn a_key_that_the_site_does_not_know_signs_nothing_there() {
    let desk = Desk::with_files(1);
    let (key, out) = (desk.path("stranger.key"), desk.path("outbox"));
    says(&["keys", "new", "--out", text(&key)]);
    let put = ["put", "far", &desk.genesis, "--offline", "--key", text(&key), "--node", &desk.node];

    let words = refused(&put, 1);

    assert!(words.contains("does not know the key yet") && words.contains("nothing was signed"), "{words}");
    assert!(refused(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)], 1).contains("nothing to pack"));
}

#[test]
fn a_key_that_is_revoked_at_the_site_signs_nothing_there() {
    let desk = Desk::with_files(1);
    let (key, own) = (desk.path("late.key"), desk.path("author-org-0.key"));
    says(&["keys", "new", "--out", text(&key)]);
    for change in ["enrol", "revoke"] {
        told(&["identities", change, text(&key), "--key", text(&own), "--node", &desk.node]);
    }

    let words = refused(&["put", "far", &desk.genesis, "--offline", "--key", text(&key), "--node", &desk.node], 1);

    assert!(words.contains("the key is revoked at"), "{words}");
}

#[test]
fn a_removal_without_a_network_of_what_does_not_stand_at_the_site_is_not_signed() {
    let desk = Desk::with_files(2);
    let (key, out) = (desk.path("author-org-1.key"), desk.path("outbox"));
    let rm = |path| says(&["rm", path, "--offline", "--key", text(&key), "--node", &desk.node]);

    let mistyped = rm("flie-0");

    let words = String::from_utf8_lossy(&mistyped.stderr).into_owned();
    assert!(mistyped.status.code() == Some(1) && words.contains("nothing was signed"), "{words}");
    refused(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)], 1);
    assert_eq!(rm("file-0").status.code(), Some(0));
}

#[test]
fn a_file_is_written_over_nothing_but_an_older_one_of_its_kind() {
    let desk = Desk::with_files(1);
    let (key, out) = (desk.path("author-org-1.key"), desk.path("outbox"));
    far(&desk, "far");
    told(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)]);
    let kept = fs::read(&out).expect("it was written");
    let (state, genesis) = (["bundle", "snapshot", "--node", &desk.node, "--genesis", &desk.genesis], &desk.genesis);
    let here = refused(&["bundle", "import", text(&out), "--receipts", text(&out), "--node", &desk.node], 2);
    assert!(here.contains("it is left as it was"), "{here}");
    refused(&["bundle", "export", "--from", "1", "--out", text(&out), "--node", &desk.node], 2);
    refused(&[&state[..], &["--out", text(&out)]].concat(), 2);
    refused(&[&state[..], &["--out", genesis]].concat(), 2);
    assert_eq!(fs::read(&out).expect("it is there"), kept);
    told(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)]);
}

#[test]
fn a_receipt_that_was_changed_on_the_way_settles_nothing() {
    let desk = Desk::with_files(1);
    let (key, edit) = (desk.path("author-org-1.key"), desk.path("edit"));
    let (out, home) = (desk.path("outbox"), desk.path("receipts"));
    fs::write(&edit, "far").expect("our folder");
    told(&["put", "far", text(&edit), "--offline", "--key", text(&key), "--node", &desk.node]);
    told(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)]);
    told(&["bundle", "import", text(&out), "--receipts", text(&home), "--node", &desk.node]);

    let mut parcel = Parcel::open(&home).expect("a parcel");
    let Some((_, Frame::Receipt(mut proof))) = parcel.next_frame().expect("a frame") else { panic!("a receipt") };
    let middle = proof.len() / 2;
    proof[middle] ^= 1;
    let mut draft = Draft::begin(&home, &parcel.head).expect("our folder");
    draft.add(&Frame::Receipt(proof)).expect("our folder");
    draft.count().expect("our folder");
    refused(&["bundle", "import", text(&home), "--key", text(&key), "--genesis", &desk.genesis], 1);
    assert_eq!(told(&["bundle", "outbox", "--key", text(&key), "--out", text(&out)])["count"], 1);
}
