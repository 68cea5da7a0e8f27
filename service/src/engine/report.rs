//! The replica as it sees itself: what `/v1/status` says beyond the ledger (R, E7, C3).

use super::core::Core;
use super::mempool::Mempool;
use super::roots::Roots;
use super::voters::Voters;
use quorate_client::api::Mode;
use quorate_ledger::{RULES, StoreError};
use quorate_pbft::{
    Broken, Cause, Digest, Epoch, Follower, Message, Now, Program, Replica, ReplicaId, SeqNum, Split, Ticks, Time, View,
};

/// Milliseconds within which a member counts as heard (R).
const HEARD_MS: u64 = 2_000;
/// Milliseconds for which nobody has an observer's next slot before that is told.
const GONE_AFTER_MS: u64 = 10_000;
/// Milliseconds between two looks at the core while nothing about its mode changes: people read this, and a look costs
/// as much as a slot's work.
const LOOK_EVERY_MS: u64 = 100;
/// Slots that a replica which catches up lacks: a second of a busy group. Of fewer any lacks some at times, and f members that
/// lie of their own leave that to see.
const BEHIND_SLOTS: u64 = 32;

/// Facts about a replica at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Current epoch.
    pub epoch: Epoch,
    /// The own number in it; none of a node that follows.
    pub me: Option<ReplicaId>,
    /// Its first slot.
    pub begins: SeqNum,
    /// Its last slot, once it is known to end.
    pub until: Option<SeqNum>,
    /// Count of its members.
    pub members: usize,
    /// The highest view entered or asked for.
    pub view: View,
    /// Why this replica asked for it; none where it did not.
    pub cause: Option<Cause>,
    /// Its primary.
    pub primary: ReplicaId,
    /// Slot of the newest stable checkpoint that is executed here.
    pub stable: SeqNum,
    /// State root after that slot; none for genesis.
    pub stable_root: Option<Digest>,
    /// Whether it can vote, and if not, what it does instead.
    pub mode: Mode,
    /// Empty, or words.
    pub why: String,
    /// The other members, in order.
    pub peers: Vec<PeerFacts>,
    /// When everything known to be decided was last executed, by this machine's clock.
    pub last_sync: Option<Time>,
    /// Members that must be heard so that anything can be ordered, this one included.
    pub quorum: usize,
    /// Slots that an honest member has executed and this one has not.
    pub behind: u64,
    /// The oldest slot that the own disk can hand out.
    pub oldest: SeqNum,
    /// The next slot, where no member that is heard can still hand it out.
    pub unserved: Option<SeqNum>,
    /// Members that are heard, are not behind, and cast no vote.
    pub voteless: Vec<ReplicaId>,
    /// The checkpoint slot at which members said so different states that none can be certified, and who said which.
    pub split: Option<Split>,
    /// Slots decided on the fast path since the start.
    pub fast_commits: u64,
    /// Whether changes can be ordered here now.
    pub can_order: bool,
    /// Whether this is an observer, which has no seat to vote from.
    pub observes: bool,
    /// Whether its state is still on its way, so that nothing can be read.
    pub grows: bool,
    /// Whether an observer was shown since its start how far the others are.
    pub is_told: bool,
    /// Whether an observer checks the signature of every author, as members do.
    pub checked: bool,
    /// Envelopes that wait here.
    pub pending: usize,
    /// Those of them that the durable queue holds back.
    pub queued: usize,
    /// Those of them that wait for an earlier number of their authors.
    pub gapped: usize,
    /// Waiting envelopes that lack something else, but for room.
    pub parked: usize,
    /// Bytes of all that wait.
    pub pending_bytes: usize,
    /// The first row kept for peers that could not be read, in words.
    pub damage: Option<String>,
    /// Rules of the next epoch, once it is named, if this program cannot execute them.
    pub unknown_rules: Option<u32>,
}

/// Facts about another member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerFacts {
    /// Number of the member.
    pub replica: ReplicaId,
    /// When it was last heard, by this machine's clock.
    pub heard_at: Option<Time>,
    /// Whether that was in the last 2 s.
    pub is_heard: bool,
    /// The newest slot that it says it executed.
    pub executed: Option<SeqNum>,
    /// The view that it says it is in.
    pub view: Option<View>,
    /// The other members that it says it hears.
    pub hears: Option<Vec<ReplicaId>>,
    /// The program that it says it is.
    pub program: Option<Program>,
    /// The oldest slot of its epoch that it says it keeps.
    pub oldest: Option<SeqNum>,
}

