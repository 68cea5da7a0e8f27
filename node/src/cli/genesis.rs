//! `quorate genesis`: the ceremony in which several organisations make one genesis, each with its own keys.

use super::address::multiaddr;
use super::failure::{Failure, Outcome};
use super::observe::domain;
use super::print::{self, Table};
use super::{document, restart};
use quorate_client::api::RestartedFrom;
use quorate_client::keys::{self, Key};
use quorate_ledger::proof::read_genesis;
use quorate_ledger::{Genesis, hexed};
use quorate_pbft::{Committee, Digest};
use quorate_service::ceremony::{Draft, Entry};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Make one genesis out of the keys of several organisations
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Begin a draft, with a name and domains; constants and limits may be edited in it before the first entry
    Template(Template),
    /// Make your organisation's entry from its own keys; it holds nothing secret
    Entry(EntryArgs),
    /// Take an organisation's entry into the draft
    Add {
        /// The draft
        draft: PathBuf,
        /// The entry, as `quorate genesis entry` made it
        entry: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make the genesis; the same entries make the same one, whoever builds it
    Build {
        /// The draft
        draft: PathBuf,
        /// The genesis to make; a file that is there is never overwritten
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Begin the draft of a group that goes on from one that lost more than f disks, from the newest state that is left
    Restart(restart::Args),
    /// Take the genesis of the group before out of that of a group that goes on from it: what its receipts verify with
    Before {
        /// The genesis
        genesis: PathBuf,
        /// The file to make; a file that is there is never overwritten
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show who takes part, and on what terms
    Show {
        /// The genesis
        genesis: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check a genesis: its spelling, every key and proof, and the hash that the others read out
    Verify {
        /// The genesis
        genesis: PathBuf,
        /// SHA-256 of the file as another organisation sees it: the group's id
        #[arg(long, value_name = "HEX")]
        hash: Option<String>,
        /// Own snapshot or backup of the group that this one goes on from: a newer one is not to be lost
        #[arg(long, value_name = "SNAPSHOT")]
        from: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `quorate genesis template`.
#[derive(Debug, clap::Args)]
pub struct Template {
    /// The draft to make; a file that is there is never overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Name of the group for people [default: that of the draft's file]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A domain that the group begins with, open to every author until its policy says otherwise; may stand several
    /// times
    #[arg(long = "domain", value_name = "NAME", default_value = "main", value_parser = domain())]
    domains: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `quorate genesis entry`.
#[derive(Debug, clap::Args)]
pub struct EntryArgs {
    /// The organisation
    #[arg(long, value_name = "NAME")]
    org: String,
    /// Key file of a replica and the multiaddr on which the others will reach it; may stand several times
    #[arg(long = "replica", value_name = "KEY=MULTIADDR")]
    replicas: Vec<String>,
    /// Key file of an author that may sign changes from the beginning; may stand several times
    #[arg(long = "author", value_name = "KEY")]
    authors: Vec<PathBuf>,
    /// The entry to make; a file that is there is never overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(command: &Command) -> Outcome {
    match command {
        Command::Template(args) => template(args),
        Command::Entry(args) => entry(args),
        Command::Add { draft, entry, json } => add(draft, entry, *json),
        Command::Build { draft, out, json } => build(draft, out, *json),
        Command::Restart(args) => restart::run(args),
        Command::Before { genesis, out, json } => before(genesis, out, *json),
        Command::Show { genesis, json } => show(&read(genesis)?, *json),
        Command::Verify { genesis, hash, from, json } => verify(genesis, hash.as_deref(), from.as_deref(), *json),
    }
}

/// Draft in a file.
pub fn read_draft(file: &Path) -> Result<Draft, Failure> {
    document::read(file)
}

/// Genesis in a file; exit 1 if it is none, or goes on from a state that nobody has signed.
pub fn read(file: &Path) -> Result<Genesis, Failure> {
    let bytes = document::bytes(file)?;
    read_genesis(&bytes).map_err(|error| Failure::no(format!("{}: {error}", file.display())))
}

fn before(file: &Path, out: &Path, as_json: bool) -> Outcome {
    let genesis = read(file)?;
    let Some((restart, before)) = genesis.restarted() else {
        return Err(Failure::no(format!("{}: this group goes on from no other", file.display())));
    };
    document::write_new_bytes(out, before.bytes())?;
    if as_json {
        return Ok(print::json(&json!({ "genesis": out, "group": restart.group.to_string() }))?);
    }
    Ok(print::say(format!("{}: the genesis of group {}", out.display(), restart.group))?)
}

fn template(args: &Template) -> Outcome {
    let mut known = BTreeSet::new();
    if let Some(twice) = args.domains.iter().find(|domain| !known.insert(*domain)) {
        return Err(Failure::usage(format!("domain {twice} stands twice")));
    }
    let of_file = || args.out.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = args.name.clone().unwrap_or_else(of_file);
    let draft = Draft::new(name.clone(), args.domains.clone());
    document::write_new(&args.out, &draft)?;
    if args.json {
        return Ok(print::json(&json!({ "draft": args.out, "name": name, "domains": args.domains }))?);
    }
    print::say(format!("draft {}: each organisation adds its entry", args.out.display()))?;
    Ok(print::say(format!("  quorate genesis add {} ENTRY", args.out.display()))?)
}

fn entry(args: &EntryArgs) -> Outcome {
    let replicas = args.replicas.iter().map(|word| replica(word)).collect::<Result<Vec<_>, _>>()?;
    let authors = args.authors.iter().map(|file| Key::open(file)).collect::<Result<Vec<_>, _>>()?;
    let entry = Entry::new(&args.org, &replicas, &authors)?;
    entry.check().map_err(Failure::usage)?;
    document::write_new(&args.out, &entry)?;
    let (voters, signers) = (entry.replicas.len(), entry.authors.len());
    if args.json {
        let made = json!({ "entry": args.out, "organisation": args.org, "replicas": voters, "authors": signers });
        return Ok(print::json(&made)?);
    }
    Ok(print::say(format!("entry of {} (replicas: {voters}, authors: {signers}); nothing in it is secret", args.org))?)
}

fn replica(word: &str) -> Result<(Key, String), Failure> {
    let expected = "expected a key file and a multiaddr, as in replica.key=/ip4/10.0.0.3/tcp/7700";
    let parts = word.split_once('=').and_then(|(file, listen)| Some((file, multiaddr(listen).ok()?)));
    let (file, listen) = parts.ok_or_else(|| Failure::usage(format!("replica {word:?}: {expected}")))?;
    Ok((Key::Held(keys::read(Path::new(file))?), listen))
}

fn add(file: &Path, entry: &Path, as_json: bool) -> Outcome {
    let mut draft = read_draft(file)?;
    let entry: Entry = document::read(entry)?;
    let organisation = entry.organisation.clone();
    draft.add(entry).map_err(Failure::no)?;
    document::replace(file, &draft)?;
    let (organisations, replicas) = (draft.entries().count(), draft.addresses().len());
    if as_json {
        let added = json!({ "added": organisation, "organisations": organisations, "replicas": replicas });
        return Ok(print::json(&added)?);
    }
    Ok(print::say(format!("{organisation} added (organisations: {organisations}, replicas: {replicas})"))?)
}

fn build(draft: &Path, out: &Path, as_json: bool) -> Outcome {
    let draft = read_draft(draft)?;
    let genesis = draft.build().map_err(|error| match draft.entries().next() {
        Some(_) => Failure::no(error),
        None => Failure::no(error)
            .next("each organisation adds its entry first: `quorate genesis entry`, `quorate genesis add`"),
    })?;
    document::write_new_bytes(out, genesis.bytes())?;
    show(&genesis, as_json)?;
    if !as_json {
        print::say(format!("every organisation compares: quorate genesis verify {} --hash HEX", out.display()))?;
    }
    Ok(())
}

fn verify(file: &Path, hash: Option<&str>, from: Option<&Path>, as_json: bool) -> Outcome {
    let genesis = read(file)?;
    let group = genesis.group();
    if let Some(hash) = hash {
        let told: Digest = hexed::parse(hash).map_err(|error| Failure::usage(format!("--hash: {error}")))?;
        if told != group {
            let next = "somebody has another file: compare `quorate genesis show` of both before anybody starts";
            return Err(Failure::no(format!("{} has the hash {group}, not {told}", file.display())).next(next));
        }
    }
    from.map_or(Ok(()), |own| restart::compare(&genesis, own))?;
    match as_json {
        true => Ok(print::json(&json!({ "verified": true, "group": group.to_string() }))?),
        false => Ok(print::say(format!("verified: {group}"))?),
    }
}

fn show(genesis: &Genesis, as_json: bool) -> Outcome {
    if as_json {
        return Ok(print::json(&document_of(genesis))?);
    }
    let committee = committee(genesis);
    print::say(format!("group {} ({})", print::plain(genesis.name()), genesis.group()))?;
    let (n, f, q) = (committee.len(), committee.faulty_max(), committee.quorum());
    print::say(format!("{n} replicas: {q} decide, {f} may fail or lie"))?;
    genesis.restarted().map_or(Ok(()), |(left, _)| restart::scar(left))?;
    let mut table = Table::new(&["REPLICA", "ORGANISATION", "KEY"]);
    for (number, member) in genesis.file().members.iter().enumerate() {
        table.row([number.to_string(), member.organisation.clone(), member.key.to_string()]);
    }
    for author in &genesis.file().authors {
        table.row(["author".to_owned(), author.organisation.clone(), author.key.to_string()]);
    }
    table.print("no members")?;
    for domain in &genesis.file().domains {
        print::say(format!("domain {}: writers {}", domain.name, json!(domain.writers)))?;
    }
    advise(genesis);
    Ok(())
}

fn document_of(genesis: &Genesis) -> Value {
    let (committee, file) = (committee(genesis), genesis.file());
    json!({
        "group": genesis.group().to_string(), "name": file.name,
        "n": committee.len(), "f": committee.faulty_max(), "q": committee.quorum(),
        "organisations": file.organisations, "members": file.members, "authors": file.authors,
        "domains": file.domains, "restarted_from": RestartedFrom::of(genesis),
        "signers": genesis.restarted().map(|(restart, _)| restart.signers.iter().map(ToString::to_string).collect::<Vec<_>>()),
    })
}

fn committee(genesis: &Genesis) -> &Committee {
    genesis.founders()
}

/// Warnings for people: a group that is weaker than it looks.
fn advise(genesis: &Genesis) {
    let (committee, members) = (committee(genesis), &genesis.file().members);
    if committee.faulty_max() == 0 {
        tell!("warning: {} replicas survive no liar and no lost one; four survive one", committee.len());
    }
    for organisation in &genesis.file().organisations {
        let held = members.iter().filter(|member| member.organisation == *organisation).count();
        if held > committee.faulty_max() && committee.faulty_max() > 0 {
            let f = committee.faulty_max();
            tell!(
                "warning: {organisation} has {held} of {} replicas; with more than {f} it can stop the group, \
                       or break its agreement",
                committee.len()
            );
        }
    }
}
