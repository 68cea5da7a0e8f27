//! Organisations of authors, so that people read a name beside a key.

use super::print::{plain, short};
use quorate_client::api::Identity;
use quorate_client::http::Client;
use quorate_pbft::PublicKey;
use std::collections::BTreeMap;

use super::listing::LIST_MAX;

/// Organisation of each enrolled author, as a node knew it when it was last asked.
pub struct Names {
    client: Client,
    known: BTreeMap<PublicKey, String>,
}

impl Names {
    /// Names from this node; empty until the first author is asked for.
    pub fn of(client: &Client) -> Self {
        Self { client: client.clone(), known: BTreeMap::new() }
    }

    /// An author for people: `acme (d1a4501bfb32)`; the key alone where the node names nobody.
    pub async fn author(&mut self, key: &PublicKey) -> String {
        if !self.known.contains_key(key) {
            self.refresh().await;
        }
        match self.known.entry(*key).or_default().as_str() {
            "" => short(key),
            organisation => format!("{} ({})", plain(organisation), short(key)),
        }
    }

    /// Asks again: an unknown author may be new. A node that does not tell leaves the keys as they are.
    async fn refresh(&mut self) {
        let listed: Result<Vec<Identity>, _> = self.client.renewed().list(&["identities"], &[], LIST_MAX).await;
        let named = listed.unwrap_or_default().into_iter().map(|identity| (identity.key, identity.organisation));
        self.known.extend(named);
    }
}