impl Report {
    /// Whether members have executed so much more than this replica that it catches up.
    pub(super) fn is_behind(&self) -> bool {
        self.behind >= BEHIND_SLOTS
    }

    /// Whether something has waited for a quorum for so long that whoever waits should hear of it.
    pub fn is_stuck(&self) -> bool {
        self.mode == Mode::ReadOnly
    }

    /// Count of waiting envelopes that could be ordered now: they lack neither an earlier number nor anything else.
    pub fn orderable(&self) -> usize {
        self.pending - self.gapped - self.parked
    }

    /// The others heard in the last 2 s.
    pub fn heard(&self) -> impl Iterator<Item = ReplicaId> + '_ {
        self.peers.iter().filter(|peer| peer.is_heard).map(|peer| peer.replica)
    }

    /// The program of a member: this one, or what the other says.
    pub fn program_of(&self, replica: ReplicaId) -> Option<Program> {
        if self.me == Some(replica) {
            return Some(super::epochs::program());
        }
        self.peers.iter().find(|peer| peer.replica == replica)?.program
    }

    /// True if so many members are heard that changes can be ordered now; for an observer, if one is, or an observer that has a
    /// way to one.
    pub fn hears_quorum(&self) -> bool {
        if self.observes {
            return self.can_order;
        }
        self.heard().count() + 1 >= self.quorum
    }

    /// Whether so many members have said since the start how far they are that `behind` means something; to an observer one
    /// word is enough, or a certificate of what it lacks.
    pub fn knows_the_newest(&self) -> bool {
        if self.observes {
            return self.is_told;
        }
        self.peers.iter().filter(|peer| peer.executed.is_some()).count() + 1 >= self.quorum
    }

    /// The others not heard in the last 2 s; an observer hears those alone that serve it.
    pub fn silent(&self) -> impl Iterator<Item = ReplicaId> + '_ {
        self.peers.iter().filter(|peer| !peer.is_heard && !self.observes).map(|peer| peer.replica)
    }
}

#[cfg(test)]
impl Report {
    /// The report of a member that hears nobody, of a group of which nothing is known.
    pub(crate) fn of_nobody() -> Self {
        Self {
            epoch: Epoch::default(),
            me: Some(ReplicaId::new(0)),
            begins: SeqNum::new(1),
            until: None,
            members: 4,
            view: View::default(),
            cause: None,
            primary: ReplicaId::new(0),
            stable: SeqNum::default(),
            stable_root: None,
            mode: Mode::Active,
            why: String::new(),
            peers: Vec::new(),
            last_sync: None,
            quorum: 3,
            behind: 0,
            oldest: SeqNum::new(1),
            fast_commits: 0,
            can_order: false,
            observes: false,
            grows: false,
            is_told: false,
            checked: false,
            pending: 0,
            queued: 0,
            gapped: 0,
            parked: 0,
            pending_bytes: 0,
            damage: None,
            unknown_rules: None,
            unserved: None,
            voteless: Vec::new(),
            split: None,
        }
    }
}

/// Watches the core between rounds.
#[derive(Debug)]
pub(super) struct Reporter {
    report: Report,
    looked_at: Option<Ticks>,
    /// When an observer that serves this one last said that it has a way to the members.
    led_at: Option<Ticks>,
    last_sync: Option<Time>,
    /// Whether an observer was shown a certificate, or somebody said that there is no more than it has, since it was last served.
    is_told: bool,
    /// Since when nobody who is heard can hand out an observer's next slot.
    unserved_at: Option<Ticks>,
    damage: Option<String>,
    /// Slots decided on the fast path in epochs that are over.
    fast_commits: u64,
    voters: Voters,
}

impl Reporter {
    /// The first look.
    pub(super) fn new(core: &Core, broken: Option<&Broken>) -> Self {
        Self::after(facts(core, Now::default(), (broken, false)))
    }

    /// The first look is made: this report.
    fn after(report: Report) -> Self {
        let (looked_at, led_at, last_sync, is_told, unserved_at) = Default::default();
        let (damage, fast_commits, voters) = Default::default();
        Self { report, looked_at, led_at, last_sync, is_told, unserved_at, damage, fast_commits, voters }
    }

    /// An observer that serves this one says that it has a way to the members.
    pub(super) fn is_led(&mut self, now: Now) {
        self.led_at = Some(now.ticks);
    }

