//! Answers of a stream of envelopes.

use super::{Problem, Ticket};
use borsh::BorshDeserialize as _;
use quorate_ledger::Receipt;
use serde::{Deserialize, Serialize};

/// Media type of lines of JSON.
pub const LINES_TYPE: &str = "application/x-ndjson";

/// Media type of canonical bytes.
pub const OCTETS_TYPE: &str = "application/octet-stream";

/// First byte of an answer in JSON.
const JSON: u8 = 0;

/// First byte of a receipt in its canonical form, after the place.
const RECEIPT: u8 = 1;

/// Answer to one envelope of a stream: its receipt, its ticket or the problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Offered {
    /// Place of the envelope in the stream, from 0.
    pub at: u64,
    /// HTTP status that the envelope alone would have been answered with.
    pub status: u16,
    /// With 200: the receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// With 202: the promise to try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
    /// With any other status: why it was not taken. Where it ends the stream, `at` is the place of the next envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// With 429 and 503: seconds after which the same bytes may be offered again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Offered {
    /// The answer as a line of JSON.
    pub fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("an answer is plain data");
        line.push(b'\n');
        line
    }

    /// The answer as a frame: four bytes of length, least significant first, then 1, eight bytes of the place and the
    /// receipt in canonical form; or 0 and JSON, where there is no receipt.
    pub fn encode(&self) -> Vec<u8> {
        let mut frame = vec![0; 4];
        match &self.receipt {
            Some(receipt) => {
                frame.push(RECEIPT);
                borsh::to_writer(&mut frame, &(self.at, receipt)).expect("memory takes all bytes");
            }
            None => {
                frame.push(JSON);
                serde_json::to_writer(&mut frame, self).expect("an answer is plain data");
            }
        }
        let length = (frame.len() - 4) as u32;
        frame[..4].copy_from_slice(&length.to_le_bytes());
        frame
    }

    /// The answer in a frame after its length; none in what no node sends.
    pub fn decode(frame: &[u8]) -> Option<Self> {
        match frame.split_first()? {
            (&JSON, json) => serde_json::from_slice(json).ok(),
            (&RECEIPT, bytes) => {
                let (at, receipt) = <(u64, Receipt)>::try_from_slice(bytes).ok()?;
                Some(Self { at, status: 200, receipt: Some(receipt), ticket: None, problem: None, retry_after: None })
            }
            _ => None,
        }
    }
}
