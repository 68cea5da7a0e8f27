//! Advice after a refusal, by its code.

use super::print::plain;
use quorate_ledger::{Code, Receipt};
use std::env;

/// Next step of the refused author; none where nothing was refused, or the detail of the refusal says it all.
pub fn on(receipt: &Receipt) -> Option<String> {
    let detail = |words: &str| receipt.detail.as_deref().is_some_and(|detail| detail.contains(words));
    match receipt.code? {
        _ if receipt.is_for_another_slot() => Some(LATER.to_owned()),
        _ if receipt.asks_too_much() => Some(LESS.to_owned()),
        Code::UnknownConflict if detail("has no side") => {
            Some("`quorate conflicts show` shows its sides by number".to_owned())
        }
        Code::BadAct if detail("is no name of") => Some(format!("a name has {OF_NAMES}; {NAMES}")),
        code => about(code, &option(&receipt.domain)),
    }
}

/// Option that names a domain in a command to type, with a space before it; none for the domain that commands take without it.
pub fn option(domain: &str) -> String {
    let usual = env::var("QUORATE_DOMAIN").unwrap_or_else(|_| "main".into());
    if domain == usual { String::new() } else { format!(" --domain {}", plain(domain)) }
}

/// Next step after a refusal of an answer, by its code.
pub fn of(code: &str) -> Option<String> {
    match code {
        "unknown-revision" => Some("`quorate log` lists the revisions that there are".to_owned()),
        "content-gone" => Some("--node URL of a member that keeps more, or --at REV of a newer revision".to_owned()),
        "not-found" => Some("look at it again; --node URL asks another member, which may know it".to_owned()),
        code => about(serde_json::from_value(code.into()).ok()?, ""),
    }
}

/// Advice on a change that came when others of its organisation had done much.
const LATER: &str = "give the command again a while later: nothing is wrong with the change";

/// Advice on a change that asks for more work than one may.
const LESS: &str = "give less in one change: several may do what is too much for one";

/// Advice on a name that an organisation or a domain cannot have.
const NAMES: &str = "`quorate domains` and `quorate identities list` show those that are taken";

/// Characters of a name.
pub const OF_NAMES: &str = "1 to 100 of a-z A-Z 0-9 . _ -, the first a letter or digit";

/// Advice on a code; a domain stands as the option that names it.
fn about(code: Code, domain: &str) -> Option<String> {
    let advice = match code {
        Code::UnknownAuthor => "somebody of your organisation enrols the key: `quorate identities enrol`",
        Code::Revoked => "`quorate identities list` shows who may sign; a revoked key never may again",
        Code::BaseUnknown | Code::BaseRefused => {
            return Some(format!(
                "without --base it is based on the newest revision; `quorate log{domain}` lists those that there are"
            ));
        }
        Code::BaseTooOld => "give the change again: it is based on what stands there now; look at it first",
        Code::MissingPath | Code::PathIsFile | Code::PathIsFolder => {
            return Some(format!("`quorate ls{domain}` shows what stands where"));
        }
        Code::UnknownDomain => "`quorate domains` lists them; --domain names one",
        Code::Lock => {
            return Some(format!(
                "`quorate lock list{domain}` shows until when; `quorate lock acquire PATH{domain}` stands in line for it. What a \
                 transaction over several groups holds ends with it: `quorate tx list`"
            ));
        }
        Code::WouldConflict => {
            return Some(format!(
                "`quorate get PATH{domain}` shows what stands there now; give the change again without --base"
            ));
        }
        Code::Anchor => "read what changed, and begin the transaction again: `quorate tx abort`, `quorate tx begin`",
        Code::UnknownProposal => "`quorate proposals list --open` shows what waits for approval",
        Code::UnknownPending => {
            return Some(format!("`quorate pending list{domain}` shows what waits for the word of others"));
        }
        Code::UnknownConflict => "`quorate conflicts list` shows those that are open",
        Code::NotMember
        | Code::Role
        | Code::NotOwner
        | Code::WriteOnce
        | Code::DoesNotParse
        | Code::Schema
        | Code::Validator
        | Code::Approvals
        | Code::Quota
        | Code::Rate => return Some(format!("`quorate policy show{domain}` shows what the domain demands")),
        Code::Malformed
        | Code::TooLarge
        | Code::TrailingBytes
        | Code::BadSignature
        | Code::SequenceTaken
        | Code::Overlap
        | Code::GapTooWide
        | Code::BadPath
        | Code::BadAct => return None,
    };
    Some(advice.to_owned())
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use quorate_ledger::{EnvelopeId, State};
    use quorate_pbft::{Digest, PublicKey};

    /// Receipt of a change that a validator refused with this detail.
    pub fn refused_for(detail: &str) -> Receipt {
        Receipt {
            id: EnvelopeId(Digest::ZERO),
            domain: "main".into(),
            author: PublicKey([0; 32]),
            from_seq: 1,
            to_seq: 1,
            state: State::Refused,
            revision: None,
            lane: None,
            stage: None,
            code: Some(Code::Validator),
            detail: Some(detail.into()),
            conflicts: Vec::new(),
            changes: Vec::new(),
        }
    }

    #[test]
    fn who_asks_for_more_work_than_one_change_may_is_told_to_ask_for_less() {
        let receipt = refused_for("the envelope asks for the rules of more paths than one may");
        assert_eq!(on(&receipt).as_deref(), Some(LESS));
        let of_a_rule = Receipt { detail: Some("it is no JSON".into()), ..receipt };
        assert!(on(&of_a_rule).is_some_and(|advice| advice.contains("policy show")));
    }

    #[test]
    fn advice_on_a_path_names_the_domain_where_a_command_would_take_another() {
        for (code, command) in [
            (Code::Lock, "`quorate lock list --domain tools`"),
            (Code::Lock, "`quorate lock acquire PATH --domain tools`"),
            (Code::MissingPath, "`quorate ls --domain tools`"),
            (Code::UnknownPending, "`quorate pending list --domain tools`"),
        ] {
            let receipt = Receipt { code: Some(code), domain: "tools".into(), detail: None, ..refused_for("") };
            let advice = on(&receipt).expect("something to do");
            assert!(advice.contains(command), "{advice}");
        }
        assert_eq!(option("main"), "");
    }

    #[test]
    fn who_is_no_member_is_sent_to_the_policy_of_that_domain() {
        let advice = about(Code::NotMember, " --domain main").expect("something to do");
        assert!(advice.contains("quorate policy show --domain main"), "{advice}");
    }
}
