//! `quorate policy`: what a domain, or the group, demands; shown and proposed as one JSON document.

use super::failure::{Failure, Outcome};
use super::listing::LIST_MAX;
use super::print;
use super::reach::{Reach, Scope};
use super::sending::SignedRequest;
use super::{document, govern, policy_check};
use quorate_client::api::{Decides, Domain, PolicyOfDomain, PolicyOfGroup};
use quorate_client::http::{Client, ClientError};
use quorate_ledger::policy::DomainPolicy;
use quorate_ledger::{Act, GROUP_DOMAIN, Principal};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// See and propose what a domain or the group demands
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print a policy, as `policy set` takes it
    Show {
        /// The group's own policy instead of a domain's
        #[arg(long)]
        group: bool,
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        reach: Reach,
    },
    /// Read a policy as the ledger would, without a node, and tell all that is wrong
    Check(policy_check::Check),
    /// Propose a new policy; it takes effect once enough organisations agree
    Set {
        /// The whole policy, a JSON file; `-` reads standard input
        file: PathBuf,
        /// The group's own policy instead of a domain's
        #[arg(long)]
        group: bool,
        #[command(flatten)]
        scope: Scope,
        #[command(flatten)]
        word: SignedRequest,
    },
}

/// Runs the command.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::Show { group: true, reach, .. } => {
            let found: PolicyOfGroup = reach.client()?.get(&["policy"], &[]).await?;
            if found.decides.stuck {
                let Decides { needed, voices, .. } = found.decides;
                tell!("warning: this policy asks for more than can speak; {needed} of the {voices} that can decide");
            }
            Ok(print::json(&found.policy)?)
        }
        Command::Show { scope, reach, .. } => {
            let found: PolicyOfDomain = reach.client()?.get(&["domains", &scope.domain, "policy"], &[]).await?;
            if found.decides.stuck {
                let Decides { needed, voices, .. } = found.decides;
                tell!(
                    "warning: nobody in the domain can change it any more: {needed} organisations must agree, {voices} can"
                );
                tell!("the group can: quorate propose rescue FILE --domain {}", print::plain(&found.domain));
            }
            Ok(print::json(&found.policy)?)
        }
        Command::Check(args) => policy_check::run(args),
        Command::Set { file, group: true, word, .. } => set_group(file, word).await,
        Command::Set { file, scope, word, .. } => set(file, scope, word).await,
    }
}

/// Proposes a domain's policy.
pub async fn set(file: &Path, scope: &Scope, word: &SignedRequest) -> Outcome {
    let policy = read(file, "")?;
    tell_readers(&policy);
    govern::propose(word, &scope.domain, Act::SetPolicy { policy }).await
}

/// Places in the policies of the group and of its domains that name somebody, and words about what cannot be read here.
pub async fn places_of(client: &Client, who: &Principal) -> Result<(Vec<String>, Vec<String>), ClientError> {
    let (who, mut places, mut closed) = (who.to_string(), Vec::new(), Vec::new());
    if let Some(group) = unless_closed(GROUP_DOMAIN, client.get::<Value>(&["policy"], &[]).await, &mut closed)? {
        find(&group["policy"], &who, "@group: policy".into(), &mut places);
    }
    let domains = client.list(&["domains"], &[], LIST_MAX).await;
    let domains = unless_closed("the domains", domains, &mut closed)?;
    for Domain { name, .. } in domains.into_iter().flatten() {
        let (path, shown) = (["domains", &name, "policy"], print::plain(&name));
        if let Some(domain) = unless_closed(&shown, client.renewed().get::<Value>(&path, &[]).await, &mut closed)? {
            find(&domain["policy"], &who, format!("{shown}: policy"), &mut places);
        }
    }
    Ok((places, closed))
}

/// An answer; none where the node refuses it, which is noted.
fn unless_closed<T>(
    what: &str,
    answer: Result<T, ClientError>,
    closed: &mut Vec<String>,
) -> Result<Option<T>, ClientError> {
    match answer {
        Err(ClientError::Refused(problem)) => {
            closed.push(format!("{what}: {problem}"));
            Ok(None)
        }
        answer => answer.map(Some),
    }
}

/// Finds a text in a document.
fn find(document: &Value, text: &str, place: String, found: &mut Vec<String>) {
    match document {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| find(item, text, format!("{place}[{at}]"), found));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| find(field, text, format!("{place}.{name}"), found));
        }
        value if value == text => found.push(place),
        _ => (),
    }
}

/// Tells whoever restricts readers what that does not do.
pub fn tell_readers(policy: &DomainPolicy) {
    if !policy.readers.contains(&Principal::Everyone) {
        tell!(
            "quorate: `readers` hides nothing where a node's `reads` is open, as it is unless its operator says guarded"
        );
        tell!("  encrypt what others must not read, or give it a group of its own");
    }
}

/// Proposes that the group gives a domain a policy which cannot change its own.
pub async fn rescue(file: &Path, scope: &Scope, word: &SignedRequest) -> Outcome {
    let (name, policy) = (scope.domain.clone(), read(file, "")?);
    govern::propose(word, GROUP_DOMAIN, Act::Rescue { name, policy }).await
}

/// Proposes the group's policy.
pub async fn set_group(file: &Path, word: &SignedRequest) -> Outcome {
    govern::propose(word, GROUP_DOMAIN, Act::SetGroupPolicy { policy: read(file, " --group")? }).await
}

/// Policy in a file; `check` tells more of one that does not parse.
fn read<T: DeserializeOwned>(file: &Path, group: &str) -> Result<T, Failure> {
    document::read(file).map_err(|failure| {
        failure.or_next(format!("`quorate policy check{group} {}` tells all that is wrong", file.display()))
    })
}
