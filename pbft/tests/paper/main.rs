//! One test for each sentence: OSDI '99 §4.2 to §4.4 and the rules of `docs/protocol.md`, for groups of every size.

#[path = "../cluster/mod.rs"]
mod cluster;

mod bounds;
mod catching_up;
mod certificates;
mod checkpoints;
mod crossing;
mod demands;
mod epochs;
mod lanes;
mod normal_case;
mod reading;
mod restarts;
mod starts;
mod time;
mod views;
mod words;

use cluster::alone::{Alone, ask, bundle, certificate, empty, say};
use cluster::{WALL, committee, envelope, id};
use quorate_pbft::{
    Admitted, CertError, Committee, Constants, Content, Digest, Effect, Epoch, Evidence, EvidenceKey, Executed, Input,
    Invalid, Item, Kind, Message, Position, Question, Record, Recovered, Rejected, Remains, Replica, SeqNum, Signature,
    Signed, StatusBody, Tip, Unverified, View, Wanted, checkpoint_digest,
};

/// A group of one, and all sizes at which f or the distance to the next f changes.
const SIZES: [usize; 11] = [1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];
