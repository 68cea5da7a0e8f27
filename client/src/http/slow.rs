//! Answers that may be large on a slow line: the time runs from the last bytes that came.

use super::question::post;
use super::*;

/// Time after which an answer must have come at a rate.
const RATED_AFTER: Duration = Duration::from_secs(60);

/// Bytes a second at which an answer must come from then on.
const BYTES_A_SECOND: u64 = 16 << 10;

/// Reason of a try whose answer a node only drips.
pub(super) const DRIPS: &str = "its answer comes at less than 16 KiB a second";

impl Client {
    /// Sends bytes; the client's time is how long the node may be silent, before its answer and within it.
    pub(crate) fn post_slow(&self, url: Uri, kind: &'static str, body: Vec<u8>) -> Asked<'_, Vec<u8>> {
        Box::pin(self.asked_slow(post(url, kind, body)))
    }

    async fn asked_slow(&self, request: Request<Full>) -> Result<Vec<u8>, ClientError> {
        let mut tries = self.tries();
        loop {
            let why = match tries.within(self.send(request.clone())).await? {
                Some(Ok(response)) if response.status().is_success() => {
                    match self.body(response.into_body(), Some(self.timeout)).await? {
                        Ok(body) => return Ok(body),
                        Err(why) => why,
                    }
                }
                Some(Ok(response)) => match timeout(self.timeout, self.receive(response)).await {
                    Ok(refused) => {
                        tries.note(refused?).await?;
                        continue;
                    }
                    Err(_) => SILENT.to_owned(),
                },
                Some(Err(error)) => self.words(&error)?,
                None => SILENT.to_owned(),
            };
            tries.pause(why, None).await?;
        }
    }
}

pub(super) fn drips(after: Duration, bytes: usize) -> bool {
    after > RATED_AFTER && (bytes as u64) < after.as_secs() * BYTES_A_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    /// A node that gives eight bytes under this status, one after each pause.
    fn node(status: &'static str, pause: Duration) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a client");
                let _ = stream.read(&mut [0; 4_096]);
                let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 8\r\n\r\n");
                for byte in 0..8 {
                    thread::sleep(pause);
                    let _ = stream.write_all(&[byte]);
                }
            }
        });
        address
    }

    async fn asked(status: &'static str, pause: u64, timeout: u64) -> Result<Vec<u8>, ClientError> {
        let node = node(status, Duration::from_millis(pause));
        let client = Client::new(&node, Duration::from_millis(timeout)).expect("an address");
        client.state(vec![1]).await
    }

    #[tokio::test]
    async fn an_answer_may_take_longer_than_a_node_may_be_silent() {
        assert_eq!(asked("200 OK", 100, 600).await.expect("it comes"), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[tokio::test]
    async fn a_node_that_is_silent_within_its_answer_gives_none() {
        for status in ["200 OK", "503 Service Unavailable"] {
            let asked = timeout(Duration::from_secs(4), asked(status, 5_000, 100)).await.expect("it ends");
            assert!(matches!(asked, Err(ClientError::NoAnswer { .. })), "{status}");
        }
    }

    #[tokio::test]
    async fn a_refusal_without_an_end_holds_up_no_stream() {
        let node = node("503 Service Unavailable", Duration::from_secs(5));
        let client = Client::new(&node, Duration::from_millis(100)).expect("an address");
        let url = client.url(&["events"], &[]).expect("an address");
        let (stream, upload) = (client.renewed(), client.renewed());
        let long = Duration::from_secs(4);

        let answered = timeout(long, stream.stream(url.clone(), HeaderMap::new())).await.expect("it ends");
        let begun = timeout(long, upload.begin(url, HeaderMap::new(), 1)).await.expect("it ends");

        assert!(matches!(answered, Err(ClientError::NoAnswer { .. })));
        assert!(matches!(begun, Err(ClientError::NoAnswer { .. })));
    }

    #[test]
    fn an_answer_at_less_than_16_kib_a_second_is_dripped() {
        assert!(!drips(Duration::from_secs(59), 1));
        assert!(drips(Duration::from_secs(100), 100 << 10));
        assert!(!drips(Duration::from_secs(100), 16 << 20));
    }
}
