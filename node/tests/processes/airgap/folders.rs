//! Parcels of decisions that make a folder, and go on where it stands.

use super::*;

#[test]
fn a_parcel_from_genesis_makes_a_folder_that_serves_and_proves_without_a_network() {
    let desk = Desk::with_files(6);
    let exported = desk.export(0, "all");
    let verified = desk.verify("all");
    assert_eq!((&verified["first"], &verified["last"]), (&Value::from(1), &exported["last"]), "{verified}");
    let imported = desk.import("all", "site");
    assert_eq!(imported["state_root"], verified["state_root"]);
    assert_eq!(imported["certified"], true);

    let (site, proof) = (Site::serving(&desk, "site"), desk.path("proof"));
    let file = http::get(site.api, "/v1/domains/main/files/file-5?level=sequential").expect("an answer");
    assert_eq!(file.text(), "kept");
    let got = says(&["get", "file-5", "--level", "sequential", "--proof", text(&proof), "--node", &site.node()]);
    assert!(got.status.success(), "{got:?}");
    told(&["verify", text(&proof), "--genesis", &desk.genesis]);

    // From there it can go on to a third place.
    let again = desk.path("again");
    told(&["bundle", "export", "--from", "2", "--out", text(&again), "--node", &site.node()]);
    assert_eq!(desk.verify("again")["state_root"], verified["state_root"]);
}

#[test]
fn a_later_parcel_goes_on_where_a_folder_stands_and_one_with_a_gap_names_the_slot_to_ask_for() {
    let mut desk = Desk::with_files(4);
    let first = desk.export(0, "first")["last"].as_u64().expect("a number");
    (0..4).for_each(|number| drop(desk.group.put(number, &format!("later-{number}"), "new")));
    desk.export(first + 1, "rest");
    let begins = desk.verify("rest")["first"].as_u64();
    assert_eq!(begins, Some(first + 1));

    let (rest, early) = (desk.path("rest"), desk.path("early"));
    let args = ["bundle", "import", text(&rest), "--dir", text(&early), "--genesis", &desk.genesis];
    let gap = refused(&args, 1);
    assert!(gap.contains("bundle export --from 1 "), "{gap}");

    desk.import("first", "site");
    let imported = desk.import("rest", "site");
    assert_eq!(imported["before"].as_u64(), Some(first));
    assert_eq!(imported["state_root"], desk.verify("rest")["state_root"]);
    assert_eq!(desk.import("first", "site")["seq"], imported["seq"], "what is known is no harm");
}

#[test]
fn a_parcel_that_reaches_back_is_taken_from_where_the_folder_stands() {
    let mut desk = Desk::with_files(4);
    desk.export(0, "first");
    desk.import("first", "site");
    (0..4).for_each(|number| drop(desk.group.put(number, &format!("later-{number}"), "new")));
    desk.export(2, "most");
    assert_eq!(desk.import("most", "site")["state_root"], desk.verify("most")["state_root"]);
}

#[test]
fn a_parcel_up_to_a_named_slot_ends_there_and_the_next_one_confirms_the_state() {
    let desk = Desk::with_files(6);
    let out = desk.path("part");
    let args = ["bundle", "export", "--from", "0", "--to", "3", "--out", text(&out), "--node", &desk.node];
    assert_eq!(told(&args)["last"], 3);
    let verified = desk.verify("part");
    assert_eq!(verified["last"], 3);
    assert!(verified["certified_seq"].as_u64() >= Some(3), "{verified}");
    assert_eq!(desk.import("part", "site")["seq"], 3);
    desk.export(4, "rest");
    let imported = desk.import("rest", "site");
    assert_eq!((&imported["before"], &imported["certified"]), (&Value::from(3), &Value::from(true)), "{imported}");
}

