//! News of machines for the judges, the trace and the counters.

use super::World;
use crate::machine::News;
use crate::scene::Fact;
use crate::trace::certificate as certificate_words;
use quorate_pbft::{Kind, ReplicaId, Wanted};

impl World<'_> {
    pub(super) fn tell(&mut self, by: ReplicaId, news: Vec<News>) {
        let view = self.seats[by.index()].machine.replica().map(|core| core.view()).unwrap_or_default();
        for news in news {
            self.count(by, &news);
            self.show_news(by, &news);
            self.trace_news(by, &news);
            if let News::ReadAnswered(reader, seq) = news {
                self.sessions.marked(by, reader, seq);
            }
            if !self.plan.is_honest(by) {
                continue;
            }
            self.stats.view_changes = self.stats.view_changes.max(view.get());
            match &news {
                News::Executed(decided, executed) => self.judge(&Fact::Executed { by, decided, executed, view }),
                News::Reached { point, slots, recorded } => {
                    self.judge(&Fact::Reached { by, point, slots: *slots, recorded });
                }
                News::Verdict(name, receipt) => {
                    self.judge(&Fact::Verdict { by, name: *name, receipt: *receipt, view });
                }
                News::Stored { certificate, decides } => {
                    self.judge(&Fact::Stored { by, certificate, decides: *decides });
                }
                News::Accused(evidence) => self.judge(&Fact::Accused { by, evidence }),
                News::Broke(why) => self.judge(&Fact::Broke { replica: by, why }),
                News::ReadAnswered(reader, seq) => self.judge(&Fact::ReadAnswered { by, reader: *reader, seq: *seq }),
                News::Refused(_) | News::Decided { .. } => (),
            }
        }
    }

    /// Members push the newest slot that they executed, and the newest checkpoint, to followers.
    fn show_news(&mut self, by: ReplicaId, news: &News) {
        if self.onlookers.is_empty() && self.plan.lists.is_empty() {
            return;
        }
        let pushed = match news {
            News::Executed(decided, _) => Wanted::Slots { from: decided.seq, to: decided.seq },
            News::Stored { certificate, .. } if certificate.kind == Kind::Checkpoint => Wanted::StableCheckpoint,
            _ => return,
        };
        self.push_to_joiners(by, &pushed);
        if self.onlookers.is_empty() {
            return;
        }
        for message in self.seats[by.index()].machine.supplied(&pushed) {
            self.show_onlookers(by, &message);
        }
    }

    fn trace_news(&mut self, by: ReplicaId, news: &News) {
        self.trace.line(self.now, || match news {
            News::Executed(decided, executed) => {
                format!(
                    "{by} executes {} with {} bundles, root {}",
                    decided.seq,
                    decided.bundles.len(),
                    executed.state_root
                )
            }
            News::Reached { point, slots, .. } => {
                format!("{by} executes {slots} slots to {}, root {}", point.seq, point.state_root)
            }
            News::Verdict((author, number), receipt) => {
                format!("{by} has a receipt for {number} of author {author}: {receipt}")
            }
            News::Stored { certificate, .. } => format!("{by} stores {}", certificate_words(certificate)),
            News::Accused(evidence) => format!("{by} accuses {:?} at {:?}", evidence.key(), evidence.place()),
            News::Broke(why) => format!("{by} takes no part any more: {why}"),
            News::Refused(why) => format!("{by} refuses: {why}"),
            News::ReadAnswered(reader, seq) => format!("{by} answers read {reader} from {seq}"),
            News::Decided { fast } => format!("{by} knows a decision, {}", if *fast { "fast" } else { "slow" }),
        });
    }

    fn count(&mut self, by: ReplicaId, news: &News) {
        match news {
            News::Decided { fast: true } => self.stats.fast_commits += 1,
            News::Decided { fast: false } => self.stats.slow_commits += 1,
            News::Executed(..) if self.plan.is_honest(by) => self.stats.executed += 1,
            News::Reached { slots, .. } if self.plan.is_honest(by) => self.stats.executed += slots,
            _ => (),
        }
    }
}
