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
    if let Some(why) = &plan.refused {
        return Err(Failure::no(plain(why)).next(advice(why, &change)));
    }
    match change.rules.filter(|_| !plan.unready_for_rules.is_empty()) {
        Some(rules) => unready(&client, &plan, rules).await,
        None => Ok(print::say("nothing stands in its way: without --dry-run it is proposed")?),
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
    let mut lines = vec![format!("{before} → {after} members: {q}, {f}")];
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
        after if after > step.before => format!("{what} rises from {} to {after}", step.before),
        after if after < step.before => format!("{what} falls from {} to {after}", step.before),
        after => format!("{what} stays {after}"),
    }
}

/// Warnings about members and organisations that could stop the group alone.
fn heavy(must: &MustBeUp, members: &[Member], change: &Reconfiguration, f: Step) -> Vec<String> {
    let known = members.iter().map(|member| (member.key, member.organisation.as_str()));
    let joining = change.joiners().map(|joiner| (joiner.key, joiner.organisation.as_str()));
    let organisation: BTreeMap<_, _> = known.chain(joining).collect();
    let mut held: BTreeMap<&str, usize> = BTreeMap::new();
    for key in &must.of {
        *held.entry(organisation.get(key).copied().unwrap_or_default()).or_default() += 1;
    }
    let f = f.after.unwrap_or(f.before);
    let alone = (f == 0 && must.of.len() > 1)
        .then(|| format!("warning: f is 0, so each of the {} members could stop the group alone", must.of.len()));
    let most = f.max(1);
    let heavy = held.into_iter().filter(|(_, held)| *held > most);
    let line = |(name, held): (&str, usize)| {
        format!(
            "warning: {} would have {held} of {} members, and could stop the group alone",
            plain(name),
            must.of.len()
        )
    };
    alone.into_iter().chain(heavy.map(line)).collect()
}

/// Advice for a refusal.
fn advice(why: &str, change: &Reconfiguration) -> String {
    let command = if change.rekey.is_empty() { "add" } else { "rekey" };
    let fixed = match why {
        why if why.contains("is not ready") => {
            return format!(
                "it can be proposed now: `quorate members {command}` without --dry-run, then `quorate join` on its machine; it takes \
                 effect once `quorate members ready` has handed in what that wrote"
            );
        }
        why if why.contains("the group executes by rules") && change.rules.is_some() => return next_rules(why),
        why if why.contains("is pending") => "`quorate members` shows the boundary; an idle group is there in seconds",
        why if why.contains("may change at once") => "do it in several steps, one epoch each",
        why if why.contains("is or was a member") => "`quorate keys new` makes another key",
        why if why.contains("start one that knows") => "`quorate members` shows the program of each member",
        why if why.contains("executes by") => "run the same version of the program there",
        _ => "`quorate members` shows who votes",
    };
    fixed.to_owned()
}

/// Advice for rules that cannot follow those in force.
fn next_rules(why: &str) -> String {
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let now: Option<u32> = why.split("by rules ").nth(1).and_then(|rest| digits(rest).parse().ok());
    now.map_or("rules only go up".to_owned(), |now| format!("rules only go up: the next are {}", now + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_ledger::{Joiner, Rekey};

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
        assert_eq!(lines[0], "4 → 5 members: q rises from 3 to 4, f stays 1");
        assert!(lines[1].ends_with("any 3 of the 4 must be up; from there on, any 4 of the 5"));
        let plan = MemberPlan {
            n: step(4, 3),
            f: step(1, 0),
            q: step(3, 3),
            must_be_up: None,
            refused: None,
            unready_for_rules: vec![],
        };
        assert_eq!(told(&plan), ["4 → 3 members: q stays 3, f falls from 1 to 0"]);
    }

    #[test]
    fn a_plan_that_leaves_no_fault_to_spare_warns_of_each_member() {
        let must = MustBeUp { count: 3, of: vec![quorate_pbft::PublicKey([1; 32]); 3] };
        let lines = heavy(&must, &[], &Reconfiguration::default(), step(1, 0));
        assert_eq!(lines[0], "warning: f is 0, so each of the 3 members could stop the group alone");
    }

    #[test]
    fn advice_on_a_joiner_that_is_not_ready_names_the_command_that_was_given() {
        let (key, none) = (quorate_pbft::PublicKey([1; 32]), Reconfiguration::default());
        let proof = quorate_pbft::Signature([0; 64]);
        let new = Joiner { organisation: "org".into(), key, addresses: vec![], proof, statement: None };
        let rekey = Reconfiguration { rekey: vec![Rekey { old: key, new }], ..Reconfiguration::default() };

        assert!(advice("1 is not ready: it has stated nothing", &rekey).contains("`quorate members rekey`"));
        assert!(advice("1 is not ready: it has stated nothing", &none).contains("`quorate members add`"));
    }

    #[test]
    fn advice_on_rules_that_are_too_high_or_too_low_names_the_next_ones() {
        let change = Reconfiguration { rules: Some(99), ..Reconfiguration::default() };
        for why in ["the group executes by rules 9: one number at a time", "the group executes by rules 9: others have"]
        {
            assert_eq!(advice(why, &change), "rules only go up: the next are 10");
        }
    }
}
