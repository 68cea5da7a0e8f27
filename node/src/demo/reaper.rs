//! Kills the demo's processes where no destructor runs: when something panics, the program ends at once.

use rustix::process::{Pid, Signal, kill_process};
use std::sync::{Mutex, Once, PoisonError};

/// Processes of this demo that may still run.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

static HOOK: Once = Once::new();

/// Kills this process if anything in this program panics.
pub fn watch(pid: u32) {
    HOOK.call_once(|| {
        let inner = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            kill_all();
            inner(panic);
        }));
    });
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).push(pid);
}

/// Removes a process that ended, as its number may soon be another's.
pub fn forget(pid: u32) {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|running| *running != pid);
}

/// Asks a process to stop.
pub fn terminate(pid: u32) {
    signal(pid, Signal::TERM);
}

fn kill_all() {
    for pid in RUNNING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        signal(*pid, Signal::KILL);
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_panic_kills_what_was_started() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("sleep runs");
        watch(child.id());
        let panicked = std::thread::spawn(|| panic!("on purpose")).join();
        assert!(panicked.is_err());
        let status = child.wait().expect("it ends");
        forget(child.id());
        assert!(!status.success(), "it was killed, long before its time");
    }
}