#[test]
fn a_parcel_that_is_refused_leaves_no_folder_and_a_replicas_folder_takes_none() {
    let desk = Desk::with_files(3);
    desk.export(3, "rest");
    let (file, site, replica) = (desk.path("rest"), desk.path("site"), desk.path("replica-0"));
    refused(&["bundle", "import", text(&file), "--dir", text(&site), "--genesis", &desk.genesis], 1);
    assert!(!site.exists());
    let wrong = refused(&["bundle", "import", text(&file), "--dir", text(&replica)], 2);
    assert!(wrong.contains("is a replica's folder"), "{wrong}");
}

#[test]
fn an_export_that_was_stopped_goes_on_behind_its_last_whole_slot() {
    let mut desk = Desk::with_files(6);
    desk.export(1, "all");
    let whole = fs::read(desk.path("all")).expect("it was written");
    desk.group.put(0, "later", "new");
    for part in [whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        desk.leave("again.new", &whole[..part]);
        let exported = desk.export(1, "again");
        assert!(exported["resumed_after"].as_u64().is_some_and(|slot| slot > 0), "{part}: {exported}");
        assert_eq!(desk.verify("again")["first"], 1);
        assert!(!desk.path("again.new").exists());
    }
    // What another run left of other slots, or damaged, is not gone on with.
    let (mut damaged, early) = (whole.clone(), whole.len() / 8);
    damaged[early] ^= 1;
    desk.leave("again.new", &damaged);
    assert_eq!(desk.export(1, "again")["resumed_after"], Value::Null);
    desk.leave("again.new", &whole[..whole.len() / 2]);
    fs::set_permissions(desk.path("again.new"), fs::Permissions::from_mode(0o644)).expect("our file");
    assert_eq!(desk.export(1, "again")["resumed_after"], Value::Null, "others could have put it there");
    desk.leave("other.new", &whole);
    assert_eq!(desk.export(3, "other")["resumed_after"], Value::Null);
    assert_eq!(desk.verify("other")["first"], 3);
}

#[test]
fn where_slots_are_forgotten_the_advice_leads_to_a_state_that_slots_go_on_from() {
    let mut desk = Desk::with_files(4);
    let (saved, folder) = (desk.path("saved"), desk.path("replica-3"));
    told(&["snapshot", "export", "--out", text(&saved), "--genesis", &desk.genesis, "--node", &desk.node]);
    desk.group.kill(3);
    fs::remove_dir_all(folder.join("data")).expect("it is there");
    told(&["restore", text(&saved), "--dir", text(&folder)]);
    desk.group.start(3);
    desk.group.await_mode(3, "following");
    let (forgetful, out) = (format!("http://{}", desk.group.api(3)), desk.path("state"));
    for number in 0..3 {
        let receipt = desk.group.put(0, &format!("after-{number}"), "new");
        let (id, proof) = (receipt["id"].as_str().expect("an id"), desk.path("proof"));
        // It proves what came after the copy, although it has no slot from before.
        eventually("a proof of a receipt from a copied replica", || {
            let args = ["receipt", id, "--out", text(&proof), "--node", &forgetful, "--timeout", "5"];
            says(&args).status.success().then_some(())
        });
    }

    let advice = refused(&["bundle", "export", "--from", "1", "--out", text(&desk.path("x")), "--node", &forgetful], 1);
    assert!(advice.contains("quorate bundle snapshot --out FILE --genesis G"), "{advice}");
    told(&["bundle", "snapshot", "--out", text(&out), "--genesis", &desk.genesis, "--node", &forgetful]);
    let stands = desk.verify("state")["seq"].as_u64().expect("a number");
    assert_eq!(desk.import("state", "site")["seq"].as_u64(), Some(stands));

    (0..3).for_each(|number| drop(desk.group.put(number, &format!("later-{number}"), "new")));
    desk.export(stands + 1, "rest");
    assert_eq!(desk.import("rest", "site")["state_root"], desk.verify("rest")["state_root"]);
    let (state, site) = (desk.path("state"), desk.path("site"));
    let older = refused(&["bundle", "import", text(&state), "--dir", text(&site)], 1);
    assert!(older.contains("holds the state of slot"), "{older}");
}
