//! Ceilings of this machine that no such system can pass: signatures, disk and wire, measured bare.

use anyhow::Context as _;
use quorate_pbft::{Ed25519, Ed25519Signer, Signer as _, Verify as _};
use serde::Serialize;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// Batches of each step, of which the fastest counts: all else that the machine does only adds to it.
const BATCHES: u32 = 5;

/// Steps of a batch.
const VERIFICATIONS: u32 = 400;
const SYNCS: u32 = 40;
const ROUND_TRIPS: u32 = 400;

/// Steps from a change to its execution, one after the other.
pub const SYNCS_OF_A_CHANGE: u32 = 5;
pub const HOPS_OF_A_CHANGE: u32 = 4;

/// Microseconds of one bare step each.
#[derive(Debug, Clone, Serialize)]
pub struct Ceilings {
    /// Microseconds of a strict verification on one core.
    pub verify_us: f64,
    /// Appending 512 bytes to a file beside the group's and syncing it.
    pub sync_us: f64,
    /// Half a round trip of 64 bytes over loopback TCP.
    pub hop_us: f64,
    /// Cores that this process may use.
    pub cores: usize,
    /// cores × changes in an envelope / (replicas × verify): changes a second if verifying each envelope's signature strictly, one by
    /// one, were all there is to do. Verification in batches may pass it.
    pub changes_per_second: f64,
    /// 5 sync + 4 hop: milliseconds to an executed change when nothing else takes time.
    pub latency_ms: f64,
}

/// Measures them now, for a group in this folder, and envelopes of so many changes.
pub fn measure(replicas: u16, changes: u64, folder: &Path) -> anyhow::Result<Ceilings> {
    let cores = std::thread::available_parallelism()?.get();
    Ok(Ceilings::of([verify_us()?, sync_us(folder)?, hop_us()?], cores, replicas, changes))
}

impl Ceilings {
    fn of([verify_us, sync_us, hop_us]: [f64; 3], cores: usize, replicas: u16, changes: u64) -> Self {
        let changes_per_second = (cores as u64 * changes) as f64 * 1e6 / (f64::from(replicas) * verify_us);
        let latency_us = f64::from(SYNCS_OF_A_CHANGE) * sync_us + f64::from(HOPS_OF_A_CHANGE) * hop_us;
        Self { verify_us, sync_us, hop_us, cores, changes_per_second, latency_ms: latency_us / 1e3 }
    }
}

fn verify_us() -> io::Result<f64> {
    let signer = Ed25519Signer::from_seed(&[7; 32]);
    let (bytes, key) = ([3; 300], signer.public_key());
    let signature = signer.sign(&bytes);
    let is_good = || Ed25519.verify(&key, &bytes, &signature).then_some(());
    least_us(VERIFICATIONS, || is_good().ok_or_else(|| io::Error::other("a good signature does not verify")))
}

fn sync_us(folder: &Path) -> anyhow::Result<f64> {
    let mut file = tempfile::tempfile_in(folder).with_context(|| format!("no file in {}", folder.display()))?;
    Ok(least_us(SYNCS, || file.write_all(&[0; 512]).and_then(|()| file.sync_data()))?)
}

fn hop_us() -> anyhow::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut near = TcpStream::connect(listener.local_addr()?)?;
    let (mut far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let echo = std::thread::spawn(move || -> std::io::Result<()> {
        let mut bytes = [0; 64];
        for _ in 0..BATCHES * ROUND_TRIPS {
            far.read_exact(&mut bytes)?;
            far.write_all(&bytes)?;
        }
        Ok(())
    });
    let mut bytes = [0; 64];
    let round_trip_us = least_us(ROUND_TRIPS, || near.write_all(&bytes).and_then(|()| near.read_exact(&mut bytes)))?;
    echo.join().expect("the echo does not panic")?;
    Ok(round_trip_us / 2.0)
}

/// Microseconds of a step in the fastest batch.
fn least_us(steps: u32, mut step: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    let batch = |_| {
        let started = Instant::now();
        (0..steps).try_for_each(|_| step()).map(|()| started.elapsed())
    };
    Ok(least((0..BATCHES).map(batch))?.as_secs_f64() * 1e6 / f64::from(steps))
}

fn least(batches: impl Iterator<Item = io::Result<Duration>>) -> io::Result<Duration> {
    batches.reduce(|least, one| Ok(least?.min(one?))).expect("there are batches")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_signature_is_verified_for_all_changes_of_an_envelope() {
        let ceiling = |changes| Ceilings::of([25.0, 150.0, 30.0], 2, 4, changes).changes_per_second;
        assert_eq!([1, 100].map(ceiling), [20_000.0, 2_000_000.0]);
    }

    #[test]
    fn the_floor_is_five_syncs_and_four_hops() {
        assert_eq!(Ceilings::of([25.0, 150.0, 30.0], 2, 4, 1).latency_ms, 0.87);
    }

    #[test]
    fn a_batch_that_the_machine_disturbs_does_not_count() {
        let batches = [100, 1, 100].map(|ms| Ok(Duration::from_millis(ms)));
        assert_eq!(least(batches.into_iter()).unwrap(), Duration::from_millis(1));
    }
}
