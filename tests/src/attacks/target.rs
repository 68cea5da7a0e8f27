//! The group as an attacker sees it: addresses, and the key that it holds.

use quorate_ledger::Genesis;
use quorate_net::{Member, Multiaddr};
use quorate_pbft::{Ed25519Signer, ReplicaId};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The seat whose key attackers hold. No honest replica runs with it.
pub const LIAR: usize = 3;
/// File of the secret with which peers are released at the attacked replica.
pub const OPERATOR: &str = "operator.token";
/// Ports from a replica's own to its door for observers.
const DOORS_ABOVE: u16 = 500;

/// Addresses and files of a group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Target {
    /// The folder that `quorate init` made.
    pub folder: PathBuf,
    /// Port of replica 0 for the others; replica i has this + i.
    pub base_port: u16,
    /// Port of replica 0's API.
    pub api_port: u16,
    /// Address of the attacked replica's API.
    pub victim: SocketAddr,
}

impl Target {
    /// A group with replicas at these ports.
    pub fn new(folder: &Path, base_port: u16, api_port: u16, victim: usize) -> Self {
        let victim = SocketAddr::from((Ipv4Addr::LOCALHOST, api_port + victim as u16));
        Self { folder: folder.to_owned(), base_port, api_port, victim }
    }

    /// As an argument of a command.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a target is plain data")
    }

    /// The group's genesis.
    pub fn genesis(&self) -> anyhow::Result<Genesis> {
        Ok(Genesis::parse(&std::fs::read(self.folder.join("genesis.json"))?)?)
    }

    /// URL of a replica's API.
    pub fn node(&self, replica: usize) -> String {
        format!("http://127.0.0.1:{}", self.api_port + replica as u16)
    }

    /// Address at which a replica takes observers, as `quorate init` sets it.
    pub fn door(&self, replica: usize) -> anyhow::Result<Multiaddr> {
        Ok(format!("/ip4/127.0.0.1/tcp/{}", self.base_port + DOORS_ABOVE + replica as u16).parse()?)
    }

    /// Key file of an author.
    pub fn author_key(&self, author: usize) -> PathBuf {
        self.folder.join(format!("author-org-{author}.key"))
    }

    /// The liar's secret.
    pub fn secret(&self) -> anyhow::Result<[u8; 32]> {
        let file = self.folder.join(format!("replica-{LIAR}")).join("replica.key");
        Ok(*quorate_client::keys::read_seed(&file)?)
    }

    /// The liar's signer.
    pub fn signer(&self) -> anyhow::Result<Ed25519Signer> {
        Ok(Ed25519Signer::from_seed(&self.secret()?))
    }

    /// Configuration with which the liar joins the network in its own seat.
    pub fn network(&self) -> anyhow::Result<quorate_net::Config> {
        let genesis = self.genesis()?;
        let committee = genesis.founders();
        let address = |id: ReplicaId| format!("/ip4/127.0.0.1/tcp/{}", self.base_port + id.get()).parse();
        let members = committee.replicas().map(|id| {
            let key = committee.key(id).expect("its own numbers have keys").0;
            Ok(Member { id, key, addresses: Some(address(id)?).filter(|_| id.index() != LIAR).into_iter().collect() })
        });
        let members = members.collect::<anyhow::Result<Vec<_>>>()?;
        let me = ReplicaId::new(LIAR as u16);
        Ok(quorate_net::Config { secret: self.secret()?, members, listen: vec![address(me)?], directory: None })
    }
}
