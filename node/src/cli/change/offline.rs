//! `--offline`: a change that is signed and kept for a parcel, after the questions that a node at the place can answer.

use super::{Terms, must_stand, tell_earlier};
use crate::cli::failure::{Failure, Outcome};
use crate::cli::print::{self, plain};
use crate::cli::{clock, limits};
use quorate_client::author::{Author, Draft};
use quorate_client::http::{Client, ClientError};
use quorate_client::outbox::Chain;
use quorate_ledger::{Code, Level, Limits};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

/// Changes of a chain at most: of older verdicts on its author the order knows nothing.
const LINKS_MAX: u64 = 4_096;

/// Advice where a chain is long or old.
const BEGIN_ANEW: &str = "carry the outbox to a node, and its receipts and slots home, until no change waits: the next one begins anew; or \
                          name another base with --base";

/// Signs a change and keeps it in the outbox.
pub async fn keep(terms: &Terms, paths: &[&str], draft: Draft, stands: Option<&str>) -> Outcome {
    let (reach, domain) = (&terms.reach, &terms.scope.domain);
    let mut author = Author::open(terms.signing.key()?, reach.client()?, domain).await?;
    author.newest().await?; // before it is asked what stands where: it may have to execute what the key has receipts of
    may_sign(&author, &reach.client()?, domain).await?;
    if let Some(path) = stands.filter(|_| author.newest_unanswered().is_none()) {
        must_stand(&reach.client()?, domain, path, &[Level::Sequential]).await?;
    }
    let limits = limits::limits(&reach.client()?).await?;
    fits(&draft, domain, limits.file_bytes_max)?;
    if let (None, Some(chain)) = (draft.base, author.chain()) {
        goes_on(chain, &limits)?;
    }
    let id = author.keep_telling(&draft, tell_earlier).await?;
    if reach.json {
        return Ok(print::json(&json!({ "id": id.to_string(), "state": "kept" }))?);
    }
    print::say(format_args!("kept  {id}"))?;
    paths.iter().try_for_each(|path| print::say(format_args!("  {}", plain(path))))?;
    Ok(print::say("next: `quorate bundle outbox` packs it; nothing was sent")?)
}

/// Refuses a key that may not sign as the site has it: where the change is ordered, it and all behind it would be refused.
async fn may_sign(author: &Author, site: &Client, domain: &str) -> Outcome {
    let refused = |code, why: String| Err(Failure::refused(code, Some(domain), why));
    let known = match site.author(domain, &author.key()).await {
        Ok(known) => known,
        Err(ClientError::Refused(problem)) if problem.status == 404 => return Ok(()), // such as a domain that is not there
        Err(error) => return Err(error.into()),
    };
    let (slot, state) = (known.revision, plain(&known.standing.state));
    match &state[..] {
        "good" => Ok(()),
        "not enrolled" => refused(Code::UnknownAuthor, format!("this site (slot {slot}) does not know the key yet"))
            .map_err(|failure| failure.next("bring slots of after its enrolment: `quorate bundle export` at a node, `quorate bundle import` here")),
        _ => refused(Code::Revoked, format!("by this site (slot {slot}) the key is {state}"))
            .map_err(|failure| failure.next("sign with another key of the organisation")),
    }
}

/// Refuses a content that the group takes no file of.
fn fits(draft: &Draft, domain: &str, most: u64) -> Outcome {
    if draft.contents.iter().all(|content| content.len() as u64 <= most) {
        return Ok(());
    }
    let why = format!("the group takes files of at most {}", print::size(most));
    Err(Failure::refused(Code::TooLarge, Some(domain), why))
}

/// Refuses to go on a chain that no node would take, and tells of one that nears that.
fn goes_on(Chain { links, since_ms }: Chain, limits: &Limits) -> Outcome {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let age = now.saturating_sub(u128::from(since_ms));
    let has_come_to = |quarters: u64| {
        4 * links >= quarters * LINKS_MAX || 4 * age >= u128::from(quarters) * u128::from(limits.base_horizon_ms)
    };
    let [since, end] = [since_ms, since_ms.saturating_add(limits.base_horizon_ms)].map(clock::date);
    let what = format!(
        "{links} changes hang on each other since {since}; no node takes more than {LINKS_MAX}, or any after {end}"
    );
    if has_come_to(4) {
        return Err(Failure::no(format!("{what}; nothing was signed")).next(BEGIN_ANEW));
    }
    if has_come_to(3) {
        tell!("quorate: {what}");
        tell!("  {BEGIN_ANEW}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(links: u64, days_ago: u64) -> Chain {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis() as u64;
        Chain { links, since_ms: now - days_ago * 86_400_000 }
    }

    #[test]
    fn a_chain_that_no_node_would_take_is_not_gone_on_with() {
        let limits = Limits::default();
        for good in [chain(1, 0), chain(LINKS_MAX - 1, 29)] {
            assert!(goes_on(good, &limits).is_ok(), "{good:?}");
        }
        for bad in [chain(LINKS_MAX, 0), chain(1, 30)] {
            let told = goes_on(bad, &limits).expect_err("it would be refused where it is ordered").to_string();
            assert!(told.contains("no node takes more than 4096") && told.contains("nothing was signed"), "{told}");
        }
    }
}
