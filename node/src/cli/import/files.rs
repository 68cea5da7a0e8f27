//! Files that a domain has where those of a history come.

use super::super::failure::{Failure, Outcome};
use super::super::print;
use super::earlier::Earlier;
use super::others::meets;
use crate::counted::counted;
use quorate_client::api::{ConflictEntry, TreeEntry};
use quorate_client::content;
use quorate_client::http::{Client, ClientError};
use quorate_git::{Entry, GitError, ObjectId, Repository};
use quorate_ledger::Revision;
use std::collections::{BTreeMap, BTreeSet};

/// Refuses where a domain that no import has come to has a file or a conflict at a path that comes, if only on the way: it would
/// be written over, or ended.
pub async fn none_is_in_the_way(
    client: &Client,
    domain: &str,
    coming: impl FnOnce() -> Result<BTreeSet<String>, Failure>,
) -> Outcome {
    let there: Vec<TreeEntry> = client.list(&["domains", domain, "tree"], &[], usize::MAX).await?;
    let mut there: BTreeSet<String> = there.into_iter().map(|file| file.path).collect();
    there.extend(in_conflict(client, domain).await?);
    let coming = if there.is_empty() { BTreeSet::new() } else { coming()? };
    let hit: Vec<&String> = there.iter().filter(|path| meets(&coming, path)).collect();
    let Some(first) = hit.first() else { return Ok(()) };
    let (path, files) = (print::plain(first), counted(hit.len(), "file"));
    let what = format!("{domain} has {files} of this branch that no import brought, as {path}: nothing was sent");
    Err(Failure::no(what).next("--over writes over them; another domain takes the branch as it is"))
}

/// Paths that come, or lie above or below one that does, at which a domain has another file at a revision than git's tree at
/// the commit up to which imports have come, or a conflict.
pub async fn otherwise(
    (client, domain, at): (&Client, &str, Revision),
    (repository, earlier): (&Repository, &Earlier),
    coming: &BTreeSet<String>,
) -> Result<BTreeSet<String>, Failure> {
    let files: Vec<TreeEntry> =
        client.list(&["domains", domain, "tree"], &[("at", &at.to_string())], usize::MAX).await?;
    let files = files.into_iter().filter(|file| meets(coming, &file.path));
    let files: BTreeMap<String, TreeEntry> = files.map(|file| (file.path.clone(), file)).collect();
    let conflicts = in_conflict(client, domain).await?.into_iter();
    let mut otherwise: BTreeSet<String> = conflicts.filter(|path| meets(coming, path)).collect();
    let paths = coming.iter().chain(files.keys()).cloned().collect();
    for (path, entry) in earlier.entries(repository, &paths).map_err(Failure::usage)? {
        if !is_same(repository, files.get(&path), entry).map_err(Failure::usage)? {
            otherwise.insert(path);
        }
    }
    Ok(otherwise)
}

/// Paths at which the domain has what imports brought otherwise than the commit whose files are there, as somebody says, and than
/// the commit of the line to which the way from there leads, a part of which may be in; refuses where there are some that are not to
/// be written over.
pub async fn astray(
    (client, domain, at): (&Client, &str, Revision),
    (repository, said): (&Repository, &Earlier),
    (brought, to): (&BTreeSet<String>, ObjectId),
    is_over: bool,
) -> Result<BTreeSet<String>, Failure> {
    let mut astray = otherwise((client, domain, at), (repository, said), brought).await?;
    astray.retain(|path| brought.contains(path));
    if !astray.is_empty() && to != said.commit {
        let end = Earlier { commit: to, begun: None, change: None };
        let other = otherwise((client, domain, at), (repository, &end), &astray).await?;
        astray.retain(|path| other.contains(path));
    }
    let Some(first) = astray.first().filter(|_| !is_over) else { return Ok(astray) };
    let (path, files, commit) = (print::plain(first), counted(astray.len(), "file"), print::short(said.commit));
    let what = format!("{domain} has {files} of an import not as commit {commit}, as {path}: nothing was sent");
    Err(Failure::no(what).next(
        "`quorate log` tells with `Git-Commit` up to which commit imports came: --after names that one; --over sets these files \
         as they are in git",
    ))
}

/// Paths of a domain's open conflicts.
async fn in_conflict(client: &Client, domain: &str) -> Result<Vec<String>, ClientError> {
    let query = [("domain", domain), ("state", "open")];
    let open: Vec<ConflictEntry> = client.list(&["conflicts"], &query, usize::MAX).await?;
    Ok(open.into_iter().map(|conflict| conflict.path).collect())
}

fn is_same(repository: &Repository, file: Option<&TreeEntry>, entry: Option<Entry>) -> Result<bool, GitError> {
    match (file, entry) {
        (Some(file), Some(entry)) if file.size == entry.size && file.mode == entry.mode.into() => {
            Ok(content::digest(&repository.content(entry.blob)?) == file.hash)
        }
        (file, entry) => Ok(file.is_none() && entry.is_none()),
    }
}
