//! Files that several authors edit at the same time: JSON, with a member for each author.
//!
//! An author edits as a person does: it reads the file at the revision on which its change will be based, sets its own
//! member, and sends the whole file. The group merges what others did meanwhile.

use crate::args::BenchArgs;
use anyhow::Context as _;
use quorate_client::http::Client;
use quorate_ledger::Revision;
use serde_json::{Map, Value};

/// Files over which the authors are spread.
const FILES: usize = 4;

/// Share of an author's envelopes that edit the file it shares.
pub struct Shared {
    index: usize,
    authors: usize,
    percent: u64,
    envelopes: u64,
}

impl Shared {
    /// Share of author `index`.
    pub fn new(args: &BenchArgs, index: usize) -> Self {
        Self { index, authors: args.authors, percent: args.contention, envelopes: 0 }
    }

    /// The file as it is before anybody edits it, from the one author of those who share it that is to write it.
    pub fn first(&self) -> Option<(String, Vec<u8>)> {
        let members = (self.index..self.authors).step_by(FILES);
        let document = members.map(|author| (member(author), Value::from(0))).collect();
        (self.is_contended() && self.index < FILES).then(|| self.file(document))
    }

    /// Whether any author shares anything.
    pub fn is_contended(&self) -> bool {
        self.percent > 0
    }

    /// The edit that belongs into the next envelope; none in an envelope of own files.
    pub async fn edit(
        &mut self,
        client: &Client,
        seq: u64,
        base: Revision,
    ) -> anyhow::Result<Option<(String, Vec<u8>)>> {
        self.envelopes += 1;
        if !self.is_due() {
            return Ok(None);
        }
        let mut document = read(client, &self.name(), base).await?;
        document.insert(member(self.index), seq.into());
        Ok(Some(self.file(document)))
    }

    /// Spread evenly: of any hundred envelopes that follow each other, `percent` are due.
    fn is_due(&self) -> bool {
        self.envelopes * self.percent / 100 != (self.envelopes - 1) * self.percent / 100
    }

    fn name(&self) -> String {
        format!("{}.json", self.index % FILES)
    }

    fn file(&self, document: Map<String, Value>) -> (String, Vec<u8>) {
        let bytes = serde_json::to_vec_pretty(&document).expect("a map of numbers is JSON");
        (format!("shared/{}", self.name()), bytes)
    }
}

fn member(author: usize) -> String {
    format!("author {author:05}")
}

async fn read(client: &Client, path: &str, at: Revision) -> anyhow::Result<Map<String, Value>> {
    let path = ["domains", "main", "files", "shared", path];
    let answer = client.get_bytes(&path, &[("at", &at.to_string())]).await?;
    serde_json::from_slice(&answer.body).context("a shared file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hundred_envelopes_as_many_are_due_as_the_percentage_says() {
        for percent in [0, 1, 33, 100] {
            let mut shared = Shared { index: 0, authors: 1, percent, envelopes: 0 };
            let due = (1..=100).filter(|envelope| {
                shared.envelopes = *envelope;
                shared.is_due()
            });
            assert_eq!(due.count() as u64, percent);
        }
    }

    #[test]
    fn each_author_has_a_member_in_one_first_file() {
        let shared = |index| Shared { index, authors: 11, percent: 10, envelopes: 0 };
        let firsts = (0..11).filter_map(|index| shared(index).first());
        let members: usize = firsts.map(|(_, file)| serde_json::from_slice::<Map<_, _>>(&file).unwrap().len()).sum();
        assert_eq!(members, 11);
    }
}
