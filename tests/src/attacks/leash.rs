//! An attacker as a process that is stopped whenever it has used more than its share of a core.

use super::attackers::Attack;
use super::target::Target;
use super::{kernel, meter};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks at the attacker's processor time.
const LOOK: Duration = Duration::from_millis(10);
/// Processor seconds ahead of its share before it is stopped.
const AHEAD: f64 = 0.05;

/// A running attacker; [`Leashed::end`] or dropping it kills it.
pub struct Leashed {
    attack: Attack,
    pid: u32,
    child: Child,
    over: Arc<AtomicBool>,
    holder: Option<JoinHandle<()>>,
}

impl Leashed {
    /// Starts this program again as an attacker that may use so much of a core.
    pub fn start(attack: Attack, target: &Target, cores: f64) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args(["attack-as", &attack.to_string(), "--target", &target.to_json()]);
        kernel::bound(&mut command, None);
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = spawned.map_err(|error| format!("{attack} does not start: {error}"))?;
        let (pid, over) = (child.id(), Arc::new(AtomicBool::new(false)));
        let until = over.clone();
        let holder = std::thread::spawn(move || hold(pid, cores, &until));
        Ok(Self { attack, pid, child, over, holder: Some(holder) })
    }

    /// Kills it; the processor seconds that it had, unless it had ended by itself: then it attacked less than it was to.
    pub fn end(mut self) -> Result<f64, String> {
        match self.child.try_wait() {
            Ok(Some(status)) => Err(format!("the attacker {} ended by itself: {status}", self.attack)),
            _ => Ok(meter::cpu_seconds(self.pid)),
        }
    }
}

/// Keeps a process at its share until it is over.
fn hold(pid: u32, cores: f64, over: &AtomicBool) {
    let begin = Instant::now();
    let mut is_stopped = false;
    while !over.load(Ordering::Relaxed) {
        let is_ahead = meter::cpu_seconds(pid) > cores * begin.elapsed().as_secs_f64() + AHEAD;
        if is_ahead != is_stopped {
            // A process that has ended takes no signal, and no processor either.
            let _ = kernel::signal(pid, if is_ahead { libc::SIGSTOP } else { libc::SIGCONT });
            is_stopped = is_ahead;
        }
        std::thread::sleep(LOOK);
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(holder) = self.holder.take() {
            let _ = holder.join();
        }
        // SIGKILL ends a stopped process too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