    /// A server of this observer says what it has executed.
    pub(super) fn hears_of(&mut self, theirs: SeqNum, executed: SeqNum) {
        self.is_told |= theirs <= executed;
    }

    /// Takes note of a message that counts.
    pub(super) fn hears(&mut self, message: &Message, executed: SeqNum, now: Ticks) {
        self.voters.hear(message, now);
        match message {
            Message::Status { body, .. } => self.hears_of(body.executed, executed),
            Message::Decided { .. } | Message::StableCheckpoint(_) => self.is_told = true,
            _ => (),
        }
    }

    /// Keeps the counts of a member whose epoch is over: the next one's core begins at 0.
    pub(super) fn ends(&mut self, member: &Replica) {
        self.fast_commits += member.report().fast_commits;
    }

    /// Whether it caught up when it looked last.
    pub(super) fn is_behind(&self) -> bool {
        self.report.is_behind()
    }

    /// Looks, if it is time or the mode may have changed; whether changes wait is seen each time.
    pub(super) fn observe(&mut self, now: Now, core: &Core, (broken, is_waiting): (Option<&Broken>, bool)) {
        self.voters.look(core.executed(), is_waiting, now.ticks);
        let recent = self.looked_at.is_some_and(|at| now.ticks.since(at) < LOOK_EVERY_MS);
        let was_recovering = self.report.mode == Mode::Recovering;
        let stable = core.stable().map_or(SeqNum::default(), quorate_pbft::QuorumCert::seq);
        let same = was_recovering == core.is_recovering() && (self.report.epoch, self.report.view) == core.period();
        if recent && same && broken.is_none() && stable == self.report.stable {
            return;
        }
        self.looked_at = Some(now.ticks);
        let is_led = self.led_at.is_some_and(|at| now.ticks.since(at) <= HEARD_MS);
        let mut report = facts(core, now, (broken, is_led));
        report.fast_commits += self.fast_commits;
        if report.observes {
            self.says_whether_told(&mut report);
            self.wait_for_more(&mut report, now.ticks);
        }
        if report.mode == Mode::Active {
            let heard = report.peers.iter().filter(|peer| peer.is_heard);
            let heard = heard.filter_map(|peer| Some((peer.replica, peer.executed?)));
            report.voteless = self.voters.missing(core.executed(), heard, now.ticks);
        }
        if report.last_sync.is_some() && (report.is_told || !report.observes) {
            self.last_sync = report.last_sync;
        }
        self.report = report;
    }

    /// Says whether an observer knows how far the others are: what it was told before nobody served it is old.
    fn says_whether_told(&mut self, report: &mut Report) {
        self.is_told &= report.can_order;
        report.is_told = self.is_told;
    }

    /// Says that an observer's next slot is gone once it has been so for a while: who is heard first may keep the least.
    fn wait_for_more(&mut self, report: &mut Report, now: Ticks) {
        self.unserved_at = report.unserved.map(|_| self.unserved_at.unwrap_or(now));
        if self.unserved_at.is_some_and(|since| now.since(since) < GONE_AFTER_MS) {
            report.unserved = None;
            if report.mode == Mode::Following {
                report.why = String::new();
            }
        }
    }

    pub(super) fn report(&self, roots: &Roots, mempool: &Mempool, base: SeqNum, first: SeqNum) -> Report {
        let begins = base.next();
        let stable_root = roots.at(self.report.stable.max(first));
        let (pending, pending_bytes) = (mempool.len(), mempool.bytes());
        let (queued, gapped, parked) = (mempool.held_back(), mempool.behind_gaps(), mempool.parked());
        let (last_sync, damage) = (self.last_sync, self.damage.clone());
        let report = self.report.clone();
        Report { begins, stable_root, pending, queued, gapped, parked, pending_bytes, last_sync, damage, ..report }
    }

    /// The report of a replica whose epoch ends, or has ended, before rules that this program cannot execute.
    pub(super) fn before_rules(report: Report, rules: u32, is_over: bool) -> Report {
        let unknown_rules = Some(rules);
        if !is_over {
            return Report { unknown_rules, ..report };
        }
        let why = format!(
            "epoch {} executes by rules {rules}, and this program by {RULES}: start a program that knows them on this disk, and \
             it goes on",
            report.epoch.next()
        );
        Report { unknown_rules, mode: Mode::ReadOnly, why, can_order: false, ..report }
    }

