//! Blocks that a member holds, and which of them are final.

use super::wire::Block;
use commonware_cryptography::sha256::Digest;
use std::collections::{HashMap, HashSet};

/// Digest on which the first block is built.
pub const GENESIS: Digest = Digest([0; 32]);

/// Views before the newest final block for which blocks are kept.
const KEPT_VIEWS: u64 = 256;

/// Blocks kept until those of older views are dropped.
const KEPT_BLOCKS: usize = 2 * KEPT_VIEWS as usize;

/// Blocks by their digests.
#[derive(Default)]
pub struct Chain {
    blocks: HashMap<Digest, Block>,
    final_view: u64,
    awaited: Option<Digest>,
}

impl Chain {
    pub fn get(&self, digest: &Digest) -> Option<&Block> {
        self.blocks.get(digest)
    }

    /// Keeps a block whose requests are all signed.
    pub fn insert(&mut self, block: Block) {
        if self.blocks.len() >= KEPT_BLOCKS {
            let final_view = self.final_view;
            self.blocks.retain(|_, block| block.view + KEPT_VIEWS > final_view);
        }
        self.blocks.insert(block.digest, block);
    }

    /// True if a block is there and is what a leader may build on a parent, false if it is something else.
    pub fn fits(&self, digest: &Digest, view: u64, parent: &Digest) -> Option<bool> {
        self.get(digest).map(|block| block.view == view && block.parent == *parent)
    }

    /// Requests in a block and those before it that are not final yet.
    pub fn under_way(&self, tip: Digest) -> HashSet<Digest> {
        let mut requests = HashSet::new();
        let mut at = tip;
        while let Some(block) = self.get(&at).filter(|block| block.view > self.final_view) {
            requests.extend(block.requests.iter().map(|request| request.digest));
            at = block.parent;
        }
        requests
    }

    /// Makes a block and all before it final: what became so, oldest first, or the digest of a block that lacks.
    pub fn finalize(&mut self, tip: Digest) -> Result<Vec<Block>, Digest> {
        let (mut path, mut at) = (Vec::new(), tip);
        while at != GENESIS {
            let Some(block) = self.blocks.get(&at) else {
                self.awaited = Some(tip);
                return Err(at);
            };
            if block.view <= self.final_view {
                break;
            }
            path.push(block.clone());
            at = block.parent;
        }
        self.awaited = None;
        self.final_view = path.first().map_or(self.final_view, |block| block.view);
        path.reverse();
        Ok(path)
    }

    /// Block that is known to be final before all that lead to it are there.
    pub fn awaited(&self) -> Option<Digest> {
        self.awaited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_block_makes_those_before_it_final() {
        let mut chain = Chain::default();
        let first = Block::new(1, GENESIS, Vec::new());
        let second = Block::new(3, first.digest, Vec::new());
        chain.insert(second.clone());
        assert_eq!(chain.finalize(second.digest).err(), Some(first.digest));
        assert_eq!(chain.awaited(), Some(second.digest));
        chain.insert(first.clone());
        let views = |path: Vec<Block>| path.iter().map(|block| block.view).collect::<Vec<_>>();
        assert_eq!(chain.finalize(second.digest).map(views).ok(), Some(vec![1, 3]));
        assert_eq!(chain.finalize(first.digest).map(views).ok(), Some(vec![]));
    }
}
