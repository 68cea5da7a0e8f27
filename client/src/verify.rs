//! Checking proofs offline: a proof file and the genesis are enough.

use crate::content;
use quorate_ledger::proof::{Epochs, Proof, ProofError, Proved, ProvedFile, read_genesis};
use quorate_ledger::{EnvelopeId, Genesis, GenesisError, Mode};
use quorate_pbft::{Digest, EvidenceKind};

/// Demands on a proof beyond its validity.
#[derive(Debug, Clone, Default)]
pub struct Demands {
    /// Content that must be the proved one.
    pub content: Option<Vec<u8>>,
    /// Whether that content is the target of a symbolic link that lies here: one whose target reads like a file is not that file.
    pub is_link: bool,
    /// Nonce with which the read must have been asked.
    pub nonce: Option<Digest>,
    /// Domain that it must be of.
    pub domain: Option<String>,
    /// Path of the file that it must be of.
    pub path: Option<String>,
    /// Envelope whose receipt it must be.
    pub envelope: Option<EnvelopeId>,
}

/// Why a proof does not show what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotProved {
    /// There is nothing to check it against.
    #[error("the genesis: {0}")]
    Genesis(#[from] GenesisError),
    /// The proof does not hold in this group.
    #[error("{0}")]
    Proof(#[from] ProofError),
    /// Another content.
    #[error("the content has hash {found}, the proof is of {proved}")]
    Content {
        /// State of the path; nothing where the proof is of an absence.
        proved: String,
        /// Digest of the content that was given.
        found: Digest,
    },
    /// A link whose target has the bytes of the proved file.
    #[error("the proof is of a file, and the content is the target of a symbolic link")]
    Link,
    /// Proof of another read, or of one without a nonce.
    #[error("the proof is not of a read with this nonce")]
    Nonce,
    /// Proof of something else.
    #[error("the proof is of {what} {found}, not of {wanted}")]
    Other {
        /// Kind of what differs.
        what: &'static str,
        /// As the proof names it.
        found: String,
        /// As it was demanded.
        wanted: String,
    },
    /// A proof of a receipt or of evidence, where one of a file was asked for.
    #[error("this proof is not about a file, so it has no path, no content and no nonce")]
    NotAFile,
    /// A proof of a file or of evidence, where one of a receipt was asked for.
    #[error("this proof is not about a receipt, so it names no envelope")]
    NotAReceipt,
    /// Evidence, where a domain was asked for.
    #[error("evidence is of no domain")]
    NoDomain,
    /// A proof of a file or a receipt, where evidence was asked for.
    #[error("this is no evidence")]
    NotEvidence,
}

/// Verifies a proof file with this genesis and nothing else, and holds it against the demands.
///
/// A genesis alone takes a proof that members of an old epoch have signed, also where they have left since, and their keys may be in
/// other hands (M3). With newer epochs known, [`verify_after`] refuses it.
pub fn verify(file: &[u8], genesis: &[u8], demands: &Demands) -> Result<Proved, NotProved> {
    let genesis = read_genesis(genesis)?;
    verify_after(file, &genesis, &Epochs::of(&genesis), demands).map(|(proved, _)| proved)
}

/// The same for somebody who knows these epochs: a proof that ends below the newest is refused (M3). Says which epochs
/// are known with it.
pub fn verify_after(
    file: &[u8],
    genesis: &Genesis,
    known: &Epochs,
    demands: &Demands,
) -> Result<(Proved, Epochs), NotProved> {
    let (proved, epochs) = Proof::decode(file)?.verify_after(genesis, known)?;
    demands.are_met(&proved)?;
    Ok((proved, epochs))
}

impl Demands {
    fn are_met(&self, proved: &Proved) -> Result<(), NotProved> {
        let Self { content, is_link, nonce, domain, path, envelope } = self;
        let is_of_file = content.is_some() || *is_link || nonce.is_some() || path.is_some();
        match proved {
            Proved::File(_) if envelope.is_some() => Err(NotProved::NotAReceipt),
            Proved::File(file) => {
                same("domain", &file.domain, domain)?;
                same("path", &file.path, path)?;
                meets(file, self)
            }
            Proved::Receipt(_) | Proved::Evidence(_) if is_of_file => Err(NotProved::NotAFile),
            Proved::Receipt(proved) => {
                same("domain", &proved.receipt.domain, domain)?;
                same("envelope", &proved.receipt.id, envelope)
            }
            Proved::Evidence(_) if envelope.is_some() => Err(NotProved::NotAReceipt),
            Proved::Evidence(_) if domain.is_some() => Err(NotProved::NoDomain),
            Proved::Evidence(_) => Ok(()),
        }
    }
}

fn same<T: PartialEq + ToString>(what: &'static str, found: &T, wanted: &Option<T>) -> Result<(), NotProved> {
    let other = wanted.as_ref().filter(|wanted| *wanted != found);
    let other = other.map(|wanted| NotProved::Other { what, found: found.to_string(), wanted: wanted.to_string() });
    other.map_or(Ok(()), Err)
}

fn meets(file: &ProvedFile, demands: &Demands) -> Result<(), NotProved> {
    if let Some(found) = demands.content.as_deref().map(content::digest)
        && file.hash() != Some(found)
    {
        let proved = file.hash().map_or_else(|| "nothing".into(), |hash| hash.to_string());
        return Err(NotProved::Content { proved, found });
    }
    if demands.is_link && file.mode() != Some(Mode::Link) {
        return Err(NotProved::Link);
    }
    match (demands.nonce, file.nonce) {
        (Some(wanted), Some((nonce, _))) if wanted == nonce => Ok(()),
        (Some(_), _) => Err(NotProved::Nonce),
        (None, _) => Ok(()),
    }
}

/// A fault as the interface names it.
pub fn kind_name(kind: EvidenceKind) -> &'static str {
    match kind {
        EvidenceKind::Bundle => "bundle",
        EvidenceKind::Ack => "ack",
        EvidenceKind::Proposal => "proposal",
        EvidenceKind::Checkpoint => "checkpoint",
        EvidenceKind::ViewChange => "view-change",
        EvidenceKind::NewView => "new-view",
        EvidenceKind::InvalidBundle => "invalid-bundle",
        EvidenceKind::Omission => "omission",
        EvidenceKind::InvalidViewChange => "invalid-view-change",
        EvidenceKind::InvalidNewView => "invalid-new-view",
    }
}

/// Offence in words, to follow the offender's name, by its name in the interface; none for an unknown name.
pub fn kind_words(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "bundle" => "signed two bundles at one position of its lane",
        "ack" => "acknowledged two bundles at one position of a lane",
        "proposal" => "voted for two different contents of one slot in one view",
        "checkpoint" => "signed two states after one slot",
        "view-change" => "signed two demands for one view",
        "new-view" => "started one view twice, differently",
        "invalid-bundle" => "signed a malformed bundle",
        "omission" => "left out of a demand for a view what it had voted for",
        "invalid-view-change" => "demanded a view with something that does not verify",
        "invalid-new-view" => "started a view that does not follow from what it carries",
        _ => return None,
    })
}
