//! Proof that a lane's owner signed a bundle that no honest owner signs (E6).
//!
//! Only what no later event can have caused counts: what the header alone shows, an item that may never be on a lane,
//! and items that are not those that the header counts. Whoever hands a bundle on may have changed its items; so each
//! proof rests on what lies under the root that the owner signed, never on what travelled beside it.

use crate::evidence::view_evidence::LeafPath;
use crate::limits::Constants;
use crate::wire::{Bundle, BundleHeader, Item, Kind, Signed, VerifyContext, bounded, items_root};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Bytes of items in one proof. Every replica that finds the fault puts a proof of its own onto its lane, and each travels
/// to all: a larger bound lets one bad bundle cost the group its own size, squared in the replicas.
const PROOF_ITEMS_BYTES_MAX: usize = 1 << 20;

const _: () = assert!(PROOF_ITEMS_BYTES_MAX + (8 << 10) <= Constants::ITEM_BYTES_MAX, "header and path have room too");

/// Fault of a signed bundle.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum BundleFault {
    /// The header alone shows it: malformed, oversized, or signed for another place.
    Header = 1,
    /// An item may not be on a lane, or is larger than all are said to be.
    Item {
        /// The item.
        item: Item,
        /// Its path under the header's root.
        path: LeafPath,
    } = 2,
    /// The items are not as many, or not as large, as the header says.
    Items(#[borsh(deserialize_with = "bounded::list::<{ Constants::ITEMS_MAX }, _, _>")] Vec<Item>) = 3,
}

/// A bundle's header with its owner's statement, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct InvalidBundle {
    /// Kind Bundle, digest of the header.
    pub statement: Signed,
    /// The header.
    pub header: BundleHeader,
    /// The fault.
    pub fault: BundleFault,
}

impl BundleHeader {
    /// Whether an honest owner can have made it: something in it, within the sizes of L1, counted without a gap.
    pub(crate) fn is_well_formed(&self, constants: &Constants) -> bool {
        let count = self.items as usize;
        let bytes_max = match count {
            1 => Constants::ITEM_BYTES_MAX as u64,
            _ => u64::from(constants.bundle_bytes_max),
        };
        let counted = count > 0 && count <= Constants::ITEMS_MAX && self.bytes <= bytes_max;
        counted && self.position.get() > 0 && self.lane_bytes >= self.bytes
    }

    /// Whether items are as many and as large as it says.
    pub(crate) fn counts(&self, items: &[Item]) -> bool {
        let bytes: usize = items.iter().map(|item| item.bytes.len()).sum();
        (self.items as usize, self.bytes) == (items.len(), bytes as u64)
    }

    /// Whether the statement is its owner's about its place.
    pub(crate) fn is_named_by(&self, signed: &Signed) -> bool {
        let said = &signed.statement;
        (signed.signer, said.view.get(), said.seq.get()) == (self.lane, 0, self.position.get())
    }
}

impl InvalidBundle {
    /// Proof against the owner of a bundle; none if it is valid, or if the fault may be that of who handed it on.
    pub fn find(bundle: &Bundle, context: &VerifyContext<'_>) -> Option<Self> {
        let Bundle { header, statement, items } = bundle;
        let found = |fault| Some(Self { statement: *statement, header: header.clone(), fault });
        if !header.is_named_by(statement) || !header.is_well_formed(context.constants) {
            return found(BundleFault::Header);
        }
        if items.len() > Constants::ITEMS_MAX || items_root(items) != header.items_root {
            return None;
        }
        let wrong = |item: &Item| item.bytes.len() as u64 > header.bytes || !context.may_hold(item);
        if let Some(index) = items.iter().position(wrong) {
            let digests: Vec<_> = items.iter().map(Item::digest).collect();
            let (item, path) = (items[index].clone(), LeafPath::of(&digests, index)?);
            return found(BundleFault::Item { item, path }).filter(Self::fits);
        }
        (!header.counts(items)).then(|| found(BundleFault::Items(items.clone())))?.filter(Self::fits)
    }

    /// Whether the owner signed this header, and the fault is there.
    pub(crate) fn is_valid(&self, context: &VerifyContext<'_>) -> bool {
        let said = &self.statement.statement;
        said.kind == Kind::Bundle
            && said.digest == self.header.digest()
            && self.fits()
            && self.is_faulty(context)
            && self.statement.is_valid(context.committee, context.verify)
    }

    fn is_faulty(&self, context: &VerifyContext<'_>) -> bool {
        let header = &self.header;
        match &self.fault {
            BundleFault::Header => !header.is_named_by(&self.statement) || !header.is_well_formed(context.constants),
            // Whatever count the path claims: what leads to the root as a leaf is an item that the owner put there.
            BundleFault::Item { item, path } => {
                let under = path.proves(&header.items_root, &item.digest());
                under && (item.bytes.len() as u64 > header.bytes || !context.may_hold(item))
            }
            BundleFault::Items(items) => {
                !header.counts(items) && items.len() <= Constants::ITEMS_MAX && items_root(items) == header.items_root
            }
        }
    }

    /// Whether the proof can be an item of a lane itself.
    fn fits(&self) -> bool {
        let bytes = match &self.fault {
            BundleFault::Header => 0,
            BundleFault::Item { item, .. } => item.bytes.len(),
            BundleFault::Items(items) => items.iter().map(|item| item.bytes.len() + ITEM_FRAME_BYTES).sum(),
        };
        bytes <= PROOF_ITEMS_BYTES_MAX
    }
}

/// Bytes of an item's encoding beside its own: the kind and a length.
const ITEM_FRAME_BYTES: usize = 5;
