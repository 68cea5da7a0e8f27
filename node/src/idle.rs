//! Work that waits until nothing else wants the processor.

use std::time::Duration;

/// Makes the thread that calls it, and those that it starts, run only where no other thread of the machine wants to: woken
/// ones take the processor from it at once, which niceness alone does not bring about. Where the system does not allow it,
/// others wait a little longer, and no more.
#[cfg(target_os = "linux")]
pub fn give_way() {
    let priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: the call reads the structure that it is given, for 0 changes this thread alone, and a refusal changes nothing.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const priority) };
}

/// Other systems have no such threads.
#[cfg(not(target_os = "linux"))]
pub fn give_way() {}

/// Whether the thread that calls it has waited for a processor most of this time. Other systems do not tell.
pub fn is_starved(of: Duration) -> bool {
    std::fs::read_to_string("/proc/thread-self/schedstat").is_ok_and(|told| was_queued(&told, of / 2))
}

/// Nanoseconds on a processor, nanoseconds in the queue for one, and turns.
fn was_queued(told: &str, least: Duration) -> bool {
    let queued = told.split_whitespace().nth(1).and_then(|queued| queued.parse().ok());
    queued.is_some_and(|queued| Duration::from_nanos(queued) > least)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_thread_that_gives_way_and_those_that_it_starts_are_idle_ones() {
        // SAFETY: for 0 the call tells of this thread, and reads nothing.
        let policy = || unsafe { libc::sched_getscheduler(0) };
        let theirs = thread::spawn(move || {
            give_way();
            [policy(), thread::spawn(policy).join().expect("no panic")]
        });
        assert_eq!(theirs.join().expect("no panic"), [libc::SCHED_IDLE; 2]);
        assert_eq!(policy(), libc::SCHED_OTHER);
    }

    #[test]
    fn the_kernel_tells_how_long_a_thread_has_stood_in_the_queue() {
        assert!(was_queued("938604 9601780 9\n", Duration::from_nanos(9_601_779)));
        assert!(!was_queued("938604 9601780 9\n", Duration::from_nanos(9_601_780)) && !was_queued("", Duration::ZERO));
    }
}
