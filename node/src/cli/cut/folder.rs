//! Folder of a cut: for each group its genesis, its epochs where they were given, and a snapshot; and `cut.json`, of which nothing is
//! believed that the files do not say.

use super::super::copy::failed;
use super::super::document;
use super::super::failure::{Failure, Outcome};
use super::super::known::seen;
use super::super::print::plain;
use quorate_client::api::TransactionState;
use quorate_ledger::cut::{self, Gap, GroupState};
use quorate_ledger::proof::Epochs;
use quorate_ledger::{Genesis, StateView, hexed};
use quorate_pbft::Digest;
use quorate_service::copying;
use quorate_service::replica::read_genesis;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Name of the document of a cut.
pub const DOCUMENT: &str = "cut.json";

/// Files of a group in the folder of a cut.
pub struct Files {
    pub genesis: PathBuf,
    pub epochs: PathBuf,
    pub snapshot: PathBuf,
}

impl Files {
    pub fn of(dir: &Path, group: Digest) -> Self {
        let file = |kind| dir.join(format!("{group}.{kind}"));
        Self { genesis: file("genesis.json"), epochs: file("epochs"), snapshot: file("snapshot") }
    }
}

/// Group of a cut, its files checked.
pub struct Member {
    pub genesis: Genesis,
    pub state: GroupState,
    /// Whether epochs of it were given.
    has_epochs: bool,
}

impl Member {
    /// Reads the files of a group, each to its last byte.
    pub fn read(dir: &Path, group: Digest) -> Result<Self, Failure> {
        let files = Files::of(dir, group);
        if let Some(missing) = [&files.genesis, &files.snapshot].into_iter().find(|file| !file.exists()) {
            return Err(Failure::no(format!("group {group}: {} is missing", missing.display())));
        }
        let genesis = read_genesis(&files.genesis).map_err(Failure::no)?;
        if genesis.group() != group {
            return Err(Failure::no(format!("{} is of group {}", files.genesis.display(), genesis.group())));
        }
        let has_epochs = files.epochs.exists();
        let epochs = match has_epochs {
            true => seen(&files.epochs, &genesis)?.epochs().clone(),
            false => Epochs::of(&genesis),
        };
        let read = copying::read(&files.snapshot, (&genesis, &epochs), |view: &StateView<'_>| view.across());
        let state = read.map_err(|error| failed(error).after(plain(genesis.name())))?;
        Ok(Self { genesis, state, has_epochs })
    }
}

/// States of a cut.
pub fn states(members: &[Member]) -> Vec<&GroupState> {
    members.iter().map(|member| &member.state).collect()
}

/// Refuses a group beside one that goes on from it: proofs of the first count no more.
pub fn are_apart(geneses: &[&Genesis]) -> Outcome {
    for genesis in geneses {
        if let Some(older) = genesis.groups().skip(1).find(|older| geneses.iter().any(|one| one.group() == *older)) {
            let name = plain(genesis.name());
            return Err(Failure::usage(format!(
                "{name} ({}) goes on from {older}: one of them is over",
                genesis.group()
            )));
        }
    }
    Ok(())
}

/// Gap in words, with the names of its groups.
pub fn words(gap: &Gap, members: &[Member]) -> String {
    let name = |group| {
        let member = members.iter().find(|member| member.state.group == group);
        format!("{} ({group})", member.map(|member| plain(member.genesis.name())).unwrap_or_default())
    };
    format!("the state of {} lies behind that of {}: {}", name(gap.behind), name(gap.ahead), gap.beyond)
}

/// Members of a cut whose files hold what its document says.
pub fn verified(dir: &Path) -> Result<Vec<Member>, Failure> {
    let file = dir.join(DOCUMENT);
    let told: Value = document::read(&file).map_err(Failure::no)?;
    let groups = told["groups"].as_object().map(|groups| groups.keys().map(|group| hexed::parse(group)));
    let groups = groups.into_iter().flatten().collect::<Result<Vec<Digest>, _>>();
    let groups = groups.map_err(|why| Failure::no(format!("{}: a group's id is {why}", file.display())))?;
    if groups.is_empty() {
        return Err(Failure::no(format!("{} names no group", file.display())));
    }
    let members = groups.iter().map(|group| Member::read(dir, *group)).collect::<Result<Vec<_>, _>>()?;
    are_apart(&members.iter().map(|member| &member.genesis).collect::<Vec<_>>())?;
    let gaps = cut::gaps(&states(&members));
    let gap = gaps.first().map(|gap| words(gap, &members));
    let holds = document(&members);
    let mut parts = holds.as_object().into_iter().flatten();
    let differs = parts.find(|(part, holds)| told[part.as_str()] != **holds);
    let differs = differs.map(|(part, _)| format!("{}: {part:?} is not as the files have it", file.display()));
    gap.or(differs).map_or(Ok(members), |fault| Err(Failure::no(fault)))
}

/// Document of a cut, whose order is that of the groups' ids.
pub fn document(members: &[Member]) -> Value {
    let states = states(members);
    let groups = members.iter().map(|Member { genesis, state, has_epochs }| {
        let Files { snapshot, epochs, .. } = Files::of(Path::new(""), state.group);
        let group = json!({
            "name": genesis.name(), "epoch": state.epoch.get(), "seq": state.seq.get(), "time": state.time.get(),
            "state_root": state.state_root.to_string(), "file": snapshot, "epochs": has_epochs.then_some(epochs),
        });
        (state.group.to_string(), group)
    });
    let under_way = cut::under_way(&states).into_iter().map(|(id, records)| {
        let records = records.iter().map(|(group, record)| {
            let (state, settled) = TransactionState::of(record.state);
            (group.to_string(), json!({ "home": record.is_home, "state": state, "settled": settled }))
        });
        (id.to_string(), Value::Object(records.collect()))
    });
    let mut outside_of = Map::new();
    for (member, group, name) in outside(members) {
        outside_of.entry(member.state.group.to_string()).or_insert_with(|| json!({}))[group.to_string()] = json!(name);
    }
    json!({
        "groups": groups.collect::<Map<_, _>>(),
        "under_way": under_way.collect::<Map<_, _>>(),
        "outside": outside_of,
        "seal": cut::seal(&states).to_string(),
    })
}

/// Groups outside of a cut, each with a member that knows it or takes part in a transaction under way with it, and its name there.
pub fn outside(members: &[Member]) -> Vec<(&Member, Digest, &str)> {
    let is_inside = |group: &Digest| members.iter().any(|member| member.state.is_of(group));
    let (under_way, mut found) = (cut::under_way(&states(members)), Vec::new());
    for member in members {
        let GroupState { group, known, .. } = &member.state;
        let records = under_way.values().filter_map(|records| records.get(group));
        let named = records.flat_map(|record| &record.transaction.branches).map(|branch| branch.group);
        let known_now = known.iter().filter(|(_, known)| known.is_known()).map(|(group, _)| *group);
        let groups: BTreeSet<Digest> = named.chain(known_now).filter(|group| !is_inside(group)).collect();
        let name = |group| known.get(group).map_or("", |known| known.name.as_str());
        found.extend(groups.iter().map(|group| (member, *group, name(group))));
    }
    found
}
