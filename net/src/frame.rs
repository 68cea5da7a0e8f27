//! Frames on a stream: four bytes of length, big endian, then that many bytes. An empty frame is a heartbeat.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::bytes::{Bytes, BytesMut};

use crate::limits::READ_AHEAD_BYTES;

/// Bytes before each frame.
pub(crate) const LENGTH_BYTES: usize = 4;

/// Why no frame came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the peer closed the stream")]
    Closed,
    #[error("a frame of {bytes} bytes was announced, {max} are allowed")]
    TooLarge { bytes: usize, max: usize },
    #[error("nothing came for {0:?}")]
    Silent(Duration),
    #[error("{0}")]
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => ReadError::Closed,
            _ => ReadError::Io(error),
        }
    }
}

/// Reads the length of the next frame; refuses one above `max` before a byte of it is read.
pub(crate) async fn read_length(
    from: &mut (impl AsyncRead + Unpin),
    max: usize,
    silence_max: Duration,
) -> Result<usize, ReadError> {
    let mut length = [0; LENGTH_BYTES];
    let mut filled = 0;
    while filled < LENGTH_BYTES {
        filled += arrived(from.read(&mut length[filled..]), silence_max).await?;
    }
    let bytes = u32::from_be_bytes(length) as usize;
    if bytes > max {
        return Err(ReadError::TooLarge { bytes, max });
    }
    Ok(bytes)
}

/// Reads a frame's `bytes`; memory grows with what came, not with what was announced.
pub(crate) async fn read_body(
    from: &mut (impl AsyncRead + Unpin),
    bytes: usize,
    silence_max: Duration,
) -> Result<Bytes, ReadError> {
    let mut body = BytesMut::with_capacity(bytes.min(READ_AHEAD_BYTES));
    let mut rest = from.take(bytes as u64);
    while body.len() < bytes {
        if body.len() == body.capacity() {
            body.reserve(body.len().min(bytes - body.len()));
        }
        arrived(rest.read_buf(&mut body), silence_max).await?;
    }
    Ok(body.freeze())
}

/// Awaits one read; none within `silence_max` and an ended stream are errors.
async fn arrived(read: impl Future<Output = io::Result<usize>>, silence_max: Duration) -> Result<usize, ReadError> {
    match timeout(silence_max, read).await {
        Err(_) => Err(ReadError::Silent(silence_max)),
        Ok(Ok(0)) => Err(ReadError::Closed),
        Ok(count) => Ok(count?),
    }
}

/// Writes one frame, without flushing. The caller keeps to the channel's limit.
pub(crate) async fn write(into: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    into.write_all(&length.to_be_bytes()).await?;
    into.write_all(frame).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_written_frame_is_read_as_it_was() {
        let sent = vec![7; 3 * READ_AHEAD_BYTES + 1];
        let (mut near, mut far) = tokio::io::duplex(1000);
        let copy = sent.clone();
        let writer = tokio::spawn(async move { write(&mut near, &copy).await });

        let bytes = read_length(&mut far, sent.len(), LONG).await.unwrap();
        let body = read_body(&mut far, bytes, LONG).await.unwrap();

        assert_eq!(body, sent);
        writer.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_length_above_the_limit_is_refused_and_the_limit_itself_is_not() {
        let announced = |bytes: u32| bytes.to_be_bytes();

        let above = read_length(&mut announced(11).as_slice(), 10, LONG).await;
        let at = read_length(&mut announced(10).as_slice(), 10, LONG).await;

        assert!(matches!(above, Err(ReadError::TooLarge { bytes: 11, max: 10 })));
        assert_eq!(at.unwrap(), 10);
    }

    #[tokio::test]
    async fn a_large_claim_without_bytes_ends_in_silence() {
        let (_near, mut far) = tokio::io::duplex(64);

        let read = read_body(&mut far, 32 << 20, SOON).await;

        assert!(matches!(read, Err(ReadError::Silent(_))));
    }

    #[tokio::test]
    async fn an_end_within_a_frame_is_an_error() {
        let body = read_body(&mut [1, 2, 3].as_slice(), 4, LONG).await;
        let length = read_length(&mut [0, 0].as_slice(), 10, LONG).await;

        assert!(matches!(body, Err(ReadError::Closed)));
        assert!(matches!(length, Err(ReadError::Closed)));
    }
}
