//! Ceilings of this machine that no such system can pass: signatures, disk and wire, measured bare.

use anyhow::Context as _;
use quorate_pbft::{Ed25519, Ed25519Signer, Signer as _, Verify as _};
use serde::Serialize;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

const VERIFICATIONS: u32 = 2_000;
const SYNCS: u32 = 200;
const ROUND_TRIPS: u32 = 2_000;

/// Microseconds of one bare step each.
#[derive(Debug, Clone, Serialize)]
pub struct Ceilings {
    /// Microseconds of a strict verification on one core.
    pub verify_us: f64,
    /// Appending 512 bytes to a file and syncing it.
    pub sync_us: f64,
    /// Half a round trip of 64 bytes over loopback TCP.
    pub hop_us: f64,
    /// Cores that this process may use.
    pub cores: usize,
    /// cores / (replicas × verify): changes a second if verifying one signature for each were all there is to do.
    pub changes_per_second: f64,
    /// 5 sync + 5 hop: milliseconds to an executed change when nothing else takes time.
    pub latency_ms: f64,
}

/// Measures them now.
pub fn measure(replicas: u16) -> anyhow::Result<Ceilings> {
    let (verify_us, sync_us, hop_us) = (verify_us(), sync_us()?, hop_us()?);
    let cores = std::thread::available_parallelism()?.get();
    let changes_per_second = cores as f64 * 1e6 / (f64::from(replicas) * verify_us);
    let latency_ms = 5.0 * (sync_us + hop_us) / 1e3;
    Ok(Ceilings { verify_us, sync_us, hop_us, cores, changes_per_second, latency_ms })
}

fn verify_us() -> f64 {
    let signer = Ed25519Signer::from_seed(&[7; 32]);
    let (bytes, key) = ([3; 300], signer.public_key());
    let signature = signer.sign(&bytes);
    let started = Instant::now();
    let good = (0..VERIFICATIONS).filter(|_| Ed25519.verify(&key, &bytes, &signature)).count();
    assert_eq!(good as u32, VERIFICATIONS, "a good signature verifies");
    micros(started, VERIFICATIONS)
}

fn sync_us() -> anyhow::Result<f64> {
    let mut file = tempfile::tempfile().context("no temporary file")?;
    let started = Instant::now();
    for _ in 0..SYNCS {
        file.write_all(&[0; 512])?;
        file.sync_data()?;
    }
    Ok(micros(started, SYNCS))
}

fn hop_us() -> anyhow::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut near = TcpStream::connect(listener.local_addr()?)?;
    let (mut far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let echo = std::thread::spawn(move || -> std::io::Result<()> {
        let mut bytes = [0; 64];
        for _ in 0..ROUND_TRIPS {
            far.read_exact(&mut bytes)?;
            far.write_all(&bytes)?;
        }
        Ok(())
    });
    let started = Instant::now();
    let mut bytes = [0; 64];
    for _ in 0..ROUND_TRIPS {
        near.write_all(&bytes)?;
        near.read_exact(&mut bytes)?;
    }
    let micros = micros(started, ROUND_TRIPS) / 2.0;
    echo.join().expect("the echo does not panic")?;
    Ok(micros)
}

fn micros(since: Instant, steps: u32) -> f64 {
    since.elapsed().as_secs_f64() * 1e6 / f64::from(steps)
}
