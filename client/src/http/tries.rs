//! Tries of one question: the pauses between them, how each ended, and the error once the time is up.

use super::*;

/// Time without a byte after which a node is called silent.
const SILENCE: Duration = Duration::from_secs(1);

/// Pause after the first failed try; doubles with each.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// Longest pause between two tries: a node that comes back is noticed within a second.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// End of one try.
pub(super) enum Try {
    Answered(Answer),
    Again {
        why: String,
        after: Option<Duration>,
    },
    /// 429 or 507, in quorate's own words: nothing was taken.
    HeldBack {
        problem: Box<Problem>,
        after: Option<Duration>,
    },
}

/// Tries of one question until the client's time is up.
pub struct Tries<'c> {
    client: &'c Client,
    pause: Duration,
    pub(super) last: String,
    begun: Instant,
    is_told: bool,
    /// Last problem that the node reported while it held back every try.
    held_back: Option<Box<Problem>>,
    /// Last ticket of an envelope that is waited for.
    pub(crate) ticket: Option<Box<Ticket>>,
    /// Whether a try may have been taken.
    pub(crate) is_uncertain: bool,
}

impl<'c> Tries<'c> {
    pub(super) fn new(client: &'c Client) -> Self {
        let (pause, begun) = (PAUSE_MIN, Instant::now());
        let last = NONE_SENT.into();
        let (is_told, held_back, ticket, is_uncertain) = Default::default();
        Self { client, pause, last, begun, is_told, held_back, ticket, is_uncertain }
    }

    /// Outcome of a try; none once the time is up.
    pub(super) async fn within<T>(&mut self, once: impl Future<Output = T>) -> Result<Option<T>, ClientError> {
        let (mut once, left) = (std::pin::pin!(once), self.left()?);
        if let Some(notice) = self.client.notice.filter(|_| !self.is_told) {
            let quiet = notice.after.saturating_sub(self.begun.elapsed()).max(SILENCE).min(left);
            if let Ok(outcome) = timeout(quiet, once.as_mut()).await {
                return Ok(Some(outcome));
            }
            self.tell(SILENT);
        }
        // The request is out, and may have been taken: without time left it has no outcome, which is no end without a try.
        Ok(timeout(self.left().unwrap_or_default(), once).await.ok())
    }

    /// Gives the client's notice where it is due.
    fn tell(&mut self, why: &str) {
        if let Some(notice) = self.client.notice
            && !self.is_told
            && self.begun.elapsed() >= notice.after
        {
            self.is_told = true;
            (notice.tell)(self.client.node(), why);
        }
    }

    /// The time that is left, or the error that ends it all.
    fn left(&self) -> Result<Duration, ClientError> {
        let left = self.client.deadline.saturating_duration_since(Instant::now());
        if left > Duration::ZERO { Ok(left) } else { Err(self.given_up()) }
    }

    /// Waits before the next try, because of `why`.
    pub async fn pause(&mut self, why: String, at_least: Option<Duration>) -> Result<(), ClientError> {
        self.tell(&why);
        self.last = why;
        let pause = at_least.unwrap_or(self.pause).max(self.pause);
        if pause > self.left()? && at_least.is_some() {
            return Err(self.given_up());
        }
        tokio::time::sleep(pause.min(self.left()?)).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }

    /// Waits before the next look at an envelope that has no verdict.
    pub(crate) async fn pause_for(&mut self, ticket: Ticket) -> Result<(), ClientError> {
        let why = ticket.words();
        self.ticket = Some(Box::new(ticket));
        self.pause(why, None).await
    }

    /// The error that ends these tries, where the time was up before the next question; another one with the ticket that came last.
    pub(crate) fn or_given_up(&self, mut error: ClientError) -> ClientError {
        match &mut error {
            ClientError::NoAnswer { last, .. } if last == NONE_SENT => return self.given_up(),
            ClientError::NoAnswer { ticket: ticket @ None, .. } => *ticket = self.ticket.clone(),
            _ => (),
        }
        error
    }

    pub(super) async fn note(&mut self, outcome: Try) -> Result<(), ClientError> {
        self.is_uncertain |= !matches!(outcome, Try::HeldBack { .. });
        match outcome {
            Try::Again { why, after } => self.pause(why, after).await,
            Try::HeldBack { problem, after } => {
                let after = if self.client.is_tried_once { Some(Duration::MAX) } else { after };
                let why = reason(&problem);
                self.held_back = Some(problem);
                self.pause(why, after).await
            }
            Try::Answered(answer) => self.pause(format!("status {}", answer.status), None).await,
        }
    }

    /// The error of what a node held back, and nobody sends again.
    pub(crate) fn held_back_by(mut self, problem: Problem) -> ClientError {
        self.last = reason(&problem);
        self.held_back = Some(Box::new(problem));
        self.given_up()
    }

    /// The error that ends it all.
    pub(crate) fn given_up(&self) -> ClientError {
        let (node, waited) = (self.client.node().into(), self.client.timeout);
        let held_back = self.held_back.clone().filter(|_| !self.is_uncertain);
        ClientError::NoAnswer { node, waited, last: self.last.clone(), held_back, ticket: self.ticket.clone() }
    }
}

/// Why a node cannot answer now: its own words, where the problem has them.
pub(super) fn reason(problem: &Problem) -> String {
    match &problem.why {
        Some(why) => format!("{}: {why}", problem.code),
        None => problem.to_string(),
    }
}
