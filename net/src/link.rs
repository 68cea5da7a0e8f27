//! Stream at work: frames from the outbox go out, incoming frames go to the inbox, until either side fails.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::time::timeout;
use tokio_util::bytes::Bytes;

use crate::channel::Channel;
use crate::counters::Count;
use crate::discovery::{self, Directory};
use crate::frame::{self, ReadError};
use crate::inbox::Inbox;
use crate::limits::{BEAT_BYTES, Pulse, WRITE_BUFFER_BYTES};
use crate::peer::Peer;

/// Peer, channel and inbox that a stream serves.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) peer: Arc<Peer>,
    pub(crate) channel: Channel,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) pulse: Pulse,
    /// Addresses, of which frames with records tell.
    pub(crate) directory: Option<Arc<Directory>>,
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkEnd {
    #[error("{0}")]
    Read(ReadError),
    #[error("cannot write: {0}")]
    Write(io::Error),
}

impl LinkEnd {
    /// Whether the connection below is dead too, for all we can see.
    pub(crate) fn is_silence(&self) -> bool {
        matches!(self, LinkEnd::Read(ReadError::Silent(_)))
    }
}

impl Link {
    /// Serves `stream` in both directions until one ends.
    pub(crate) async fn run(self, stream: impl AsyncRead + AsyncWrite) -> LinkEnd {
        let (mut reader, writer) = tokio::io::split(stream);
        tokio::select! {
            end = self.receive(&mut reader) => LinkEnd::Read(end),
            end = self.transmit(writer) => LinkEnd::Write(end),
        }
    }

    /// Reads a frame only when the inbox has room for it.
    async fn receive(&self, from: &mut (impl AsyncRead + Unpin)) -> ReadError {
        loop {
            if let Err(end) = self.receive_one(from).await {
                if matches!(end, ReadError::TooLarge { .. }) {
                    self.blame(&end);
                }
                return end;
            }
        }
    }

    async fn receive_one(&self, from: &mut (impl AsyncRead + Unpin)) -> Result<(), ReadError> {
        let silence_max = self.pulse.silence_max;
        let bytes = frame::read_length(from, self.channel.frame_bytes_max(), silence_max).await?;
        if bytes == 0 {
            self.take_beat().await;
            return Ok(());
        }
        self.keep_pace(bytes).await;
        let room = self.inbox.room(self.peer.place, self.channel, bytes, self.peer.restraint.places()).await;
        let body = frame::read_body(from, bytes, silence_max).await?;
        let counts = &self.peer.counts[self.channel];
        counts.frames_in.add(1);
        counts.bytes_in.add(bytes);
        if self.channel == Channel::Bulk
            && let Some(records) = discovery::unpack(&body)
        {
            self.peer.restraint.charge(BEAT_BYTES + bytes as u64, Instant::now()); // it costs no place in the inbox
            self.hear(&records);
            return Ok(());
        }
        self.inbox.put(self.peer.place, self.channel, body, room);
        Ok(())
    }

    /// Heartbeats cost their sender as frames do: among votes a place in their pace, among bulk as much as others of no use.
    async fn take_beat(&self) {
        if self.channel == Channel::Bulk {
            self.peer.restraint.charge(BEAT_BYTES, Instant::now());
        }
        self.keep_pace(1).await;
    }

