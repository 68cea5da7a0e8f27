//! The replica at work: the core, the ledger and the disk, one round after the other.
//!
//! A round takes what has come, steps the core through it, works off what the core asks for, and ends with **one**
//! durable commit. Only then does anything leave: messages, answers, news. So a statement is on disk before it is on
//! the wire (E1), and whatever was confirmed survives any crash.
//!
//! [`Engine`] has no thread, socket, clock or randomness: the service and the simulator drive the same one. [`thread`]
//! runs it for the service; [`Reception`] knows who waits for what.

mod analyst;
mod brought;
mod core;
mod drive;
mod crossing;
mod dues;
mod epochs;
mod error;
mod execution;
mod folding;
mod held;
mod history;
mod inbox;
mod lane;
mod loose;
mod mempool;
mod moment;
mod pruning;
mod published;
mod recall;
mod reception;
pub(crate) mod replay;
mod replies;
mod report;
mod roots;
mod round;
mod slot;
mod supplies;
pub(crate) mod thread;
mod tolls;
mod turned_away;
mod voters;
mod waiting;

pub use core::Core;
pub use drive::{Engine, Setup};
pub(crate) use epochs::program;
pub use epochs::{Committees, Identity};
pub use error::EngineError;
pub(crate) use held::Certified;
pub use history::{History, NoHistory};
pub(crate) use inbox::{Inbox, Woken};
pub use mempool::{Candidate, Lack, Mempool, NotTaken, Place};
pub use moment::Moment;
pub use published::Published;
pub(crate) use reception::{Fate, Reception, Waiting};
pub(crate) use report::{PeerFacts, Report};
pub(crate) use roots::Roots;
pub use round::{CallerId, Mark, Notice, Outgoing, Request, Round};
