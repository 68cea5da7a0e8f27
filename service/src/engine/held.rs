//! States at checkpoints, held until a proof can be made from them.
//!
//! A proof needs the state exactly at a certified slot. The state after a checkpoint slot is known before q replicas
//! have signed it; it is kept here until they have.

use super::Moment;
use quorate_pbft::{QuorumCert, SeqNum};
use std::collections::VecDeque;
use std::sync::Arc;

/// Checkpoint slots whose certificate is still to come. A held state pins pages of the database, so there are few.
const WAITING_MAX: usize = 2;

/// A state with its certificate: what proofs are made of.
#[derive(Debug, Clone)]
pub struct Certified {
    /// The state after the checkpoint's slot.
    pub moment: Arc<Moment>,
    /// q equal Checkpoint statements for it.
    pub certificate: Arc<QuorumCert>,
}

/// The states held.
#[derive(Debug, Default)]
pub struct Held {
    waiting: VecDeque<Arc<Moment>>,
    certified: Option<Certified>,
    /// The newest certificate, perhaps of a slot that is not executed yet.
    newest: Option<QuorumCert>,
}

impl Held {
    /// Keeps the state after a checkpoint slot, in the place of the last where enough wait: the oldest waits on, so that
    /// one gets its certificate however far the certificates lag, and the newest is there when nothing more is ordered.
    pub fn hold(&mut self, moment: Arc<Moment>) {
        let known = self.certified.as_ref().is_some_and(|held| held.moment.seq() >= moment.seq());
        let waits = self.waiting.back().is_some_and(|held| held.seq() >= moment.seq());
        if !known && !waits {
            self.waiting.truncate(WAITING_MAX - 1);
            self.waiting.push_back(moment);
        }
        self.pair();
    }

    /// A checkpoint became stable.
    pub fn stable(&mut self, certificate: QuorumCert) {
        if self.newest.as_ref().is_none_or(|newest| newest.seq() < certificate.seq()) {
            self.newest = Some(certificate);
        }
        self.pair();
    }

    /// A state was found to be the one that a certificate names. Who is behind knows certificates far above what it executes,
    /// so that its states would never meet the newest.
    pub fn certify(&mut self, moment: Arc<Moment>, certificate: QuorumCert) {
        if self.certified.as_ref().is_none_or(|held| held.moment.seq() < moment.seq()) {
            self.certified = Some(Certified { moment, certificate: Arc::new(certificate) });
        }
    }

    /// Holds a state of the same slot in place of one that pins older pages.
    pub fn renew(&mut self, moment: &Arc<Moment>) {
        let waiting = self.waiting.iter_mut();
        let held = waiting.chain(self.certified.as_mut().map(|held| &mut held.moment));
        held.filter(|held| held.seq() == moment.seq()).for_each(|held| held.clone_from(moment));
    }

    /// Lets the state for proofs go where it lies below what was folded: it pins each page that a fold frees from then on. For
    /// who is far behind, as the next one may be far away.
    pub fn let_go_below(&mut self, folded: SeqNum) {
        self.certified.take_if(|held| held.moment.seq() < folded);
    }

    fn pair(&mut self) {
        let Some(newest) = &self.newest else { return };
        while let Some(moment) = self.waiting.pop_front_if(|moment| moment.seq() <= newest.seq()) {
            if moment.seq() == newest.seq() {
                self.certified = Some(Certified { moment, certificate: Arc::new(newest.clone()) });
            }
        }
    }

    /// The newest state from which proofs can be made.
    pub fn certified(&self) -> Option<&Certified> {
        self.certified.as_ref()
    }
}
