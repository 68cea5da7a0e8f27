//! Conflicts as the API tells them.

use super::locks::coming;
use super::problem::Answer;
use quorate_client::api::{
    ConflictDecider, ConflictDeed, ConflictEnd, ConflictEntry, ConflictFile, ConflictHappening, ConflictNews,
    ConflictProposal, ConflictSide, ConflictStory, ConflictVote, Speaker,
};
use quorate_ledger::{
    Actor, Class, ConflictEntry as Found, ConflictEvent, ConflictEventKind, Decider, File, Principal, Settled,
    SideEntry, StateView,
};
use quorate_pbft::PublicKey;

/// A conflict as lists have it.
pub fn entry(view: &StateView, found: Found) -> Answer<ConflictEntry> {
    let (mut sides, mut proposals) = (Vec::new(), Vec::new());
    for held in &found.sides {
        let number = number(held.index);
        match &held.side.proposed {
            None => sides.push(side(view, &found.domain, number, held)?),
            Some(reason) => proposals.push(proposal(view, number, held, reason)),
        }
    }
    let decider = found.record.settled.is_none().then(|| decider(view, &found));
    let settled = found.record.settled.as_ref().map(|settled| end(view, &found, settled)).transpose()?;
    let vote = |(organisation, side): (&String, &u32)| ConflictVote {
        organisation: organisation.clone(),
        number: number(*side),
    };
    Ok(ConflictEntry {
        id: found.id,
        class: class_name(found.record.class).to_owned(),
        since: found.record.since,
        opened: found.record.opened.get(),
        reason: found.record.reason.clone(),
        rung: found.record.rung,
        check: found.record.check.clone(),
        base: found.record.base.map(file),
        sides,
        proposals,
        decider,
        votes: found.record.votes.iter().map(vote).collect(),
        waits_until: found.record.held_up.and_then(|hold| coming(hold.until)),
        state: if found.record.settled.is_some() { "settled" } else { "open" }.to_owned(),
        settled,
        domain: found.domain,
        path: found.record.path,
    })
}

/// A conflict and what happened to it.
pub fn story(view: &StateView, found: Found) -> Answer<ConflictStory> {
    let story = view.conflict_log(&found.id)?.into_iter().map(|event| told(view, event)).collect();
    Ok(ConflictStory { conflict: entry(view, found)?, story })
}

/// Event of a conflict's log.
pub fn news(view: &StateView, conflict: &Found, event: ConflictEvent) -> ConflictNews {
    ConflictNews {
        conflict: conflict.id,
        domain: conflict.domain.clone(),
        path: conflict.record.path.clone(),
        happening: told(view, event),
    }
}

/// Sides are counted from 1 where people see them.
fn number(side: u32) -> u32 {
    side.saturating_add(1)
}

fn file(file: File) -> ConflictFile {
    ConflictFile { mode: file.mode, hash: file.content, size: file.size }
}

fn side(view: &StateView, domain: &str, number: u32, side: &SideEntry) -> Answer<ConflictSide> {
    let spoken = view.commit_message(domain, side.side.revision)?;
    Ok(ConflictSide {
        number,
        author: side.side.author,
        organisation: side.organisation.clone(),
        revision: side.side.revision,
        hash: side.side.file.map(|file| file.content),
        mode: side.side.file.map(|file| file.mode),
        size: side.side.file.map(|file| file.size),
        path: side.side.path.clone(),
        envelope: spoken.as_ref().map(|spoken| spoken.id),
        time: spoken.as_ref().map(|spoken| spoken.time.get()),
        message: spoken.map(|spoken| spoken.message),
        supporters: speakers(view, &side.supporters),
    })
}

fn proposal(view: &StateView, number: u32, side: &SideEntry, reason: &str) -> ConflictProposal {
    ConflictProposal {
        number,
        revision: side.side.revision,
        hash: side.side.file.map(|file| file.content),
        mode: side.side.file.map(|file| file.mode),
        size: side.side.file.map(|file| file.size),
        reason: reason.to_owned(),
        supporters: speakers(view, &side.supporters),
    }
}

fn decider(view: &StateView, found: &Found) -> ConflictDecider {
    let arbiter = arbiter(&found.record.decider);
    ConflictDecider {
        needed: arbiter.is_none().then_some(found.needed),
        arbiter,
        organisations: view.organisations(),
        deadline: found.record.deadline.map(|deadline| deadline.get()),
        then: found.record.rest.clone(),
    }
}

fn arbiter(decider: &Decider) -> Option<Principal> {
    match decider {
        Decider::Writers(_) => None,
        Decider::Arbiter(who) => Some(who.clone()),
    }
}

fn end(view: &StateView, found: &Found, settled: &Settled) -> Answer<ConflictEnd> {
    let stands = view.file(&found.domain, &found.record.path, Some(settled.revision))?.found();
    Ok(ConflictEnd {
        revision: settled.revision,
        time: settled.time.get(),
        author: settled.author,
        organisation: organisation(view, &settled.author),
        how: settled.how,
        number: settled.side.map(number),
        hash: stands.map(|file| file.hash),
        receipt: settled.receipt,
    })
}

fn told(view: &StateView, event: ConflictEvent) -> ConflictHappening {
    let what = match event.what {
        ConflictEventKind::Opened => ConflictDeed::Opened,
        ConflictEventKind::Joined { side } => ConflictDeed::Joined { number: number(side) },
        ConflictEventKind::Proposed { side, reason } => ConflictDeed::Proposed { number: number(side), reason },
        ConflictEventKind::Voted { organisation, side } => ConflictDeed::Voted { organisation, number: number(side) },
        ConflictEventKind::Passed { decider, deadline } => {
            ConflictDeed::Passed { arbiter: arbiter(&decider), deadline: deadline.map(|deadline| deadline.get()) }
        }
        ConflictEventKind::HeldUp { until, path } => ConflictDeed::HeldUp { until: coming(until), locked: path },
        ConflictEventKind::Settled { how, side } => ConflictDeed::Settled { how, number: side.map(number) },
    };
    let by = speaker(view, event.by);
    ConflictHappening { revision: event.revision, time: event.time.get(), by, what }
}

/// Authors by key, then replicas by number.
fn speakers(view: &StateView, actors: &[Actor]) -> Vec<Speaker> {
    let mut found: Vec<Speaker> = actors.iter().map(|actor| speaker(view, *actor)).collect();
    found.sort_by_key(|speaker| match speaker {
        Speaker::Replica { replica } => Some(*replica),
        Speaker::Author { .. } | Speaker::Deadline => None,
    });
    found
}

fn speaker(view: &StateView, actor: Actor) -> Speaker {
    match actor {
        Actor::Author(author) => Speaker::Author { author, organisation: organisation(view, &author) },
        Actor::Replica(key) => match view.number_of_member(&key) {
            Some(replica) => Speaker::Replica { replica: replica.get() },
            None => Speaker::Author { author: key, organisation: organisation(view, &key) },
        },
        Actor::Deadline => Speaker::Deadline,
    }
}

/// Organisation of a key: an author's, or a member's for what an analyser proposed.
fn organisation(view: &StateView, author: &PublicKey) -> Option<String> {
    view.organisation(author).ok().flatten()
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Value => "value",
        Class::Structural => "structural",
        Class::Semantic => "semantic",
    }
}
