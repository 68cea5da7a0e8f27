//! `quorate ls`, `log` and `diff`: what stands in a domain, and how it came there.

use super::failure::{Failure, Outcome};
use super::level::{Freshness, Wish, parse_wish};
use super::listing::{LIST_MAX, page};
use super::names::Names;
use super::print::{self, Table, plain, short, size};
use super::reach::{Reach, Scope};
use super::{change, clock};
use quorate_client::api::{Causality, LogEntry, TreeEntry};
use quorate_client::calls::{self, level_name};
use quorate_client::http::Client;
use quorate_ledger::{Mode, Revision};
use serde_json::json;

/// List the files of a domain
#[derive(Debug, clap::Args)]
pub struct Ls {
    /// Only this file, or what is in this folder
    path: Option<String>,
    #[command(flatten)]
    freshness: Freshness,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    reach: Reach,
}

/// Runs `quorate ls`.
pub async fn ls(args: &Ls) -> Outcome {
    let client = args.reach.client()?;
    let folder = args.path.as_deref().map(|path| format!("{path}/")).unwrap_or_default();
    let fresh = args.freshness.chosen(&client, &args.scope.domain, &folder).await?;
    let entries = tree(&client, &args.scope.domain, &fresh.at(), fresh.level()).await?;
    let asked = |entry: &TreeEntry| args.path.as_deref().is_none_or(|path| is_under(&entry.path, path));
    let entries: Vec<TreeEntry> = entries.into_iter().filter(asked).collect();
    if entries.is_empty() && args.path.is_some() {
        let what = format!("nothing stands at {}", plain(args.path.as_deref().unwrap_or_default()));
        return Err(Failure::no(what).next("`quorate ls` without a path shows what stands where"));
    }
    if args.reach.json {
        return Ok(print::json(&page(&entries))?);
    }
    let mut table = Table::new(&["mode", "size", "revision", "path"]);
    for entry in &entries {
        let mark = if entry.conflict.is_some() { "  (conflict)" } else { "" };
        let path = format!("{}{mark}", plain(&entry.path));
        table.row([change::word(entry.mode), size(entry.size), entry.revision.to_string(), path]);
    }
    Ok(table.print("no files")?)
}

/// Lists the files of a domain at one moment: later pages name the revision that the first one was read at.
pub async fn tree(client: &Client, domain: &str, at: &str, level: &str) -> Result<Vec<TreeEntry>, Failure> {
    let pinned = if at.is_empty() { newest(client, domain, level).await? } else { at.to_owned() };
    Ok(client.list(&["domains", domain, "tree"], &[("at", &pinned)], usize::MAX).await?)
}

/// The revision that answers a read of this level now.
pub async fn newest(client: &Client, domain: &str, level: &str) -> Result<String, Failure> {
    let path = ["domains", domain, "tree"];
    let answer = client.get_bytes(&path, &[("level", level), ("limit", "1")]).await?;
    let at = answer.header(quorate_client::api::AT_HEADER).map(str::to_owned);
    at.ok_or_else(|| client.garbled("the answer does not say of which revision it is").into())
}

fn is_under(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Show what happened, the newest first
#[derive(Debug, clap::Args)]
pub struct Log {
    /// Only what changed this file
    #[arg(conflicts_with = "causal")]
    path: Option<String>,
    /// Say whether the first change came before the second, after it, or knew nothing of it, and why; each is named by
    /// its envelope or by the revision that it made
    #[arg(long, num_args = 2, value_names = ["FIRST", "SECOND"])]
    causal: Vec<String>,
    /// Entries to show at most
    #[arg(long, short = 'n', default_value_t = LIST_MAX, value_name = "N")]
    limit: usize,
    /// Consistency of the answer; auto chooses, and says why
    #[arg(long, default_value = "strong", value_parser = parse_wish, value_name = "LEVEL")]
    level: Wish,
    /// Milliseconds within which an answer is of use, for level auto
    #[arg(long, value_name = "MS")]
    within: Option<u64>,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    reach: Reach,
}

/// Runs `quorate log`.
pub async fn log(args: &Log) -> Outcome {
    let client = args.reach.client()?;
    if let [first, second] = &args.causal[..] {
        return causal(args, &client, first, second).await;
    }
    let path = args.path.as_deref().unwrap_or_default();
    let level = args.level.level(&client, &args.scope.domain, &[path], args.within).await?;
    let query = [("path", path), ("level", level_name(level))];
    let path = ["domains", &args.scope.domain, "log"];
    let calls::Log { items: raw, next, begins, gaps } = client.list_log(&path, &query, args.limit).await?;
    if let Some(slot) = begins {
        tell!("quorate: history begins with slot {slot} here: what came before it is not shown");
        tell!("  --node URL of a member that keeps more shows it");
    }
    if gaps {
        tell!("quorate: changes whose receipts a repair of this node has dropped are not shown");
        tell!("  --node URL of another member shows them");
    }
    if args.reach.json {
        return Ok(print::json(&json!({ "items": raw, "next": next, "begins": begins, "gaps": gaps }))?);
    }
    if raw.is_empty() {
        let of = args.path.as_deref().map(|path| format!(" of {}", plain(path))).unwrap_or_default();
        tell!("no changes{of}");
    }
    let mut names = Names::of(&client);
    for value in &raw {
        let entry: LogEntry = client.read(value)?;
        log_lines(&entry, &names.author(&entry.author).await).iter().try_for_each(print::say)?;
    }
    Ok(())
}

/// Prints the causal order of two envelopes (A4).
async fn causal(args: &Log, client: &Client, first: &str, second: &str) -> Outcome {
    let level = args.level.level(client, &args.scope.domain, &[""], args.within).await?;
    let query = [("first", first), ("second", second), ("level", level_name(level))];
    let found: Causality = client.get(&["domains", &args.scope.domain, "causality"], &query).await?;
    if args.reach.json {
        return Ok(print::json(&found)?);
    }
    let words = match found.order.as_str() {
        "before" => "came before: whoever made the second had seen the first",
        "after" => "came after: whoever made the first had seen the second",
        "concurrent" => "concurrent: neither author had seen the other's change",
        _ => "the same change",
    };
    print::say(words)?;
    Ok(print::say(format_args!("  {}", plain(&found.why)))?)
}

fn log_lines(entry: &LogEntry, author: &str) -> Vec<String> {
    let id = short(entry.id);
    let mut lines = vec![format!("{}  {id}  {}  by {author}", entry.revision, clock::date(entry.time))];
    lines.extend(entry.message.trim_end().lines().map(|line| format!("    {}", plain(line))));
    let what = |path: &quorate_ledger::PathChange| format!("  {}  {}", change::outcome(path), plain(&path.path));
    lines.extend(entry.changes.iter().map(what));
    lines.push(String::new());
    lines
}

/// Show what changed between two revisions
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// The earlier revision
    from: Revision,
    /// The later revision
    to: Revision,
    /// Only this file, or what is in this folder
    path: Option<String>,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    reach: Reach,
}

