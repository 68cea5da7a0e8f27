//! A switch in user space: every packet between the places passes here, late, lost or not at all.
//!
//! The kernel's own way (`netem`) is a module that many machines do not have. A TUN device in each namespace and one thread
//! that reads and writes packets needs no more than root.

use super::kernel;
use super::links::{Fate, Links};
use crate::dice::Dice;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes of the largest packet: more than the device's MTU of 1,500.
const PACKET_BYTES_MAX: usize = 2_048;

/// Packets on their way at once; what comes above is lost, as in any switch.
const QUEUE_MAX: usize = 16_384;

/// Packets read from one place before the others have their turn.
const BURST_MAX: usize = 64;

/// Longest sleep, so that a stop is noticed.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// Counts of packets by their fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Packets {
    /// Delivered.
    pub delivered: u64,
    /// Lost by chance, or because a queue was full.
    pub lost: u64,
    /// Lost on a link that was cut.
    pub cut: u64,
}

/// State that the switch shares with its owner.
struct Shared {
    links: Mutex<Links>,
    packets: Mutex<Packets>,
    stop: AtomicBool,
}

/// A running switch; it stops when it is dropped.
pub struct Switch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Switch {
    /// Connects the places; the order of the cables is that of [`address`].
    pub fn start(cables: Vec<File>, links: Links, dice: Dice) -> io::Result<Self> {
        let shared =
            Arc::new(Shared { links: Mutex::new(links), packets: Mutex::default(), stop: AtomicBool::new(false) });
        let ports = Ports { cables, queue: BinaryHeap::new(), order: 0, dice, shared: shared.clone() };
        let thread = std::thread::Builder::new().name("switch".to_owned()).spawn(|| ports.work())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// The links, to change them.
    pub fn links(&self) -> MutexGuard<'_, Links> {
        locked(&self.shared.links)
    }

    /// Counts of packets so far.
    pub fn packets(&self) -> Packets {
        *locked(&self.shared.packets)
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The address of a place.
pub fn address(place: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, 1 + place as u8)
}

/// The place that a packet is for; none for what is not ours, such as IPv6 and multicast.
fn destination(packet: &[u8], places: usize) -> Option<usize> {
    let is_v4 = packet.first().is_some_and(|first| first >> 4 == 4);
    let to: [u8; 4] = packet.get(16..20).filter(|_| is_v4)?.try_into().ok()?;
    (0..places).find(|place| address(*place).octets() == to)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// When it is due, a number that keeps equal ones in order, for whom, what.
type Waiting = Reverse<(Instant, u64, usize, Box<[u8]>)>;

/// The thread's own.
struct Ports {
    cables: Vec<File>,
    queue: BinaryHeap<Waiting>,
    order: u64,
    dice: Dice,
    shared: Arc<Shared>,
}

impl Ports {
    fn work(mut self) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            self.deliver();
            let patience = self
                .queue
                .peek()
                .map_or(SLEEP_MAX, |Reverse((due, ..))| due.saturating_duration_since(Instant::now()).min(SLEEP_MAX));
            match kernel::readable(&self.cables, patience) {
                Ok(ready) => ready.into_iter().for_each(|from| self.take(from)),
                Err(error) => {
                    eprintln!("processes: the switch stops: {error}");
                    return;
                }
            }
        }
    }

    /// Reads what a place sends.
    fn take(&mut self, from: usize) {
        let mut bytes = [0; PACKET_BYTES_MAX];
        for _ in 0..BURST_MAX {
            // An error is an empty device, for all that can be done about it.
            let Ok(count) = self.cables[from].read(&mut bytes) else { return };
            if let Some(to) = destination(&bytes[..count], self.cables.len()) {
                self.send(from, to, &bytes[..count]);
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, packet: &[u8]) {
        let fate = locked(&self.shared.links).fate(from, to, &mut self.dice);
        match fate {
            Fate::Arrives(after) if self.queue.len() < QUEUE_MAX => {
                self.order += 1;
                self.queue.push(Reverse((Instant::now() + after, self.order, to, packet.into())));
            }
            Fate::Arrives(_) | Fate::Lost => locked(&self.shared.packets).lost += 1,
            Fate::Cut => locked(&self.shared.packets).cut += 1,
        }
    }

    /// Hands over what is due.
    fn deliver(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((due, ..))) = self.queue.peek()
            && *due <= now
            && let Some(Reverse((_, _, to, packet))) = self.queue.pop()
        {
            let arrived = self.cables[to].write(&packet).is_ok();
            let mut packets = locked(&self.shared.packets);
            if arrived { packets.delivered += 1 } else { packets.lost += 1 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(to: Ipv4Addr) -> Vec<u8> {
        let mut packet = vec![0x45; 20];
        packet[16..].copy_from_slice(&to.octets());
        packet
    }

    #[test]
    fn a_packet_goes_to_the_place_that_has_its_address() {
        assert_eq!(destination(&packet(address(3)), 5), Some(3));
        assert_eq!(destination(&packet(address(5)), 5), None);
    }

    #[test]
    fn what_is_short_or_of_another_family_goes_nowhere() {
        let mut six = packet(address(0));
        six[0] = 0x60;
        assert_eq!(destination(&six, 5), None);
        assert_eq!(destination(&packet(address(0))[..19], 5), None);
        assert_eq!(destination(&[], 5), None);
    }
}
