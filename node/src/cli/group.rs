//! `quorate status`, `health`, `issues`: the group, as a node sees it.

use super::clock;
use super::failure::{Failure, NOT_THERE, Outcome};
use super::listing::LIST_MAX;
use super::partitions;
use super::print::{self, Table, plain, short};
use super::reach::Reach;
use crate::counted::counted;
use quorate_client::api::{
    Health, HealthAction, Issue, Mode, Page, Partitions, Peer, RestartedFrom, Role, Standing, Status,
};
use quorate_client::http::{ClientError, NO_HTTP};
use serde_json::Value;

/// `quorate status`.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    #[command(flatten)]
    reach: Reach,
    /// Say in words why the group stands where it stands
    #[arg(long)]
    explain: bool,
}

/// Prints the group's status.
pub async fn status(args: &StatusArgs) -> Outcome {
    let client = args.reach.doctor()?;
    let raw: Value = client.get(&["status"], &[]).await.map_err(unheard)?;
    if args.reach.json {
        return Ok(print::json(&raw)?);
    }
    let status: Status = client.read(&raw)?;
    facts(&status).print("")?;
    if args.explain {
        print::say("")?;
        let peers: Vec<Peer> = client.list(&["peers"], &[], LIST_MAX).await.unwrap_or_default();
        let issues: Page<Issue> = client.get(&["issues"], &[]).await.map_err(unheard)?;
        explanation(&status, &peers, &issues.items).iter().try_for_each(print::say)?;
        if status.pending > 0 {
            let partitions: Partitions = client.get(&["partitions"], &[]).await?;
            partitions::oldest(&partitions.waiting).iter().try_for_each(print::say)?;
        }
        issues.items.iter().filter(|issue| issue.severity != "notice").try_for_each(tell_issue)?;
    }
    Ok(())
}

/// A node that does not even tell of itself.
fn unheard(error: ClientError) -> Failure {
    let is_silent = matches!(&error, ClientError::NoAnswer { last, .. } if last != NO_HTTP);
    let failure = Failure::from(error);
    if is_silent { failure.next(NOT_THERE) } else { failure }
}

fn facts(status: &Status) -> Table {
    let number = |replica: Option<u16>| replica.map_or("none".into(), |replica| replica.to_string());
    let who = match status.role {
        Role::Replica => format!("replica {}", number(status.replica)),
        Role::Observer => "observer".into(),
    };
    let mode = if status.why.is_empty() {
        status.mode.to_string()
    } else {
        format!("{}: {}", status.mode, plain(&status.why))
    };
    let stable = status.stable_checkpoint;
    let mut table = Table::new(&["group", &plain(&status.name)]);
    let facts = [
        ("id", status.group.to_string()),
        ("node", format!("{who}, quorate {}", plain(&status.version))),
        ("mode", mode),
        ("view", format!("{} of epoch {}, primary {}", status.view, status.epoch, number(status.primary))),
        ("executed", format!("slot {}, state {}", status.executed_seq, short(status.state_root))),
        ("checkpoint", format!("slot {}, state {}", stable.seq, short(stable.state_root))),
        ("pending", format!("{} envelopes", status.pending)),
        ("hears", heard(&status.peers)),
        ("last sync", status.last_sync.map_or("not yet".into(), clock::date)),
        ("health", health_line(&status.health)),
    ];
    facts.into_iter().for_each(|(name, value)| table.row([name.into(), value]));
    if let Some(RestartedFrom { group, name, seq, time, .. }) = &status.restarted_from {
        let (name, date) = (plain(name), clock::date(*time));
        table.row(["goes on from".into(), format!("slot {seq} of group {name} ({group}), as of {date}")]);
    }
    table
}

fn heard(peers: &[u16]) -> String {
    let list: Vec<String> = peers.iter().map(u16::to_string).collect();
    if list.is_empty() { "nobody".into() } else { format!("replicas {}", list.join(", ")) }
}

fn health_line(health: &Health) -> String {
    let reasons = health.reasons.iter().map(|reason| plain(reason)).collect::<Vec<_>>().join("; ");
    if reasons.is_empty() { format!("{} of 1", health.score) } else { format!("{} of 1: {reasons}", health.score) }
}