    /// Notes a row that could not be read, and that nothing here rests on.
    pub(super) fn note_damage(&mut self, error: &StoreError) {
        self.damage.get_or_insert_with(|| error.to_string());
    }
}

fn facts(core: &Core, now: Now, (broken, is_led): (Option<&Broken>, bool)) -> Report {
    match core {
        Core::Member(replica) => facts_of_member(replica, now, broken),
        Core::Observer(follower) => facts_of_observer(follower, now, (broken, is_led)),
    }
}

fn facts_of_observer(follower: &Follower, now: Now, (broken, is_led): (Option<&Broken>, bool)) -> Report {
    let core = follower.report();
    let peers: Vec<PeerFacts> =
        core.peers.iter().zip(0..).map(|(peer, number)| peer_facts(peer, ReplicaId::new(number), now)).collect();
    let behind = core.decided.get() - core.executed.seq.get();
    let is_heard = is_led || peers.iter().any(|peer| peer.is_heard);
    let broken = broken.or(follower.broken());
    let why = match (broken, core.unserved) {
        (Some(broken), _) => broken.to_string(),
        (None, Some(seq)) => format!(
            "no member that serves this observer can still hand out slot {seq}, the next: stop it, fill its folder with \
             `quorate copy`, and start it again"
        ),
        (None, None) if !is_heard => "no member that serves this observer is heard".to_owned(),
        (None, None) => String::new(),
    };
    Report {
        epoch: core.executed.epoch,
        me: None,
        begins: SeqNum::default(),
        until: core.executed.last(),
        members: core.peers.len(),
        view: core.view,
        cause: None,
        primary: ReplicaId::new((core.view.get() % peers.len() as u64) as u16),
        stable: core.stable,
        stable_root: None,
        mode: if broken.is_some() { Mode::Diverged } else { Mode::Following },
        why,
        peers,
        last_sync: (is_heard && behind == 0).then_some(now.wall),
        quorum: core.quorum,
        behind,
        oldest: SeqNum::default(),
        unserved: core.unserved,
        fast_commits: 0,
        can_order: is_heard,
        observes: true,
        grows: false,
        is_told: false,
        checked: follower.is_checking(),
        pending: 0,
        queued: 0,
        gapped: 0,
        parked: 0,
        pending_bytes: 0,
        damage: None,
        unknown_rules: None,
        voteless: Vec::new(),
        split: None,
    }
}

fn facts_of_member(replica: &Replica, now: Now, broken: Option<&Broken>) -> Report {
    let core = replica.report();
    let others = core.peers.iter().zip(0..).map(|(peer, number)| (peer, ReplicaId::new(number)));
    let peers: Vec<PeerFacts> =
        others.filter(|(_, id)| *id != replica.id()).map(|(peer, id)| peer_facts(peer, id, now)).collect();
    let mut report = Report {
        epoch: core.executed.epoch,
        me: Some(replica.id()),
        begins: SeqNum::default(),
        until: core.executed.last(),
        members: core.peers.len(),
        view: core.view,
        cause: core.cause,
        primary: core.primary,
        stable: core.stable,
        stable_root: None,
        mode: mode(&core, broken),
        why: String::new(),
        peers,
        last_sync: (core.waiting == 0).then_some(now.wall),
        quorum: core.quorum,
        behind: behind(&core),
        oldest: SeqNum::default(),
        unserved: core.unserved,
        fast_commits: core.fast_commits,
        can_order: replica.can_order(),
        observes: false,
        grows: false,
        is_told: false,
        checked: false,
        pending: 0,
        queued: 0,
        gapped: 0,
        parked: 0,
        pending_bytes: 0,
        damage: None,
        unknown_rules: None,
        voteless: Vec::new(),
        split: core.hopeless_checkpoint.clone(),
    };
    report.why = why(&core, &report, broken);
    report
}

fn peer_facts(peer: &quorate_pbft::PeerReport, replica: ReplicaId, now: Now) -> PeerFacts {
    let ago = peer.heard.map(|at| now.ticks.since(at));
    let status = peer.status.as_ref();
    PeerFacts {
        replica,
        heard_at: ago.map(|ago| Time::new(now.wall.get().saturating_sub(ago) / 100 * 100)),
        is_heard: ago.is_some_and(|ago| ago <= HEARD_MS),
        executed: status.map(|status| status.executed),
        view: status.map(|status| status.view),
        hears: status.map(|status| status.heard.clone()),
        program: status.map(|status| status.program),
        oldest: status.map(|status| status.oldest),
    }
}

