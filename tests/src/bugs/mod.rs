//! Does the machine catch bugs? Classical mistakes, each a patch in `tests/bugs`, are planted one at a time into a copy of
//! the source, and the machine that is built from the copy must find them.
//!
//! Never as features of the real crates: a `--workspace` build would carry them into `quorate`.

mod campaign;
mod hunt;
mod patch;
mod workshop;

pub use self::campaign::{Shard, hunt_all};
pub use self::hunt::{Hunted, hunt};
pub use self::patch::{Mistake, all};
pub use self::workshop::{Workshop, repository, run_test};
