//! Load of a run: authors at work, and what was seen meanwhile.

use crate::args::BenchArgs;
use crate::author::{Asked, Author};
use crate::group::Group;
use crate::threads::Usage;
use anyhow::Context as _;
use quorate_ledger::Revision;
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Pace of the authors.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Time from the begin of an author's envelope to that of its next; zero to send as soon as there is an answer.
    pub pause: Duration,
    /// Envelopes of an author that are under way over one connection.
    pub under_way: Option<u64>,
}

/// Observations while counting.
pub struct Measured {
    /// Begin of the time that counts.
    pub begin: Instant,
    /// The time that counts.
    pub elapsed: Duration,
    /// Envelopes of the whole run, those before and after it too.
    pub asked: Vec<Asked>,
    /// Processor time at its begin.
    pub before: Usage,
    /// Processor time at its end.
    pub after: Usage,
    /// Views that were begun in it.
    pub view_changes: u64,
    /// Space at the end of each minute, where minutes count.
    pub minutes: Vec<Minute>,
}

/// Space that all replicas take at the end of a minute.
#[derive(Debug, Clone, Serialize)]
pub struct Minute {
    /// From 1.
    pub minute: u64,
    /// Bytes of their folders on the disk.
    pub disk_bytes: u64,
    /// Bytes of their memory.
    pub memory_bytes: u64,
}

impl Pace {
    /// Pace that the arguments ask for.
    pub fn of(args: &BenchArgs) -> Self {
        let pause = args.rate.map_or(Duration::ZERO, |rate| args.pause(rate as f64));
        Self { pause, under_way: args.stream }
    }
}

/// Authors of a run, spread over these nodes. What is to be there is written before the load begins.
pub async fn authors(args: &BenchArgs, group: &Group, nodes: &[usize]) -> anyhow::Result<Vec<Author>> {
    let author = |index| Author::new(args, group, index, &group.nodes[nodes[index % nodes.len()]]);
    let mut authors = (0..args.authors).map(author).collect::<anyhow::Result<Vec<_>>>()?;
    if args.files_per_author().is_some() {
        authors = stock(authors).await?;
    }
    let mut newest = authors.iter().map(Author::newest).max().unwrap_or(Revision::GENESIS);
    for author in &mut authors {
        newest = newest.max(author.write_first().await?);
    }
    group.await_slot(newest.seq().get()).await?;
    authors.iter_mut().for_each(|author| author.begin_at(newest));
    Ok(authors)
}

/// Lets each author write its files once.
async fn stock(authors: Vec<Author>) -> anyhow::Result<Vec<Author>> {
    eprintln!("bench: writing the files that are to be there");
    let stock = |mut author: Author| async move { author.stock().await.map(|()| author) };
    let tasks: Vec<_> = authors.into_iter().map(|author| tokio::spawn(stock(author))).collect();
    let mut authors = Vec::new();
    for task in tasks {
        authors.push(task.await.context("an author panicked")??);
    }
    Ok(authors)
}

/// Authors at work.
pub struct Crew(Vec<JoinHandle<anyhow::Result<Worked>>>);

/// Author who is done, and what was due of it.
type Worked = (Author, Vec<Asked>);

impl Crew {
    /// Lets authors work until `end`.
    pub fn at_work(authors: Vec<Author>, pace: Pace, end: Instant) -> Self {
        let work = |mut author: Author| async move {
            let asked = match pace.under_way {
                Some(under_way) => author.stream(under_way, end).await?,
                None => author.work(pace.pause, end).await?,
            };
            Ok((author, asked))
        };
        Self(authors.into_iter().map(|author| tokio::spawn(work(author))).collect())
    }

    /// The authors, when they are done, and what was due of them.
    pub async fn done(self) -> anyhow::Result<(Vec<Author>, Vec<Asked>)> {
        let (mut authors, mut all) = (Vec::new(), Vec::new());
        for task in self.0 {
            let (author, asked) = task.await.context("an author panicked")??;
            authors.push(author);
            all.extend(asked);
        }
        Ok((authors, all))
    }
}

/// Lets authors work at a pace, and counts after a time of warming up.
pub async fn run(
    args: &BenchArgs,
    group: &Group,
    authors: Vec<Author>,
    pace: Pace,
    warm_up: Duration,
) -> anyhow::Result<(Vec<Author>, Measured)> {
    let due = Instant::now() + warm_up;
    let end = due + args.counted();
    let crew = Crew::at_work(authors, pace, end);
    tokio::time::sleep_until(due.into()).await;
    let view = group.newest_view().await?;
    let (before, begin) = (group.usage()?, Instant::now());
    let minutes = minutes(args, group, begin).await?;
    tokio::time::sleep_until(end.into()).await;
    let (after, elapsed) = (group.usage()?, begin.elapsed());
    let view_changes = group.newest_view().await? - view;
    let (authors, asked) = crew.done().await?;
    Ok((authors, Measured { begin, elapsed, asked, before, after, view_changes, minutes }))
}

/// Looks at the end of each minute that counts, and tells at once what it sees.
async fn minutes(args: &BenchArgs, group: &Group, begin: Instant) -> anyhow::Result<Vec<Minute>> {
    let mut seen = Vec::new();
    for minute in 1..=args.minutes.unwrap_or_default() {
        tokio::time::sleep_until((begin + Duration::from_secs(60 * minute)).into()).await;
        let (disk_bytes, memory_bytes) = (group.disk_bytes()?, group.memory_bytes()?);
        eprintln!("bench: minute {minute}: {disk_bytes} bytes on the disk, {memory_bytes} bytes of memory");
        seen.push(Minute { minute, disk_bytes, memory_bytes });
    }
    Ok(seen)
}
