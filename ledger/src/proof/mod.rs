//! Proofs that need no trust in who hands them over.

mod tree;

pub(crate) use tree::End;
pub use tree::TreeProof;
