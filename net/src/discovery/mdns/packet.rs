//! Packets on the LAN: a DNS question for the group's service, and a DNS answer with one announcement (RFC 6762).
//!
//! The service's name holds a hash of the group's id, so that a listener on the LAN learns which groups are there only if it
//! knows them. Question and answer have one shape each; whatever else is said on the port is another program's.

use quorate_pbft::{Digest, hash_parts};

const TAG: &str = "quorate/v1/lan";
/// Header of 12 bytes: a response is authoritative (RFC 6762, 18).
const QUESTION: [u8; 12] = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const ANSWER: [u8; 12] = [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
const TYPE_TXT: [u8; 2] = [0, 16];
const CLASS_IN: [u8; 2] = [0, 1];
/// Seconds for which others may remember an answer.
const TTL_S: u32 = 120;
/// Bytes of one string of a TXT record.
const STRING_BYTES_MAX: usize = 255;

/// Name of a group's service, as labels: `_q0123456789ab._tcp.local`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service(Vec<u8>);

/// Packet of this group's service.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet {
    Question,
    Announcement(Vec<u8>),
}

impl Service {
    pub(super) fn of(group: &Digest) -> Self {
        let hash = hash_parts(TAG, &[&group.0]);
        let label: String = hash.0[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        let labels = [format!("_q{label}"), "_tcp".to_owned(), "local".to_owned()];
        let mut name: Vec<u8> =
            labels.iter().flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
        name.push(0);
        Self(name)
    }

    /// The question who is there.
    pub(super) fn question(&self) -> Vec<u8> {
        [&QUESTION[..], &self.0, &TYPE_TXT, &CLASS_IN].concat()
    }

    /// The answer with an announcement, of 512 bytes at most.
    pub(super) fn answer(&self, announcement: &[u8]) -> Vec<u8> {
        let text: Vec<u8> =
            announcement.chunks(STRING_BYTES_MAX).flat_map(|part| [&[part.len() as u8], part].concat()).collect();
        let length = (text.len() as u16).to_be_bytes();
        [&ANSWER[..], &self.0, &TYPE_TXT, &CLASS_IN, &TTL_S.to_be_bytes(), &length, &text].concat()
    }

    /// Reads a packet; none if it is not of this service.
    pub(super) fn read(&self, packet: &[u8]) -> Option<Packet> {
        let (header, body) = packet.split_at_checked(QUESTION.len())?;
        let body = body.strip_prefix(&self.0[..])?.strip_prefix(&TYPE_TXT)?.strip_prefix(&CLASS_IN)?;
        if header[2..] == QUESTION[2..] {
            return body.is_empty().then_some(Packet::Question);
        }
        let text = body.get(4 + 2..).filter(|_| header[2..] == ANSWER[2..])?;
        if u16::from_be_bytes([body[4], body[5]]) as usize != text.len() {
            return None;
        }
        strings(text).map(Packet::Announcement)
    }
}

/// The strings of a TXT record, put together.
fn strings(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    while let Some((length, rest)) = text.split_first() {
        let (part, rest) = rest.split_at_checked(*length as usize)?;
        whole.extend_from_slice(part);
        text = rest;
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Service {
        Service::of(&Digest([7; 32]))
    }

    #[test]
    fn a_question_and_an_answer_are_read_back() {
        let announcement: Vec<u8> = (0..300).map(|byte| byte as u8).collect();

        assert_eq!(service().read(&service().question()), Some(Packet::Question));
        assert_eq!(service().read(&service().answer(&announcement)), Some(Packet::Announcement(announcement)));
    }

    #[test]
    fn packets_of_another_group_are_none_of_ours() {
        let other = Service::of(&Digest([8; 32]));

        assert_eq!(service().read(&other.question()), None);
        assert_eq!(service().read(&other.answer(b"here")), None);
    }

    #[test]
    fn a_packet_that_ends_early_or_goes_on_is_none() {
        let whole = service().answer(b"here");
        for end in 0..whole.len() {
            assert_eq!(service().read(&whole[..end]), None, "{end} bytes");
        }
        assert_eq!(service().read(&[&whole[..], b"x"].concat()), None);
    }

    #[test]
    fn the_name_tells_a_hash_of_the_group_and_not_its_id() {
        let question = service().question();
        let name = String::from_utf8_lossy(&question);

        assert!(name.contains("_tcp") && !name.contains("07070707"), "{name}");
    }
}
