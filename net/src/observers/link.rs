//! Frames between a member and an observer, in both directions.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, ReadBuf, ReadHalf, WriteHalf};
use tokio::time::timeout;
use tokio_util::bytes::Bytes;

use crate::frame::{self, ReadError};
use crate::limits::{BULK_FRAME_BYTES_MAX, PULSE, WRITE_BUFFER_BYTES};

/// Time that a frame may take to leave, beside that on a slow line: a peer that reads nothing for so long is gone.
const WRITES_WITHIN: Duration = Duration::from_secs(30);
/// Bytes in a second of a slow line, on which long frames have the time that they take: 1 Mbit/s.
pub const LINE_BYTES: u64 = 128 << 10;
/// Heartbeats beyond one for each second since the link began; one in three seconds is sent. Those of a while in which
/// nothing was read come at once.
const BEATS_AT_ONCE: u64 = 8;

/// Either side's stream.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Time that so many bytes take on a slow line.
pub fn on_line(bytes: u64) -> Duration {
    Duration::from_micros(bytes.saturating_mul(1_000_000) / LINE_BYTES)
}

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No frame came.
    #[error("{0}")]
    Read(String),
    /// A frame could not leave.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
    /// A frame that was announced and is larger than any may be.
    #[error("a frame of {bytes} bytes was announced, {max} are allowed")]
    Oversized {
        /// Its size.
        bytes: usize,
        /// The most that is allowed.
        max: usize,
    },
    /// A frame that no link carries.
    #[error("a frame of {bytes} bytes; between 1 and {max} may be sent")]
    Size {
        /// Its size.
        bytes: usize,
        /// The most that is allowed.
        max: usize,
    },
}

impl From<ReadError> for LinkError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::TooLarge { bytes, max } => Self::Oversized { bytes, max },
            other => Self::Read(other.to_string()),
        }
    }
}

/// Connection whose both sides have proved their keys.
pub struct ObserverLink {
    key: [u8; 32],
    stream: Box<dyn Stream>,
}

/// Half of a link that frames come from.
pub struct Receiver {
    from: ReadHalf<Box<dyn Stream>>,
    bytes_max: usize,
    passed: Arc<AtomicU64>,
    since: Instant,
    beats: u64,
}

/// Source of bytes that counts them as they come.
struct Counted<'r, R> {
    from: &'r mut R,
    passed: &'r AtomicU64,
}

impl<R: AsyncRead + Unpin> AsyncRead for Counted<'_, R> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (Self { from, passed }, before) = (self.get_mut(), into.filled().len());
        let polled = Pin::new(from).poll_read(cx, into);
        passed.fetch_add((into.filled().len() - before) as u64, Relaxed);
        polled
    }
}

/// Half of a link that frames go to.
pub struct Sender(BufWriter<WriteHalf<Box<dyn Stream>>>);

impl ObserverLink {
    pub(super) fn new(key: [u8; 32], stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { key, stream: Box::new(stream) }
    }

    /// The other side's ed25519 key.
    pub fn key(&self) -> [u8; 32] {
        self.key
    }

    /// The bytes of both directions.
    pub(super) fn into_stream(self) -> impl AsyncRead + AsyncWrite + Send + Unpin + 'static {
        self.stream
    }

    /// Hands bytes on between two connections until one ends, so many bytes have passed, or the time is over.
    ///
    /// `turn` returns when so many bytes may leave.
    pub async fn splice<T: Future<Output = ()>>(
        self,
        other: Self,
        (bytes_max, time_max): (u64, Duration),
        turn: impl Fn(usize) -> T,
    ) -> u64 {
        let (passed, stop) = (AtomicU64::new(0), tokio::time::sleep(time_max));
        let ((from_one, into_one), (from_other, into_other)) =
            (tokio::io::split(self.stream), tokio::io::split(other.stream));
        tokio::select! {
            _ = hand_on(from_one, into_other, bytes_max, &passed, &turn) => (),
            _ = hand_on(from_other, into_one, bytes_max, &passed, &turn) => (),
            () = stop => (),
        }
        passed.load(Relaxed)
    }

    /// The two directions; frames that come are refused above `bytes_max`.
    pub fn split(self, bytes_max: usize) -> (Sender, Receiver) {
        let (from, into) = tokio::io::split(self.stream);
        let bytes_max = bytes_max.min(BULK_FRAME_BYTES_MAX);
        (
            Sender(BufWriter::with_capacity(WRITE_BUFFER_BYTES, into)),
            Receiver { from, bytes_max, passed: Arc::default(), since: Instant::now(), beats: 0 },
        )
    }
}