    /// Waits for the turn of a peer that is ahead of its pace. No timer is set for any other: the shortest takes a millisecond.
    async fn keep_pace(&self, bytes: usize) {
        let wait = self.peer.restraint.wait(self.channel, bytes, Instant::now());
        if !wait.is_zero() {
            let _held = HeldBack(&self.peer.counts[self.channel].held_back_us, Instant::now());
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes records, as many as a peer may tell.
    fn hear(&self, records: &[Vec<u8>]) {
        let Some(directory) = self.directory.as_ref().filter(|_| self.peer.may_tell()) else { return };
        for record in records {
            if let Err(error) = directory.take(record) {
                tracing::debug!(peer = %self.peer.id(), %error, "address record refused");
            }
        }
    }

    /// A peer can do this as often as it likes; the log shows the 1st, 2nd, 4th, 8th … time.
    fn blame(&self, end: &ReadError) {
        let times = self.peer.oversized.add(1);
        if times.is_power_of_two() {
            tracing::warn!(event = "frame-refused", peer = %self.peer.id(), channel = %self.channel, times, %end, "frame refused");
        }
    }

    async fn transmit(&self, into: impl AsyncWrite) -> io::Error {
        tokio::pin!(into);
        let mut into = BufWriter::with_capacity(WRITE_BUFFER_BYTES, into);
        loop {
            if let Err(end) = self.transmit_one(&mut into).await {
                return end;
            }
        }
    }

    async fn transmit_one(&self, into: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let frame = self.next_frame(into).await?;
        frame::write(into, &frame).await?;
        if !frame.is_empty() {
            let counts = &self.peer.counts[self.channel];
            counts.frames_out.add(1);
            counts.bytes_out.add(frame.len());
        }
        Ok(())
    }

    /// The next frame to write; what is in the buffer leaves before this waits, and an empty frame when it waited long.
    async fn next_frame(&self, into: &mut (impl AsyncWrite + Unpin)) -> io::Result<Bytes> {
        let outbox = &self.peer.outbox[self.channel];
        if let Some(frame) = outbox.try_next() {
            return Ok(frame);
        }
        into.flush().await?;
        Ok(next_within(self.pulse.every, outbox.next()).await)
    }
}

/// Frame that is held back, since when: the time that passes counts, also where the link ends meanwhile.
struct HeldBack<'a>(&'a Count, Instant);

impl Drop for HeldBack<'_> {
    fn drop(&mut self) {
        self.0.add(self.1.elapsed().as_micros() as usize);
    }
}

