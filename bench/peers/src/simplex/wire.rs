//! Bytes that authors and members exchange.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use commonware_cryptography::{Hasher as _, Sha256, sha256::Digest};
use ed25519_dalek::{Signature, VerifyingKey};

/// Bytes of all requests in a message at most, and so of a block.
pub const MAX_BYTES: usize = 4 << 20;

/// Bytes of a message at most: requests, each after its length, and what names the block.
pub const MAX_MESSAGE: u32 = 2 * MAX_BYTES as u32;

const KEY: usize = 32;
const SIGNATURE: usize = 64;
const DIGEST: usize = 32;

const REQUESTS: u8 = 0;
const BLOCK: u8 = 1;
const WANTED: u8 = 2;

/// Request of an author: its key, its signature, and the body that it signed.
#[derive(Clone)]
pub struct Request {
    pub bytes: Bytes,
    pub digest: Digest,
}

/// Block: a view, the block before it, and requests.
#[derive(Clone)]
pub struct Block {
    pub view: u64,
    pub parent: Digest,
    pub requests: Vec<Request>,
    pub digest: Digest,
}

/// Message from one member to another.
pub enum Message {
    /// Requests for whoever leads next.
    Requests(Vec<Request>),
    /// Block to vote on.
    Block(Block),
    /// Digest of a block that the sender lacks.
    Wanted(Digest),
}

impl Request {
    /// Request of an author for a member.
    pub fn encode(author: &VerifyingKey, signature: &Signature, body: &[u8]) -> Vec<u8> {
        [author.as_bytes(), &signature.to_bytes()[..], body].concat()
    }

    /// Request with its digest; none where the bytes are too few or too many.
    pub fn decode(bytes: Bytes) -> Option<Self> {
        let digest = Sha256::hash(&[&bytes]);
        (KEY + SIGNATURE..=MAX_BYTES).contains(&bytes.len()).then_some(Self { bytes, digest })
    }

    /// True if its author signed it.
    pub fn is_signed(&self) -> bool {
        let (key, rest) = self.bytes.split_at(KEY);
        let (signature, body) = rest.split_at(SIGNATURE);
        let key = key.try_into().ok().and_then(|key| VerifyingKey::from_bytes(key).ok());
        let signature = Signature::from_slice(signature).ok();
        key.zip(signature).is_some_and(|(key, signature)| key.verify_strict(body, &signature).is_ok())
    }
}

impl Block {
    /// Block whose digest covers all of it.
    pub fn new(view: u64, parent: Digest, requests: Vec<Request>) -> Self {
        let digests: Vec<u8> = requests.iter().flat_map(|request| request.digest.0).collect();
        let digest = Sha256::hash(&[&view.to_be_bytes(), &parent.0, &digests]);
        Self { view, parent, requests, digest }
    }
}

impl Message {
    /// Message that names requests.
    pub fn requests(requests: &[Request]) -> Bytes {
        let mut bytes = BytesMut::new();
        bytes.put_u8(REQUESTS);
        put_all(&mut bytes, requests);
        bytes.freeze()
    }

    /// Message that holds a block.
    pub fn block(block: &Block) -> Bytes {
        let mut bytes = BytesMut::new();
        bytes.put_u8(BLOCK);
        bytes.put_u64(block.view);
        bytes.put_slice(&block.parent);
        put_all(&mut bytes, &block.requests);
        bytes.freeze()
    }

    /// Message that asks for a block.
    pub fn wanted(digest: &Digest) -> Bytes {
        [&[WANTED], &digest.0[..]].concat().into()
    }

    /// Message of these bytes; none where they are no message.
    pub fn decode(mut bytes: Bytes) -> Option<Self> {
        match bytes.try_get_u8().ok()? {
            REQUESTS => Some(Self::Requests(take_all(bytes)?)),
            BLOCK => {
                let (view, parent) = (bytes.try_get_u64().ok()?, take_digest(&mut bytes)?);
                Some(Self::Block(Block::new(view, parent, take_all(bytes)?)))
            }
            WANTED => Some(Self::Wanted(take_digest(&mut bytes)?)),
            _ => None,
        }
    }
}

fn put_all(bytes: &mut BytesMut, requests: &[Request]) {
    bytes.reserve(requests.iter().map(|request| 4 + request.bytes.len()).sum());
    for request in requests {
        bytes.put_u32(request.bytes.len() as u32);
        bytes.put_slice(&request.bytes);
    }
}

fn take_all(mut bytes: Bytes) -> Option<Vec<Request>> {
    let mut requests = Vec::new();
    while !bytes.is_empty() {
        let length = bytes.try_get_u32().ok()? as usize;
        requests.push(Request::decode((length <= bytes.len()).then(|| bytes.split_to(length))?)?);
    }
    Some(requests)
}

fn take_digest(bytes: &mut Bytes) -> Option<Digest> {
    let digest = (bytes.len() >= DIGEST).then(|| bytes.split_to(DIGEST))?;
    Some(Digest(digest.as_ref().try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer as _, SigningKey};

    fn request(body: &[u8]) -> Request {
        let signer = SigningKey::from_bytes(&[1; 32]);
        Request::decode(Request::encode(&signer.verifying_key(), &signer.sign(body), body).into()).unwrap()
    }

    #[test]
    fn a_block_survives_its_bytes() {
        let block = Block::new(7, Digest([9; 32]), vec![request(b"one"), request(b"two")]);
        let Some(Message::Block(read)) = Message::decode(Message::block(&block)) else { panic!("no block") };
        assert_eq!((read.view, read.parent, read.digest), (block.view, block.parent, block.digest));
        assert!(read.requests.iter().all(Request::is_signed));
    }

    #[test]
    fn a_changed_request_is_not_signed() {
        let mut bytes = request(b"one").bytes.to_vec();
        bytes[100 - 2] ^= 1;
        assert!(!Request::decode(bytes.into()).unwrap().is_signed());
    }

    #[test]
    fn cut_bytes_are_no_message() {
        let bytes = Message::block(&Block::new(7, Digest([9; 32]), vec![request(b"one")]));
        assert!((0..bytes.len()).all(|end| end == 41 || Message::decode(bytes.slice(..end)).is_none()));
    }
}