/// Direction of two connections that are one.
async fn hand_on<T: Future<Output = ()>>(
    mut from: impl AsyncRead + Unpin,
    mut into: impl AsyncWrite + Unpin,
    bytes_max: u64,
    passed: &AtomicU64,
    turn: &impl Fn(usize) -> T,
) -> io::Result<()> {
    let mut buffer = vec![0; WRITE_BUFFER_BYTES];
    while passed.load(Relaxed) < bytes_max {
        let bytes = timeout(PULSE.silence_max, from.read(&mut buffer)).await??;
        if bytes == 0 {
            break;
        }
        turn(bytes).await;
        let written = async {
            into.write_all(&buffer[..bytes]).await?;
            into.flush().await
        };
        timeout(WRITES_WITHIN, written).await??;
        passed.fetch_add(bytes as u64, Relaxed);
    }
    Ok(())
}

impl Receiver {
    /// The two halves as one link again. Nothing of a frame may have been read.
    pub fn rejoin(self, Sender(into): Sender, key: [u8; 32]) -> ObserverLink {
        ObserverLink { key, stream: self.from.unsplit(into.into_inner()) }
    }

    /// Takes frames of up to so many bytes from now on.
    pub fn allow(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max.min(BULK_FRAME_BYTES_MAX);
    }

    /// Count of the bytes that have come in frames, also in one that is not whole yet.
    pub fn passed(&self) -> Arc<AtomicU64> {
        self.passed.clone()
    }

    /// The next frame that is no heartbeat. Dropping it half way loses the link's place: end the link then.
    pub async fn recv(&mut self) -> Result<Bytes, LinkError> {
        loop {
            let bytes = frame::read_length(&mut self.from, self.bytes_max, PULSE.silence_max).await?;
            if bytes > 0 {
                let mut from = Counted { from: &mut self.from, passed: &self.passed };
                return Ok(frame::read_body(&mut from, bytes, PULSE.silence_max).await?);
            }
            self.take_beat()?;
        }
    }

    /// Counts a heartbeat. All observers have one thread, so a flood of them ends the link.
    fn take_beat(&mut self) -> Result<(), LinkError> {
        self.beats += 1;
        let is_flood = self.beats > BEATS_AT_ONCE + self.since.elapsed().as_secs();
        if is_flood { Err(LinkError::Read("a flood of heartbeats".to_owned())) } else { Ok(()) }
    }
}

impl Sender {
    /// Writes a frame and waits until it left this process.
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        if frame.is_empty() || frame.len() > BULK_FRAME_BYTES_MAX {
            return Err(LinkError::Size { bytes: frame.len(), max: BULK_FRAME_BYTES_MAX });
        }
        self.write(frame).await
    }

    /// Writes a heartbeat: due when nothing was sent for [`Sender::BEAT`].
    pub async fn beat(&mut self) -> Result<(), LinkError> {
        self.write(&[]).await
    }

    /// Longest pause between two frames; after four of them the other side counts a link as dead.
    pub const BEAT: Duration = PULSE.every;

    async fn write(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        let written = async {
            frame::write(&mut self.0, frame).await?;
            self.0.flush().await
        };
        let written = timeout(writes_within(frame), written).await;
        Ok(written.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??)
    }
}

/// Time for a frame to leave.
fn writes_within(frame: &[u8]) -> Duration {
    WRITES_WITHIN + on_line(frame.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_frame_has_the_time_that_it_takes_on_a_line_of_a_megabit() {
        let largest = vec![0; BULK_FRAME_BYTES_MAX];

        assert!(writes_within(&largest) >= Duration::from_secs(34 * 8));
        assert_eq!(writes_within(&[]), WRITES_WITHIN);
    }
}