/// A path that differs between two revisions.
#[derive(Debug, serde::Serialize)]
struct Difference {
    path: String,
    change: &'static str,
    from: Option<Side>,
    to: Option<Side>,
}

/// File at a path on one side of a difference.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
struct Side {
    mode: Mode,
    hash: String,
    size: u64,
}

impl Side {
    fn of(entry: &TreeEntry) -> Self {
        Self { mode: entry.mode, hash: entry.hash.to_string(), size: entry.size }
    }
}

/// Runs `quorate diff`.
pub async fn diff(args: &Diff) -> Outcome {
    let client = args.reach.client()?;
    let domain = &args.scope.domain;
    let (from, to) = (args.from.to_string(), args.to.to_string());
    let (before, after) = (tree(&client, domain, &from, "").await?, tree(&client, domain, &to, "").await?);
    let mut differences = compare(&before, &after);
    differences.retain(|difference| args.path.as_deref().is_none_or(|path| is_under(&difference.path, path)));
    if args.reach.json {
        return Ok(print::json(&page(&differences))?);
    }
    for difference in &differences {
        let old = content(&client, domain, difference.from.as_ref(), &difference.path, &from).await?;
        let new = content(&client, domain, difference.to.as_ref(), &difference.path, &to).await?;
        print::say(shown(difference, &old, &new).trim_end_matches('\n'))?;
    }
    Ok(())
}

/// Differences between two trees, by path.
fn compare(before: &[TreeEntry], after: &[TreeEntry]) -> Vec<Difference> {
    let mut sides = std::collections::BTreeMap::<&str, (Option<Side>, Option<Side>)>::new();
    before.iter().for_each(|entry| sides.entry(&entry.path).or_default().0 = Some(Side::of(entry)));
    after.iter().for_each(|entry| sides.entry(&entry.path).or_default().1 = Some(Side::of(entry)));
    let changed = sides.into_iter().filter(|(_, (from, to))| from != to);
    changed.map(|(path, (from, to))| Difference { path: path.into(), change: kind(&from, &to), from, to }).collect()
}

fn kind(from: &Option<Side>, to: &Option<Side>) -> &'static str {
    match (from, to) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "modified",
    }
}

async fn content(client: &Client, domain: &str, side: Option<&Side>, path: &str, at: &str) -> Result<Vec<u8>, Failure> {
    match side {
        Some(_) => Ok(client.renewed().get_bytes(&super::file_read::segments(domain, path), &[("at", at)]).await?.body),
        None => Ok(vec![]),
    }
}

/// A difference as a unified diff, or in a line where it is no text.
fn shown(difference: &Difference, old: &[u8], new: &[u8]) -> String {
    let path = plain(&difference.path);
    let name =
        |side: &Option<Side>, prefix: &str| side.as_ref().map_or("/dev/null".into(), |_| format!("{prefix}/{path}"));
    let (from, to) = (name(&difference.from, "a"), name(&difference.to, "b"));
    let mut text = format!("{} {path}\n", difference.change);
    if let (Some(old), Some(new)) = (&difference.from, &difference.to)
        && old.mode != new.mode
    {
        text += &format!("mode {} to {}\n", change::word(old.mode), change::word(new.mode));
    }
    match (std::str::from_utf8(old), std::str::from_utf8(new)) {
        (Ok(old), Ok(new)) if old == new => text,
        (Ok(old), Ok(new)) if !old.contains('\0') && !new.contains('\0') => {
            text + &format!("--- {from}\n+++ {to}\n") + &super::unified::diff(old, new)
        }
        _ => text + &format!("not text: {} to {}\n", size(old.len() as u64), size(new.len() as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_not_the_beginning_of_a_name() {
        assert!(is_under("a/b", "a") && is_under("a/b", "a/") && is_under("a", "a"));
        assert!(!is_under("ab", "a") && !is_under("a", "a/b"));
    }
}