fn explanation(status: &Status, peers: &[Peer], issues: &[Issue]) -> Vec<String> {
    let full = issues.iter().find(|issue| issue.id == "disk-full");
    let mut words = vec![match status.mode {
        Mode::Active if hears_too_few(status) => format!(
            "Nothing can be ordered now: this node hears {} of the {} members that must be heard. Reads at level \
            sequential still answer. Writes that are taken wait, and are ordered when a quorum is back; once one has waited \
            3 s, new ones are refused, but for those of level eventual: these are kept.",
            status.peers.len() + 1,
            status.quorum
        ),
        Mode::Active if !status.why.is_empty() => format!("This node casts no vote now: {}.", plain(&status.why)),
        Mode::Active if let Some(full) = full => {
            format!("This node can vote, and takes no new changes ({}): see `quorate issues`.", plain(&full.evidence))
        }
        Mode::Active => "This node can vote. Changes that reach it are ordered as soon as a quorum agrees.".into(),
        Mode::ReadOnly => "Too few members are heard to agree on anything. Reads at level sequential still answer. \
            What was taken before stays, and is ordered when a quorum is back; new writes are refused, but for those of \
            level eventual: these are kept."
            .into(),
        Mode::Recovering => "This node restarted. It votes again once enough others have told it what it may have \
            promised before; until then requests wait."
            .into(),
        Mode::Following => "This node follows the group and serves what it has verified. It does not vote: an observer \
            never does, and a member whose disk is a copy, or older than its promises, votes again once its place has a \
            new key (`quorate members rekey`)."
            .into(),
        Mode::Diverged => "This node's state is not the one that a quorum certified. It has stopped voting: keep its \
            folder for an analysis and give the replica a new disk."
            .into(),
    }];
    let silent = not_connected(status.role, peers);
    if !silent.is_empty() {
        words.push(format!(
            "Not connected: {}. Are they started, and is the network between you whole?",
            silent.join(", ")
        ));
    }
    words.extend(elsewhere(status.view, peers));
    let ahead = peers.iter().filter_map(|peer| peer.executed_seq).max().unwrap_or(0);
    if ahead > status.executed_seq {
        words.push(format!(
            "Others have executed up to slot {ahead}: {} more than this node.",
            ahead - status.executed_seq
        ));
    }
    words
}

/// Views of connected members that are not in this node's: they do not vote together until they are in one.
fn elsewhere(own: u64, peers: &[Peer]) -> Option<String> {
    let views = peers.iter().filter(|peer| peer.connected && peer.replica.is_some());
    let views = views.filter_map(|peer| Some((name_of(peer), peer.view.filter(|view| *view != own)?)));
    let list: Vec<String> = views.map(|(name, view)| format!("{name} in {view}")).collect();
    (!list.is_empty()).then(|| {
        let list = list.join(", ");
        format!("This node is in view {own}, others are not: {list}. Members vote together once they are in one view.")
    })
}

/// Names of those without a connection; who only knocked once has an address and no name. An observer calls none that does not
/// serve it.
fn not_connected(role: Role, peers: &[Peer]) -> Vec<String> {
    let is_known = |peer: &&Peer| role == Role::Replica && (peer.replica.is_some() || !peer.peer_id.is_empty());
    peers.iter().filter(|peer| !peer.connected).filter(is_known).map(name_of).collect()
}

fn hears_too_few(status: &Status) -> bool {
    (status.peers.len() as u64) + 1 < status.quorum
}

fn name_of(peer: &Peer) -> String {
    peer.replica.map_or_else(|| format!("peer {}", plain(&peer.peer_id)), |replica| format!("replica {replica}"))
}

/// A node's opinion of itself.
pub async fn health(reach: &Reach) -> Outcome {
    let client = reach.doctor()?;
    let raw: Value = client.get(&["health"], &[]).await.map_err(unheard)?;
    if reach.json {
        return Ok(print::json(&raw)?);
    }
    let health: Health = client.read(&raw)?;
    print::say(health_line(&health))?;
    Ok(health.actions.iter().map(action_line).try_for_each(print::say)?)
}

fn action_line(action: &HealthAction) -> String {
    let HealthAction { name, what, count, last, lasts } = action;
    let when = if *lasts { "now".to_owned() } else { clock::date(*last) };
    format!("{}: {}; {}, last {when}", plain(name), plain(what), counted(*count as usize, "time"))
}