async fn next_within(limit: Duration, next: impl Future<Output = Bytes>) -> Bytes {
    timeout(limit, next).await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allowance::Allowance;
    use crate::limits::PULSE;
    use crate::member::{Member, key_pair};
    use futures::FutureExt;
    use quorate_pbft::PublicKey;
    use quorate_pbft::ReplicaId;
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};

    fn link(pulse: Pulse) -> Link {
        let key = key_pair([1; 32]).public().try_into_ed25519().unwrap().to_bytes();
        let id = ReplicaId::new(1);
        let member = Member { id, key, addresses: vec![] };
        let peer = Peer::new(0, &member, member.peer_id().unwrap());
        let inbox = Arc::new(Inbox::default());
        inbox.add(0, PublicKey(key));
        Link { peer: Arc::new(peer), channel: Channel::Votes, inbox, pulse, directory: None }
    }

    fn pulse(every: u64, silence_max: u64) -> Pulse {
        Pulse { every: Duration::from_millis(every), silence_max: Duration::from_millis(silence_max) }
    }

    async fn sent(far: &mut DuplexStream) -> Bytes {
        let bytes = frame::read_length(far, 1000, Duration::from_secs(20)).await.unwrap();
        frame::read_body(far, bytes, Duration::from_secs(20)).await.unwrap()
    }

    #[tokio::test]
    async fn what_waits_in_the_outbox_goes_out_in_order() {
        let link = link(PULSE);
        for text in ["one", "two"] {
            link.peer.send(Channel::Votes, Bytes::from(text)).unwrap();
        }
        let (near, mut far) = duplex(100);

        tokio::spawn(link.run(near));

        assert_eq!(sent(&mut far).await, "one");
        assert_eq!(sent(&mut far).await, "two");
    }

    #[tokio::test]
    async fn an_idle_link_beats_and_a_beat_is_no_frame() {
        let link = link(pulse(5, 20_000));
        let inbox = link.inbox.clone();
        let (near, mut far) = duplex(100);
        far.write_all(&0u32.to_be_bytes()).await.unwrap();

        tokio::spawn(link.run(near));

        assert_eq!(sent(&mut far).await, "");
        assert_eq!(far.read_u32().await.unwrap(), 0);
        assert_eq!(inbox.take(), None);
    }

    #[tokio::test]
    async fn a_silent_peer_ends_the_link() {
        let (near, _far) = duplex(100);

        let end = link(pulse(5, 20)).run(near).await;

        assert!(end.is_silence(), "{end}");
    }

    #[tokio::test]
    async fn an_oversized_frame_ends_the_link_and_is_counted() {
        let link = link(PULSE);
        let peer = link.peer.clone();
        let (near, mut far) = duplex(100);
        far.write_all(&u32::MAX.to_be_bytes()).await.unwrap();

        let end = link.run(near).await;

        assert!(matches!(end, LinkEnd::Read(ReadError::TooLarge { .. })), "{end}");
        assert_eq!(peer.info(None).oversized, 1);
    }

    #[tokio::test]
    async fn a_frame_that_is_here_is_read_without_waiting_for_a_timer() {
        let link = link(PULSE);
        let (mut near, mut far) = duplex(100);
        far.write_all(&[0, 0, 0, 1, 7]).await.unwrap();

        let read = link.receive_one(&mut near).now_or_never();

        assert!(read.is_some());
        assert!(link.inbox.take().is_some());
    }

    #[tokio::test]
    async fn a_restrained_peer_is_read_at_its_pace_and_nothing_is_lost() {
        const FRAMES: u64 = 2_600;
        let link = link(PULSE);
        let (inbox, peer) = (link.inbox.clone(), link.peer.clone());
        peer.restraint.set(Allowance::Least);
        let (near, mut far) = duplex(1 << 20);
        let begin = Instant::now();
        tokio::spawn(link.run(near));

        for _ in 0..FRAMES {
            far.write_all(&[0, 0, 0, 1, 7]).await.unwrap();
        }
        let mut taken = 0;
        while taken < FRAMES {
            tokio::task::yield_now().await;
            taken += inbox.take().is_some() as u64;
        }

        assert!(begin.elapsed() >= Duration::from_millis(250), "{:?}", begin.elapsed());
    }

    /// Time in which a link reads so many heartbeats and the frame behind them.
    async fn read_behind_beats(link: Link, beats: usize) -> Duration {
        read_behind(link, &vec![0; beats * frame::LENGTH_BYTES]).await
    }

    /// Time in which a link reads these bytes and the frame behind them.
    async fn read_behind(link: Link, flood: &[u8]) -> Duration {
        let inbox = link.inbox.clone();
        let (near, mut far) = duplex(1 << 20);
        let begin = Instant::now();
        tokio::spawn(link.run(near));

        far.write_all(flood).await.unwrap();
        far.write_all(&[0, 0, 0, 1, 7]).await.unwrap();
        while inbox.take().is_none() {
            tokio::task::yield_now().await;
        }
        begin.elapsed()
    }

    #[tokio::test]
    async fn a_flood_of_heartbeats_among_votes_is_read_at_the_pace_of_votes() {
        let link = link(PULSE);
        link.peer.restraint.set(Allowance::Least);

        let took = read_behind_beats(link, 2_600).await;

        assert!(took >= Duration::from_millis(250), "{took:?}");
    }

    #[tokio::test]
    async fn a_flood_of_heartbeats_among_bulk_waits_as_other_bulk_of_no_use() {
        let link = Link { channel: Channel::Bulk, ..link(PULSE) };

        let took = read_behind_beats(link, 8_600).await;

        assert!(took >= Duration::from_millis(250), "{took:?}");
    }

    #[tokio::test]
    async fn a_flood_of_address_records_waits_as_other_bulk_of_no_use() {
        let link = Link { channel: Channel::Bulk, ..link(PULSE) };

        let took = read_behind(link, &[0, 0, 0, 1, 0xff].repeat(8_600)).await;

        assert!(took >= Duration::from_millis(250), "{took:?}");
    }

    /// A link that breaks meanwhile ends the wait.
    #[tokio::test]
    async fn a_frame_that_is_held_back_counts_the_time_that_has_passed() {
        let link = link(PULSE);
        let peer = link.peer.clone();
        peer.restraint.charge(1 << 30, Instant::now());
        let held = Link { channel: Channel::Bulk, ..link };

        assert!(timeout(Duration::from_millis(20), held.keep_pace(1)).await.is_err(), "it is held back for seconds");

        let millis = peer.counts[Channel::Bulk].held_back_us.get() / 1_000;
        assert!((20..5_000).contains(&millis), "{millis} ms");
    }

    #[tokio::test]
    async fn a_closed_stream_ends_the_link() {
        let (near, far) = duplex(100);
        drop(far);

        let end = link(PULSE).run(near).await;

        assert!(!end.is_silence(), "{end}");
    }
}
