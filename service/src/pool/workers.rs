//! The threads that check.

use super::queues::{Frame, Queues};
use crate::metrics::Metrics;
use quorate_pbft::{Committee, Constants, Invalid, Message, PayloadCheck, Unverified, Verified, Verify, VerifyContext};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// What every check needs: who may sign, and how signatures and items are checked.
pub struct Checker {
    /// The members of the epoch.
    pub committee: Committee,
    /// Sizes.
    pub constants: Constants,
    /// How signatures are checked.
    pub verify: Arc<dyn Verify>,
    /// How items are checked.
    pub payload: Arc<dyn PayloadCheck>,
}

/// Why a frame was dropped.
#[derive(Debug, thiserror::Error)]
pub enum Dropped {
    /// No message, or bytes after it.
    #[error("not a message: {0}")]
    Undecodable(String),
    /// A message that is not what it claims.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

impl Checker {
    /// Decodes a frame and checks everything that can be checked without the replica's state.
    pub fn check(&self, frame: &Frame) -> Result<Verified<Message>, Dropped> {
        let message: Message =
            borsh::from_slice(&frame.bytes).map_err(|error| Dropped::Undecodable(error.to_string()))?;
        let context = VerifyContext {
            committee: &self.committee,
            verify: self.verify.as_ref(),
            payload: self.payload.as_ref(),
            constants: &self.constants,
        };
        Ok(Unverified::new(frame.from, message).verify(&context)?)
    }
}

/// Running threads; stopped and joined when dropped.
pub struct Pool {
    queues: Arc<Queues>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts `threads` threads that hand what they verified to `deliver`, which may wait for room.
    pub fn start(
        threads: usize,
        checker: Arc<Checker>,
        metrics: Arc<Metrics>,
        deliver: impl Fn(Verified<Message>) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let queues = Arc::new(Queues::new());
        let mut pool = Self { queues, threads: Vec::new() };
        for number in 0..threads {
            let (queues, checker, metrics, deliver) =
                (pool.queues.clone(), checker.clone(), metrics.clone(), deliver.clone());
            let body = move || work(&queues, &checker, &metrics, &deliver);
            pool.threads.push(thread::Builder::new().name(format!("verify-{number}")).spawn(body)?);
        }
        Ok(pool)
    }

    /// Where the network puts frames.
    pub fn queues(&self) -> Arc<Queues> {
        self.queues.clone()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queues.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so on standard error.
            let _ = thread.join();
        }
    }
}

fn work(queues: &Queues, checker: &Checker, metrics: &Metrics, deliver: &impl Fn(Verified<Message>)) {
    while let Some(frame) = queues.take() {
        match checker.check(&frame) {
            Ok(message) => deliver(message),
            Err(dropped) => {
                metrics.frames_invalid.inc();
                tracing::debug!(from = %frame.from, bytes = frame.bytes.len(), %dropped, "frame dropped");
            }
        }
        queues.done(frame.from, frame.bulk);
    }
}