/// Slots up to the highest that f + 1 members say they have executed: one of them is honest.
fn behind(core: &quorate_pbft::Report) -> u64 {
    let says = |peer: &quorate_pbft::PeerReport| peer.status.as_ref().map(|status| status.executed.get());
    let mut executed: Vec<u64> = core.peers.iter().filter_map(says).collect();
    executed.sort_unstable_by(|a, b| b.cmp(a));
    let faulty_max = core.peers.len() - core.quorum;
    executed.get(faulty_max).map_or(0, |seq| seq.saturating_sub(core.executed.seq.get()))
}

fn mode(core: &quorate_pbft::Report, broken: Option<&Broken>) -> Mode {
    match broken.or(core.broken.as_ref()) {
        Some(Broken::OlderThanPromises(_) | Broken::Copied(_)) => Mode::Following,
        Some(_) => Mode::Diverged,
        None if core.following => Mode::Following,
        None if core.recovering.is_some() => Mode::Recovering,
        None if core.read_only => Mode::ReadOnly,
        None => Mode::Active,
    }
}

/// `hears 2 of 4, needs 3; silent: 2, 3`, or what else there is to say.
fn why(core: &quorate_pbft::Report, report: &Report, broken: Option<&Broken>) -> String {
    let n = core.peers.len();
    let silent: Vec<String> = report.silent().map(|replica| replica.to_string()).collect();
    let hears = format!("hears {} of {n}, needs {}", n - silent.len(), core.quorum);
    let hears = if silent.is_empty() { hears } else { format!("{hears}; silent: {}", silent.join(", ")) };
    let unserved = core.unserved.map(|seq| {
        format!("no member that is heard can still hand out slot {seq}, the next: their history begins later; {hears}")
    });
    match report.mode {
        Mode::Active | Mode::ReadOnly | Mode::Recovering if let Some(unserved) = unserved => unserved,
        Mode::Active if report.hears_quorum() => String::new(),
        // Nothing waits yet, or not for long: the mode is still that of a member that can vote.
        Mode::Active => format!("{hears}; nothing can be ordered now"),
        Mode::ReadOnly => hears,
        Mode::Recovering => {
            let answered = core.recovering.unwrap_or_default();
            let needed = core.quorum - 1;
            format!("asks what it promised before its start: {answered} of {needed} answered; {hears}")
        }
        Mode::Following | Mode::Diverged => {
            broken.or(core.broken.as_ref()).map_or_else(|| "follows only".to_owned(), ToString::to_string)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observers_next_slot_is_called_gone_once_nobody_has_had_it_for_ten_seconds() {
        let mut reporter = Reporter::after(Report::of_nobody());
        let mut told = |at, unserved| {
            let mut report = Report { unserved, ..Report::of_nobody() };
            reporter.wait_for_more(&mut report, Ticks::new(at));
            report.unserved.is_some()
        };
        let gone = Some(SeqNum::new(7));

        let said = [(1_000, gone), (10_999, gone), (11_000, gone), (12_000, None), (13_000, gone), (22_999, gone)];
        assert_eq!(said.map(|(at, unserved)| told(at, unserved)), [false, false, true, false, false, false]);
        assert!(told(23_000, gone));
    }

    #[test]
    fn an_observer_that_nobody_served_for_a_while_is_told_anew_how_far_the_others_are() {
        let mut reporter = Reporter::after(Report::of_nobody());
        let mut told = |can_order, word: Option<u64>| {
            word.into_iter().for_each(|theirs| reporter.hears_of(SeqNum::new(theirs), SeqNum::new(5)));
            let mut report = Report { can_order, observes: true, ..Report::of_nobody() };
            reporter.says_whether_told(&mut report);
            report.knows_the_newest()
        };

        let said = [(true, Some(9)), (true, Some(5)), (true, None), (false, None), (true, None), (true, Some(4))];
        assert_eq!(said.map(|(served, word)| told(served, word)), [false, true, true, false, false, true]);
    }

    /// f liars that say they are far ahead leave the lead of the fastest honest member, which is of some slots at any time.
    #[test]
    fn a_replica_is_behind_once_it_lacks_32_slots() {
        let is_behind = |behind| Reporter::after(Report { behind, ..Report::of_nobody() }).is_behind();
        assert_eq!([0, 1, 31, 32].map(is_behind), [false, false, false, true]);
    }
}
