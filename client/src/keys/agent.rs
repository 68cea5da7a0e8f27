//! Keys in an SSH agent: an ed25519 key there signs the bytes as they are (RFC 8032), so what it signs is what a key file
//! would have signed.
//!
//! Source: draft-ietf-sshm-ssh-agent, sections 3 (messages), 4.4 (identities) and 4.6 (signing).

use base64ct::{Base64, Base64Unpadded, Encoding as _};
use quorate_pbft::{PublicKey, Signature};
use sha2::{Digest as _, Sha256};
use std::env;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Name of the key type.
const ED25519: &[u8] = b"ssh-ed25519";

/// Bytes of an agent's answer at most; OpenSSH's bound.
const ANSWER_BYTES_MAX: usize = 256 << 10;

/// How long an agent may take: it may ask its owner first.
const PATIENCE: Duration = Duration::from_secs(60);

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES: u8 = 12;
const REQUEST_SIGNATURE: u8 = 13;
const SIGNATURE: u8 = 14;

/// The ed25519 key with this fingerprint (`SHA256:…`, as `ssh-add -l` prints it); none if the agent has no such key.
pub(super) fn find(fingerprint: &str) -> io::Result<Option<PublicKey>> {
    let answer = ask(&[REQUEST_IDENTITIES], IDENTITIES)?;
    let mut rest = answer.as_slice();
    let count = number(&mut rest)?;
    for _ in 0..count {
        let (blob, _comment) = (string(&mut rest)?, string(&mut rest)?);
        if let Some(key) = key_of(blob)
            && fingerprint_of(&key) == fingerprint
        {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// The agent's signature of `bytes`.
pub(super) fn sign(key: &PublicKey, bytes: &[u8]) -> io::Result<Signature> {
    let mut request = vec![REQUEST_SIGNATURE];
    push(&mut request, &blob(key));
    push(&mut request, bytes);
    request.extend_from_slice(&[0; 4]);
    let answer = ask(&request, SIGNATURE)?;
    let mut signed = string(&mut answer.as_slice())?;
    let (kind, signature) = (string(&mut signed)?, string(&mut signed)?);
    match signature.try_into() {
        Ok(signature) if kind == ED25519 => Ok(Signature(signature)),
        _ => Err(garbled()),
    }
}

/// The key in a line `ssh-ed25519 BASE64 [COMMENT]`, as `ssh-keygen` writes `.pub` files; none in any other text.
pub(super) fn public_line(text: &str) -> Option<PublicKey> {
    let mut words = text.lines().next()?.split_whitespace();
    (words.next()?.as_bytes() == ED25519).then_some(())?;
    key_of(&Base64::decode_vec(words.next()?).ok()?)
}

/// The fingerprint of a key, as `ssh-add -l` prints it.
pub(super) fn fingerprint_of(key: &PublicKey) -> String {
    format!("SHA256:{}", Base64Unpadded::encode_string(&Sha256::digest(blob(key))))
}

fn ask(request: &[u8], expected: u8) -> io::Result<Vec<u8>> {
    let Some(socket) = env::var_os("SSH_AUTH_SOCK") else {
        return Err(io::Error::new(io::ErrorKind::NotFound, "SSH_AUTH_SOCK names no agent"));
    };
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut frame = vec![];
    push(&mut frame, request);
    stream.write_all(&frame)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length == 0 || length > ANSWER_BYTES_MAX {
        return Err(garbled());
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    if answer.remove(0) != expected {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the agent refuses"));
    }
    Ok(answer)
}

fn blob(key: &PublicKey) -> Vec<u8> {
    let mut blob = vec![];
    push(&mut blob, ED25519);
    push(&mut blob, &key.0);
    blob
}

fn key_of(mut blob: &[u8]) -> Option<PublicKey> {
    let kind = string(&mut blob).ok()?;
    let key = string(&mut blob).ok()?.try_into().ok()?;
    (kind == ED25519 && blob.is_empty()).then_some(PublicKey(key))
}

fn push(into: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("what is signed is far below four gigabytes");
    into.extend_from_slice(&length.to_be_bytes());
    into.extend_from_slice(bytes);
}

fn number(from: &mut &[u8]) -> io::Result<u32> {
    let (head, rest) = from.split_first_chunk().ok_or_else(garbled)?;
    *from = rest;
    Ok(u32::from_be_bytes(*head))
}

fn string<'a>(from: &mut &'a [u8]) -> io::Result<&'a [u8]> {
    let length = number(from)? as usize;
    let (string, rest) = from.split_at_checked(length).ok_or_else(garbled)?;
    *from = rest;
    Ok(string)
}

fn garbled() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the agent's answer is no answer of an SSH agent")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `ssh-keygen -t ed25519`; `ssh-keygen -l` prints the fingerprint.
    const LINE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO9gBmN2oKDTtYmHzQcp3UWgTMcnX35hgCDGPuLXgcA9 somebody@example";

    #[test]
    fn a_line_of_ssh_keygen_is_a_key() {
        let key = public_line(LINE).expect("a key");
        assert_eq!(hex::encode(key.0), "ef60066376a0a0d3b58987cd0729dd45a04cc7275f7e618020c63ee2d781c03d");
        assert_eq!(fingerprint_of(&key), "SHA256:afq9ZUYx/8GmCLf/Y56p2oxMV6wnWB0T0gL1rA0L+No");
        assert_eq!(public_line("ssh-rsa AAAAB3NzaC1yc2E="), None);
    }

    #[test]
    fn a_cut_answer_is_an_error() {
        for cut in [&[][..], &[0, 0], &[0, 0, 0, 5, 1, 2]] {
            assert!(string(&mut &*cut).is_err());
        }
    }
}
