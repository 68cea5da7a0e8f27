//! The plain model at work: its answer to an envelope, and its files and numbers after that.

use super::*;

impl Model {
    fn is_member(who: u8, domain: usize) -> bool {
        domain != 2 || who != OUTSIDER
    }

    fn owns(who: u8, domain: usize, path: usize) -> bool {
        domain != 1 || path != OWNED || who == 1
    }

    /// Lays a part over the files; whether all of it holds, and what later stages say.
    fn lay(
        &self,
        files: &mut Files,
        view: &mut Files,
        who: u8,
        domain: usize,
        part: &Part,
        later: &mut Later,
    ) -> Result<(), Code> {
        let mut clashes = false;
        for edit in &part.edits {
            let (path, made) = match edit {
                Edits::Put(path, content) => (*path, Some(*content)),
                Edits::Delete(path) => (*path, None),
            };
            let base = view.get(&path).copied();
            if made.is_none() && base.is_none() {
                return Err(Code::MissingPath);
            }
            if self.domains[domain].locks.get(&path).is_some_and(|holder| *holder != who) {
                later.ownership = later.ownership.or(Some(Code::Lock));
            }
            if !Self::owns(who, domain, path) {
                later.ownership = later.ownership.or(Some(Code::NotOwner));
            }
            let current = files.get(&path).copied();
            let stands = match () {
                () if current == base => made,
                () if made == current || made == base => current,
                () => {
                    clashes = true;
                    current
                }
            };
            set(files, path, stands);
            set(view, path, made);
        }
        if clashes { Err(Code::WouldConflict) } else { Ok(()) }
    }

    /// The files in the revision that lies so many slots back.
    fn seen(&self, domain: usize, back: u64, now: u64) -> Files {
        self.domains[domain].past.get(&(now - back)).cloned().unwrap_or_default()
    }

    /// Whether a number of its author has come and gone.
    fn has_happened(&self, who: u8, domain: usize, seq: u64) -> bool {
        self.domains[domain].numbers(who).next > seq
    }

    /// Answer to the envelope, which the model changes for it, in the slot after `now`.
    pub fn order(&mut self, sent: &Sent, envelope: &Body, now: u64) -> Said {
        let (who, domain) = (sent.who, sent.domain);
        let known = self.domains[domain].numbers(who);
        if envelope.from_seq > known.next {
            return Said::Gap;
        }
        if envelope.from_seq < known.next || envelope.attempt <= known.attempt {
            return Said::Taken;
        }
        let entered = entered(envelope);
        let said = match self.waits(sent, &entered) {
            Err(said) => said,
            Ok(()) => match self.execute(sent, now) {
                Ok(after) => {
                    *self = after;
                    Said::Done
                }
                Err(code) => Said::Refused(code),
            },
        };
        self.count(who, domain, envelope, said);
        said
    }

    /// Numbers that must have been used before, here and in the domains that it enters.
    fn waits(&self, sent: &Sent, entered: &[(usize, u64, u64)]) -> Result<(), Said> {
        if let Deed::Composition(_, Some((whose, domain, off))) = &sent.deed {
            let seq = self.domains[*domain].numbers(*whose).next.saturating_add_signed(i64::from(*off));
            let is_own = (*whose, *domain) == (sent.who, sent.domain);
            if !is_own && !self.has_happened(*whose, *domain, seq.max(1)) {
                return Err(Said::Awaits);
            }
        }
        for (domain, seq, attempt) in entered.iter().filter(|(domain, ..)| *domain < DOMAINS.len()) {
            let known = self.domains[*domain].numbers(sent.who);
            if *seq < known.next || (*seq == known.next && *attempt <= known.attempt) {
                return Err(Said::Refused(Code::SequenceTaken));
            }
            if *seq > known.next {
                return Err(Said::Awaits);
            }
        }
        Ok(())
    }

