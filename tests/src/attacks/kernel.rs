//! Kernel interfaces: signals and limits.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

/// Sends a signal to a process of ours.
pub fn signal(pid: u32, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: takes no pointers; the process is a child that was not waited for, so its id is nobody else's.
    match unsafe { libc::kill(pid as libc::pid_t, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The command's process dies with this one, and has so much address space at the most.
pub fn bound(command: &mut Command, address_space: Option<u64>) {
    let limit = address_space.map(|bytes| libc::rlimit { rlim_cur: bytes, rlim_max: bytes });
    let prepare = move || {
        // SAFETY: both calls may be made between fork and exec; `limit` outlives its call.
        let died = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        let limited = limit.as_ref().map_or(0, |limit| unsafe { libc::setrlimit(libc::RLIMIT_AS, limit) });
        if died < 0 || limited < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: the closure only makes system calls.
    unsafe { command.pre_exec(prepare) };
}

/// Lets this process have as many open files as it may.
pub fn raise_open_files() -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is there for the time of both calls.
    let outcome = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        limit.rlim_cur = limit.rlim_max.min(65_536);
        libc::setrlimit(libc::RLIMIT_NOFILE, &limit)
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Processor clock of a process. One call of some hundred nanoseconds: asking for `/proc/PID/stat` a hundred times a second
/// for each of ten attackers takes an eighth of a core from those who are measured.
pub fn processor_clock(pid: u32) -> io::Result<Duration> {
    let (mut clock, mut time) = (0, libc::timespec { tv_sec: 0, tv_nsec: 0 });
    // SAFETY: both places are there for the time of the call that writes to them.
    match unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &mut clock) } {
        0 => (),
        code => return Err(io::Error::from_raw_os_error(code)),
    }
    match unsafe { libc::clock_gettime(clock, &mut time) } {
        0 => Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32)),
        _ => Err(io::Error::last_os_error()),
    }
}
