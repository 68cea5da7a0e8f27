//! `quorate identities`: who may sign changes, and how an organisation changes that for its own people.

use super::change;
use super::failure::{Exit, Failure, Outcome};
use super::group::because;
use super::listing::{self, LIST_MAX};
use super::print::plain;
use super::reach::Reach;
use super::sending::SignedRequest;
use super::{document, policy, sending};
use quorate_client::api::Identity;
use quorate_client::author::{Author, Draft};
use quorate_client::keys::{self, Key, KeyError};
use quorate_ledger::keys::Purpose;
use quorate_ledger::{Enrolment, GROUP_DOMAIN, Op, Principal, hexed};
use quorate_pbft::PublicKey;
use std::path::{Path, PathBuf};

/// See and change who may sign changes
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the authors, with those that were revoked
    List {
        #[command(flatten)]
        reach: Reach,
    },
    /// Enrol an author of your own organisation
    Enrol {
        #[command(flatten)]
        newcomer: Newcomer,
        #[command(flatten)]
        word: SignedRequest,
    },
    /// Revoke an author of your own organisation: what the key signs is refused from there on
    Revoke {
        /// The author's key, in hex or as a key file
        #[arg(value_name = "AUTHOR")]
        who: String,
        /// Revoke the organisation's last author too: it has no voice then until others propose a new one
        #[arg(long)]
        last: bool,
        #[command(flatten)]
        word: SignedRequest,
    },
    /// Go on with a new key; the old one is revoked in the same change
    Rotate {
        /// The new key file
        new: PathBuf,
        /// Rotate although policies name the old key: what they ask of that key, nobody can give then
        #[arg(long)]
        named: bool,
        /// Rotate although changes of the old key wait: those that are ordered later are refused
        #[arg(long)]
        unanswered: bool,
        #[command(flatten)]
        word: SignedRequest,
    },
}

/// An author who is not enrolled yet.
#[derive(Debug, clap::Args)]
pub struct Newcomer {
    /// Proof that `quorate keys prove` printed for the newcomer, or the newcomer's key file
    #[arg(value_name = "FILE")]
    new: PathBuf,
    /// Organisation for a key file [default: the organisation of the signer]
    #[arg(long, value_name = "NAME")]
    org: Option<String>,
}

/// Runs the command.
pub async fn run(command: &Command) -> Outcome {
    match command {
        Command::List { reach } => list(reach).await,
        Command::Enrol { newcomer, word } => {
            let Enrolment { key, organisation, proof } = newcomer.enrolment(word).await?;
            sending::change(word, GROUP_DOMAIN, Op::Enrol { key, organisation, proof }).await
        }
        Command::Revoke { who, last, word } => {
            let key = key_of(who)?;
            if !last {
                keep_last(word, &key).await?;
            }
            sending::change(word, GROUP_DOMAIN, Op::Revoke { key }).await
        }
        Command::Rotate { new, named, unanswered, word } => {
            let organisation = own_organisation(word).await?;
            if !named {
                keep_named(word).await?;
            }
            let Enrolment { key, proof, .. } = prove(&Key::open(new)?, &organisation)?;
            rotate(word, Op::Rotate { key, proof }, *unanswered).await
        }
    }
}

/// Signs a rotation; while changes of the old key have no answer, only if that is meant.
async fn rotate(word: &SignedRequest, op: Op, is_meant: bool) -> Outcome {
    let waits = async |author: &Author| match author.has_unanswered() && !is_meant {
        true => Err(Failure::new(Exit::Unreachable, WAITS).next(WAIT_FIRST)),
        false => Ok(()),
    };
    let draft = Draft { base: None, ops: vec![op], contents: vec![], message: word.message.clone() };
    let answer = change::send_unless(&word.reach, &word.signing, GROUP_DOMAIN, &draft, word.level, waits).await?;
    change::report(answer, word.reach.json)
}

/// Why a key is not rotated.
const WAITS: &str = "a change of this key still waits, and would be refused once the key is over; nothing was signed";

/// Advice where a change of a key waits.
const WAIT_FIRST: &str = "give the command again later (`quorate log` shows what was ordered), or with --unanswered: the key ends although they wait";

