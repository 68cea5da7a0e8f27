//! `--dry-run`: what a change of the member list would do, and why it could not be done now.

use super::{joiners, open_proposals, program};
use crate::cli::failure::{Failure, Outcome};
use crate::cli::listing::LIST_MAX;
use crate::cli::print::{self, plain};
use crate::cli::reach::Reach;
use quorate_client::api::{Member, MemberPlan, MustBeUp, Step};
use quorate_client::http::Client;
use quorate_ledger::Reconfiguration;
use std::collections::BTreeMap;

/// Shows the plan of a change; exit 1 where it could not take effect now.
pub async fn show(reach: &Reach, mut change: Reconfiguration) -> Outcome {
    let client = reach.client()?;
    take_statements(&client, &mut change).await?;
    let plan = client.plan_members(&change).await?;
    if reach.json {
        print::json(&plan)?;
        return if plan.refused.is_none() && plan.unready_for_rules.is_empty() {
            Ok(())
        } else {
            Err(Failure::silent())
        };
    }
    told(&plan).iter().try_for_each(print::say)?;
    if let Some(must) = &plan.must_be_up {
        let members: Vec<Member> = client.list(&["members"], &[], LIST_MAX).await?;
        heavy(must, &members, &change, plan.f).iter().try_for_each(print::say)?;
    }
    if let Some(rules) = change.rules.filter(|_| !plan.unready_for_rules.is_empty()) {
        return unready(&client, &plan, rules).await;
    }
    match &plan.refused {
        None => Ok(print::say("nothing stands in its way: without --dry-run it is proposed")?),
        Some(why) => Err(Failure::no(plain(why)).next(advice(why))),
    }
}

/// Names the members that are not known to execute by the next rules.
async fn unready(client: &Client, plan: &MemberPlan, rules: u32) -> Outcome {
    let members: Vec<Member> = client.list(&["members"], &[], LIST_MAX).await?;
    for member in members.iter().filter(|member| plan.unready_for_rules.contains(&member.replica)) {
        let has =
            member.program.as_ref().map_or_else(|| "is not heard".to_owned(), |it| format!("runs {}", program(it)));
        print::say(format_args!("member {} of {} {has}", member.replica, plain(&member.organisation)))?;
    }
    let (count, n) = (plan.unready_for_rules.len(), plan.n.before);
    let what =
        format!("{count} of {n} members are not known to execute by rules {rules}, and would stop at the boundary");
    Err(Failure::no(what).next("start the newer program there first, one member after the other"))
}

/// Takes the newest statements of the joiners from the proposals that are open.
async fn take_statements(client: &Client, change: &mut Reconfiguration) -> Result<(), Failure> {
    for proposal in open_proposals(client).await? {
        for known in joiners(&proposal).filter(|known| known.statement.is_some()) {
            if let Some(joiner) = change.joiner_mut(&known.key).filter(|joiner| joiner.statement.is_none()) {
                joiner.statement.clone_from(&known.statement);
            }
        }
    }
    Ok(())
}

fn told(plan: &MemberPlan) -> Vec<String> {
    let Some(after) = plan.n.after else {
        return vec![format!("{} members now: this makes no member list", plan.n.before)];
    };
    let (before, q, f) = (plan.n.before, moved("q", plan.q), moved("f", plan.f));
    let mut lines = vec![format!("{before} → {after} {q} and {f}")];
    if let Some(MustBeUp { count, of }) = &plan.must_be_up {
        let (all, q) = (of.len(), plan.q.before);
        lines.push(format!(
            "up to the end of this epoch, any {q} of the {before} must be up; from there on, any {count} of the {all}"
        ));
    }
    lines
}

fn moved(what: &str, step: Step) -> String {
    match step.after.unwrap_or(step.before) {
        after if after > step.before => format!("raises {what} from {} to {after}", step.before),
        after if after < step.before => format!("lowers {what} from {} to {after}", step.before),
        after => format!("{what} stays {after}"),
    }
}

/// Warnings about organisations that could stop the group alone.
fn heavy(must: &MustBeUp, members: &[Member], change: &Reconfiguration, f: Step) -> Vec<String> {
    let known = members.iter().map(|member| (member.key, member.organisation.as_str()));
    let joining = change.joiners().map(|joiner| (joiner.key, joiner.organisation.as_str()));
    let organisation: BTreeMap<_, _> = known.chain(joining).collect();
    let mut held: BTreeMap<&str, usize> = BTreeMap::new();
    for key in &must.of {
        *held.entry(organisation.get(key).copied().unwrap_or_default()).or_default() += 1;
    }
    let most = f.after.unwrap_or(f.before).max(1);
    let heavy = held.into_iter().filter(|(_, held)| *held > most);
    let line = |(name, held): (&str, usize)| {
        format!(
            "warning: {} would have {held} of {} members, and could stop the group alone",
            plain(name),
            must.of.len()
        )
    };
    heavy.map(line).collect()
}

/// Advice for a refusal.
fn advice(why: &str) -> &'static str {
    match why {
        why if why.contains("is not ready") => {
            "`quorate members add`, then `quorate join` on its machine, then `quorate members ready` with what that wrote"
        }
        why if why.contains("is pending") => "`quorate members` shows the boundary; an idle group is there in seconds",
        why if why.contains("may change at once") => "do it in several steps, one epoch each",
        why if why.contains("is or was a member") => "`quorate keys new` makes another key",
        why if why.contains("start one that knows") => "`quorate members` shows the program of each member",
        why if why.contains("executes by") => "run the same version of the program there",
        _ => "`quorate members` shows who votes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(before: usize, after: usize) -> Step {
        Step { before, after: Some(after) }
    }

    #[test]
    fn a_plan_says_what_a_member_more_or_less_does_to_n_q_and_f() {
        let must_be_up = Some(MustBeUp { count: 4, of: vec![quorate_pbft::PublicKey([1; 32]); 5] });
        let plan = MemberPlan {
            n: step(4, 5),
            f: step(1, 1),
            q: step(3, 4),
            must_be_up,
            refused: None,
            unready_for_rules: vec![],
        };
        let lines = told(&plan);
        assert_eq!(lines[0], "4 → 5 raises q from 3 to 4 and f stays 1");
        assert!(lines[1].ends_with("any 3 of the 4 must be up; from there on, any 4 of the 5"));
        let plan = MemberPlan {
            n: step(4, 3),
            f: step(1, 0),
            q: step(3, 3),
            must_be_up: None,
            refused: None,
            unready_for_rules: vec![],
        };
        assert_eq!(told(&plan), ["4 → 3 q stays 3 and lowers f from 1 to 0"]);
    }
}
