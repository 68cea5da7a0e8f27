//! `quorate partitions`: which members hear each other, what waits, and what earlier outages have cost.

use super::clock;
use super::failure::Outcome;
use super::print::{self, plain};
use super::reach::Reach;
use quorate_client::api::{Backlog, Component, Estimate, Healing, Oldest, Partitions};
use serde_json::Value;

/// Asks a node, which answers from its own state.
pub async fn run(reach: &Reach) -> Outcome {
    let client = reach.doctor()?;
    let raw: Value = client.get(&["partitions"], &[]).await?;
    if reach.json {
        return Ok(print::json(&raw)?);
    }
    let partitions: Partitions = client.read(&raw)?;
    Ok(lines(&partitions).iter().try_for_each(print::say)?)
}

fn lines(partitions: &Partitions) -> Vec<String> {
    let Partitions { replica, can_order, components, waiting, estimate, healed, .. } = partitions;
    let mut lines: Vec<String> = components.iter().map(component).collect();
    lines.push(match can_order {
        true => format!("replica {replica} can have changes ordered"),
        false => format!("replica {replica} cannot have anything ordered now: it needs {} members", partitions.quorum),
    });
    lines.extend(partitions.since.map(|since| format!("since {}", clock::date(since))));
    lines.extend(backlog(waiting));
    lines.extend(estimate.as_ref().map(guess));
    lines.extend(healed.iter().map(healing));
    lines
}

fn component(component: &Component) -> String {
    let whose = if component.ours { ", ours" } else { ", by their last words" };
    let can = if component.can_order { "can order" } else { "cannot order" };
    format!("group of {}: {can}{whose}", numbers(&component.members))
}

fn numbers(members: &[u16]) -> String {
    members.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

fn backlog(waiting: &Backlog) -> Option<String> {
    let oldest = seconds(waiting.oldest_ms?);
    Some(format!(
        "{} changes wait, {} of them in the queue, the oldest for {oldest}",
        waiting.envelopes, waiting.queued
    ))
}

/// The change that has waited longest, in a line.
pub fn oldest(waiting: &Backlog) -> Option<String> {
    let Oldest { id, domain, waits_for, why } = waiting.oldest.as_ref()?;
    let why = match (waits_for, why) {
        (Some(number), _) => format!("it waits for its author's number {number}"),
        (None, Some(why)) => plain(why),
        (None, None) => "it is on its way".to_owned(),
    };
    let lasts = seconds(waiting.oldest_ms?);
    Some(format!("The oldest change that waits, for {lasts}, is {id} in domain {}: {why}.", plain(domain)))
}

fn guess(Estimate { left_ms, rests_on }: &Estimate) -> String {
    let left = left_ms.map_or("no estimate".to_owned(), |left| format!("about {} more", seconds(left)));
    format!("{left}: {}", plain(rests_on))
}

/// An outage that is over, in a line.
pub fn healing(healing: &Healing) -> String {
    let Healing { began, ended, stopped_at, paused, resumed, applied, merged, conflicted, refused, .. } = healing;
    let components: Vec<String> = healing.components.iter().map(|members| numbers(members)).collect();
    let lasted = format!("from {} for {} ({})", clock::date(*began), seconds(ended - began), components.join(" | "));
    if !healing.stopped {
        return format!("a member was apart {lasted}; everything was ordered");
    }
    let stopped = seconds(ended.saturating_sub(stopped_at.unwrap_or(*began)));
    let took = healing.recovery_ms.map_or("not complete".to_owned(), |ms| format!("recovered in {}", seconds(ms)));
    format!(
        "outage {lasted}, nothing ordered for {stopped}: {paused} paused, {resumed} resumed: {applied} applied, {merged} merged, \
         {conflicted} in conflict, {refused} refused; {took}"
    )
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_tells_how_long_nothing_was_ordered_and_who_was_apart_alone_stopped_nothing() {
        let stopped =
            Healing { began: 0, ended: 90_000, stopped: true, stopped_at: Some(60_000), ..Healing::default() };
        let told = healing(&stopped);
        assert!(told.contains("for 90.0 s") && told.contains("nothing ordered for 30.0 s"), "{told}");

        let apart = healing(&Healing { stopped: false, stopped_at: None, ..stopped });
        assert!(apart.starts_with("a member was apart") && !apart.contains("outage"), "{apart}");
    }
}