/// Revokes the one author whom an organisation has left only if that is meant.
async fn keep_last(word: &SignedRequest, key: &PublicKey) -> Outcome {
    let known: Vec<Identity> = word.reach.client()?.list(&["identities"], &[], LIST_MAX).await?;
    let Some(named) = known.iter().find(|author| author.key == *key) else { return Ok(()) };
    let signs =
        |author: &&Identity| author.organisation == named.organisation && !author.standing.state.starts_with("revoked");
    let mut left = known.iter().filter(signs);
    match (left.next(), left.next()) {
        (Some(only), None) if only.key == *key => {
            let what = format!("{key} is the last author of {}, which would have no voice", plain(&named.organisation));
            Failure::no(what).next(ENROL_FIRST).unless_scripted()
        }
        _ => Ok(()),
    }
}

/// Ends a key that policies name only if that is meant: they do not name the new one.
async fn keep_named(word: &SignedRequest) -> Outcome {
    let key = word.signing.public()?;
    let (places, closed) = policy::places_of(&word.reach.client()?, &Principal::Author(key)).await?;
    closed.iter().for_each(|policy| tell!("quorate: not all policies can be read here: {policy}"));
    let (what, next) = match (places.is_empty(), closed.is_empty()) {
        (true, true) => return Ok(()),
        (true, false) => (format!("policies that may name {key} cannot be read"), READ_FIRST),
        (false, _) => (format!("policies name {key}, and not the new key, at {}", places.join(", ")), NAME_FIRST),
    };
    Failure::no(what).next(next).unless_scripted()
}

/// Advice where a key would end that policies may name.
const READ_FIRST: &str = "--token FILE or QUORATE_TOKEN names the file with the secret of a node that shows them, --node a member that has \
                          them; with --named it is rotated all the same";

/// Advice where a key would end that policies name.
const NAME_FIRST: &str = "propose policies that name the new key in its place (`quorate policy show`, `quorate policy set`), and rotate \
                          once they are in force; with --named it is rotated all the same";

/// Advice where the last author of an organisation would go.
const ENROL_FIRST: &str = "enrol another author first (`quorate identities enrol`), or `quorate identities rotate`; with --last it is \
                           revoked all the same, and the others bring the organisation back by `quorate propose enrol`";

async fn list(reach: &Reach) -> Outcome {
    let headings = ["key", "organisation", "standing", "figure", "because"];
    listing::list(reach, &["identities"], &headings, "no authors", |table, author: Identity| {
        let standing = [plain(&author.standing.state), author.standing.figure.to_string()];
        let [state, figure] = standing;
        table.row([author.key.to_string(), plain(&author.organisation), state, figure, because(&author.standing)]);
    })
    .await
}

impl Newcomer {
    /// The newcomer's key with its proof of possession.
    pub async fn enrolment(&self, word: &SignedRequest) -> Result<Enrolment, Failure> {
        let key = match Key::open(&self.new) {
            Ok(key) => key,
            Err(KeyError::NotAKey(_)) => return self.proven(),
            Err(other) => return Err(other.into()),
        };
        let organisation = match &self.org {
            Some(named) => named.clone(),
            None => own_organisation(word).await?,
        };
        Ok(prove(&key, &organisation)?)
    }

    fn proven(&self) -> Result<Enrolment, Failure> {
        let enrolment: Enrolment = document::read(&self.new)?;
        match &self.org {
            Some(named) if *named != enrolment.organisation => {
                let (file, theirs) = (self.new.display(), plain(&enrolment.organisation));
                Err(Failure::usage(format!("{file} is a proof for the organisation {theirs}, not {named}")))
            }
            _ => Ok(enrolment),
        }
    }
}

/// An author's key for an organisation, with the proof that its owner holds it.
pub fn prove(key: &Key, organisation: &str) -> Result<Enrolment, KeyError> {
    Enrolment::prove_by(Purpose::Author, organisation, key.public_key(), |bytes| key.sign(bytes))
}

/// A key that is given in hex or as the file that holds it.
pub fn key_of(text: &str) -> Result<PublicKey, Failure> {
    match hexed::parse(text) {
        Ok(key) => Ok(key),
        Err(_) if Path::new(text).exists() => Ok(keys::public(Path::new(text))?),
        Err(_) => Err(Failure::usage(format!("{}: no key of 64 hex digits and no key file", plain(text)))
            .next("`quorate identities list` shows the keys")),
    }
}

/// The organisation of the signer.
pub async fn own_organisation(word: &SignedRequest) -> Result<String, Failure> {
    let (client, key) = (word.reach.client()?, word.signing.public()?);
    let known: Vec<Identity> = client.list(&["identities"], &[], LIST_MAX).await?;
    let own = known.into_iter().find(|author| author.key == key);
    own.map(|author| author.organisation).ok_or_else(|| Failure::no(format!("{key} is not enrolled")))
}