/// Issues, as a node sees them; exit 1 if somebody should act.
pub async fn issues(reach: &Reach) -> Outcome {
    let client = reach.doctor()?;
    let issues: Page<Issue> = client.get(&["issues"], &[]).await.map_err(unheard)?;
    if reach.json {
        print::json(&issues)?;
    } else if issues.items.is_empty() {
        tell!("no issues");
    } else {
        issues.items.iter().try_for_each(tell_issue)?;
    }
    if issues.items.iter().all(|issue| issue.severity == "notice") { Ok(()) } else { Err(Failure::silent()) }
}

fn tell_issue(issue: &Issue) -> std::io::Result<()> {
    let Issue { id, severity, since, what, evidence, advice, runbook } = issue;
    print::say(format!("{} {}: {}, since {}", plain(severity), plain(id), plain(what), clock::date(*since)))?;
    print::say(format!("         {}", plain(evidence)))?;
    print::say(format!("         {} ({})", plain(advice), plain(runbook)))
}

/// Reasons of a standing, for people.
pub fn because(standing: &Standing) -> String {
    plain(&standing.reasons.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Status of a member that votes and hears the quorum.
    fn active() -> Status {
        let zero = "00".repeat(32);
        let stable = json!({ "seq": 0, "state_root": zero });
        let health = json!({ "score": 1.0, "reasons": [] });
        let status = json!({
            "group": zero, "name": "g", "replica": 0, "primary": 0, "role": "replica", "version": "1", "epoch": 0, "view": 0,
            "executed_seq": 0, "pending": 0, "state_root": zero, "lane_hash": zero, "stable_checkpoint": stable,
            "mode": "active", "why": "", "peers": [1, 2], "quorum": 3, "last_sync": null, "health": health,
        });
        serde_json::from_value(status).expect("a status")
    }

    #[test]
    fn who_waits_for_room_is_not_said_to_vote_and_who_takes_nothing_not_to_order_it() {
        let waiting = Status { why: "the disk is full, and a write waits for room".into(), ..active() };
        assert_eq!(
            explanation(&waiting, &[], &[]),
            ["This node casts no vote now: the disk is full, and a write waits for room."]
        );

        let full = json!({
            "id": "disk-full", "severity": "critical", "since": 0, "what": "", "evidence": "9 of 8 MiB", "advice": "", "runbook": "",
        });
        let told = explanation(&active(), &[], &[serde_json::from_value(full).expect("an issue")]).concat();
        assert!(told.contains("takes no new changes (9 of 8 MiB)") && !told.contains("are ordered"), "{told}");
    }

    #[test]
    fn what_was_taken_before_a_quorum_was_lost_is_said_to_stay() {
        for lost in [Status { peers: vec![1], ..active() }, Status { mode: Mode::ReadOnly, ..active() }] {
            let told = explanation(&lost, &[], &[]).concat();
            assert!(told.contains("ordered when a quorum is back") && told.contains("refused"), "{told}");
            assert!(!told.contains("given up") && !told.contains("sent again"), "{told}");
        }
    }

    #[test]
    fn an_address_that_knocked_once_is_no_lost_peer() {
        let knocked = Peer { address: Some("/ip4/127.0.0.1".into()), ..Peer::default() };
        let silent = Peer { replica: Some(2), ..Peer::default() };
        assert_eq!(not_connected(Role::Replica, &[knocked, silent]), ["replica 2"]);
    }

    #[test]
    fn an_observer_misses_no_connection_to_a_member_that_does_not_serve_it() {
        let silent = Peer { replica: Some(2), ..Peer::default() };
        assert_eq!(not_connected(Role::Observer, &[silent]), Vec::<String>::new());
    }

    #[test]
    fn connected_members_in_another_view_are_named() {
        let peer = |replica, view, connected| Peer { replica: Some(replica), view, connected, ..Peer::default() };
        let peers = [peer(1, Some(7), true), peer(2, Some(4), true), peer(3, Some(3), false), peer(0, None, true)];
        let told = elsewhere(7, &peers).expect("one is elsewhere");
        assert!(told.contains("replica 2 in 4.") && !told.contains("replica 3"), "{told}");
        assert_eq!(elsewhere(7, &peers[..1]), None);
    }
}