    /// The model after the envelope, or what refuses it.
    fn execute(&self, sent: &Sent, now: u64) -> Result<Self, Code> {
        let (who, domain) = (sent.who, sent.domain);
        let mut after = self.clone();
        let mut later = Later::default();
        let mut involved = vec![domain];
        match &sent.deed {
            Deed::Lock(path) => {
                let held = after.domains[domain].locks.insert(*path, who);
                if !Self::owns(who, domain, *path) {
                    later.ownership = Some(Code::NotOwner);
                }
                if held.is_some_and(|holder| holder != who) {
                    later.ownership = later.ownership.or(Some(Code::Lock));
                }
            }
            Deed::Release(path) => {
                if after.domains[domain].locks.remove(path) != Some(who) {
                    later.ownership = Some(Code::Lock);
                }
            }
            Deed::Write(edit) => {
                let part = Part { edits: vec![*edit], back: 0, sees: false };
                self.lay_parts(&mut after, who, domain, &[part], now, &mut later)?;
            }
            Deed::Composition(parts, _) => self.lay_parts(&mut after, who, domain, parts, now, &mut later)?,
            Deed::Transaction(own, entries) => {
                self.lay_parts(&mut after, who, domain, core::slice::from_ref(own), now, &mut later)?;
                for entry in entries {
                    let there = domain_of(domain, entry.step);
                    if there == DOMAINS.len() {
                        return Err(Code::UnknownDomain);
                    }
                    if entry.anchor.is_some_and(|back| self.domains[there].changed > now - back) {
                        later.anchor = Some(Code::Anchor);
                    }
                    let parts = core::slice::from_ref(&entry.part);
                    self.lay_parts(&mut after, who, there, parts, now, &mut later)?;
                    involved.push(there);
                }
            }
        }
        if involved.iter().any(|domain| !Self::is_member(who, *domain)) {
            return Err(Code::NotMember);
        }
        match later.anchor.or(later.ownership) {
            Some(code) => Err(code),
            None => Ok(after),
        }
    }

    fn lay_parts(
        &self,
        after: &mut Self,
        who: u8,
        domain: usize,
        parts: &[Part],
        now: u64,
        later: &mut Later,
    ) -> Result<(), Code> {
        let mut view = Files::new();
        for (place, part) in parts.iter().enumerate() {
            if place == 0 || !part.sees {
                view = self.seen(domain, part.back, now);
            }
            let mut files = core::mem::take(&mut after.domains[domain].files);
            let laid = self.lay(&mut files, &mut view, who, domain, part, later);
            after.domains[domain].files = files;
            laid?;
            if !part.edits.is_empty() {
                after.domains[domain].changed = now + 1;
            }
        }
        Ok(())
    }

    /// Uses the numbers, or the attempts of a refusal where it was their turn.
    fn count(&mut self, who: u8, domain: usize, envelope: &Body, said: Said) {
        let refused = match said {
            Said::Done => false,
            Said::Refused(_) => true,
            Said::Gap | Said::Taken | Said::Awaits => return,
        };
        let own = (domain, envelope.from_seq, envelope.attempt, envelope.to_seq);
        let others = entered(envelope).into_iter().map(|(domain, seq, attempt)| (domain, seq, attempt, seq));
        for (domain, from, attempt, to) in others.chain([own]).filter(|(domain, ..)| *domain < DOMAINS.len()) {
            let known = self.domains[domain].numbers(who);
            if known.next == from && attempt > known.attempt {
                let after = if refused { Numbers { attempt, ..known } } else { Numbers { next: to + 1, attempt: 0 } };
                self.domains[domain].numbers.insert(who, after);
            }
        }
    }

    pub fn slot_passes(&mut self, now: u64) {
        for domain in &mut self.domains {
            domain.past.insert(now, domain.files.clone());
        }
    }
}

fn set(files: &mut Files, path: usize, content: Option<u8>) {
    match content {
        Some(content) => files.insert(path, content),
        None => files.remove(&path),
    };
}

/// Domain, number and attempt of each entry of an envelope.
fn entered(envelope: &Body) -> Vec<(usize, u64, u64)> {
    let place = |name: &str| DOMAINS.iter().position(|domain| *domain == name).unwrap_or(DOMAINS.len());
    envelope.elsewhere().into_iter().map(|(name, seq, attempt)| (place(&name), seq, attempt)).collect()
}
