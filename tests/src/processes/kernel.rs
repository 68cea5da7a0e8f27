//! Kernel interfaces: namespaces, TUN devices, signals. The room's `unsafe` code is in this file only.
//!
//! Kernel objects are anonymous: a namespace lives as long as a file or a process holds it, a TUN device as long as its
//! file, a mount as long as its namespace. So nothing is left behind, however this process ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::mem;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Name of the device in each namespace.
const DEVICE: &str = "quorate0";

/// Result of `ioctl` and its like, with the name of the call for an error.
fn checked(what: &str, outcome: libc::c_int) -> io::Result<libc::c_int> {
    if outcome >= 0 {
        return Ok(outcome);
    }
    let error = io::Error::last_os_error();
    Err(io::Error::new(error.kind(), format!("{what}: {error}")))
}

/// Gives the calling thread a network and a mount namespace of its own; mounts made there stay there.
pub fn leave_home() -> io::Result<()> {
    // SAFETY: takes no pointers; concerns the calling thread only.
    checked("new namespaces", unsafe { libc::unshare(libc::CLONE_NEWNET | libc::CLONE_NEWNS) })?;
    let (nothing, root) = (std::ptr::null(), c"/".as_ptr());
    // SAFETY: `root` is a C string; null stands for what a change of propagation does not use.
    let made = unsafe { libc::mount(nothing, root, nothing, libc::MS_REC | libc::MS_PRIVATE, nothing.cast()) };
    checked("private mounts", made).map(drop)
}

/// The calling thread's network and mount namespaces as files.
pub fn here() -> io::Result<(File, File)> {
    Ok((File::open("/proc/thread-self/ns/net")?, File::open("/proc/thread-self/ns/mnt")?))
}

/// Moves the calling thread into a network namespace; threads that it starts are born there.
pub fn enter(network: &File) -> io::Result<()> {
    // SAFETY: takes no pointers; concerns the calling thread only.
    checked("enter a network", unsafe { libc::setns(network.as_raw_fd(), libc::CLONE_NEWNET) }).map(drop)
}

/// Mounts a file system in memory that holds so many bytes.
pub fn mount_memory(at: &Path, bytes: u64) -> io::Result<()> {
    let path = std::ffi::CString::new(at.as_os_str().as_encoded_bytes())?;
    let options = std::ffi::CString::new(format!("size={bytes}"))?;
    let kind = c"tmpfs".as_ptr();
    // SAFETY: four C strings that outlive the call.
    checked("mount a tmpfs", unsafe { libc::mount(kind, path.as_ptr(), kind, 0, options.as_ptr().cast()) }).map(drop)
}

/// Makes the TUN device of the calling thread's network namespace and gives it an address in a /24.
pub fn make_device(address: Ipv4Addr) -> io::Result<File> {
    let tun = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun")?;
    let mut request = request(DEVICE);
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    configure("make a TUN device", &tun, libc::TUNSETIFF as _, &mut request)?;
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let mut request = self::request(DEVICE);
    request.ifr_ifru.ifru_addr = inet(address);
    configure("set an address", &socket, libc::SIOCSIFADDR as _, &mut request)?;
    request.ifr_ifru.ifru_netmask = inet(Ipv4Addr::new(255, 255, 255, 0));
    configure("set a netmask", &socket, libc::SIOCSIFNETMASK as _, &mut request)?;
    for device in ["lo", DEVICE] {
        let mut request = self::request(device);
        request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
        configure("bring a device up", &socket, libc::SIOCSIFFLAGS as _, &mut request)?;
    }
    Ok(tun)
}

fn request(device: &str) -> libc::ifreq {
    // SAFETY: numbers, arrays and unions of them, for all of which zeros are valid.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(device.bytes()) {
        *to = from as libc::c_char;
    }
    request
}

fn inet(address: Ipv4Addr) -> libc::sockaddr {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: u32::from(address).to_be() },
        sin_zero: [0; 8],
    };
    // SAFETY: both are 16 bytes of plain data; the family says which of the two it is.
    unsafe { mem::transmute(address) }
}

fn configure(what: &str, on: &impl std::os::fd::AsFd, number: libc::Ioctl, with: &mut libc::ifreq) -> io::Result<()> {
    let pointer: *mut libc::ifreq = with;
    // SAFETY: each of these calls takes a pointer to an `ifreq`, which lives on.
    checked(what, unsafe { libc::ioctl(on.as_fd().as_raw_fd(), number, pointer) }).map(drop)
}

/// Waits until one of these can be read, at most so long; which of them can.
pub fn readable(files: &[File], patience: Duration) -> io::Result<Vec<usize>> {
    let wish = |file: &File| libc::pollfd { fd: file.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let mut wishes: Vec<libc::pollfd> = files.iter().map(wish).collect();
    let time = libc::timespec { tv_sec: patience.as_secs() as _, tv_nsec: patience.subsec_nanos() as _ };
    // SAFETY: as many entries as it is told, a time that lives on, and no signal mask.
    let count = unsafe { libc::ppoll(wishes.as_mut_ptr(), wishes.len() as _, &time, std::ptr::null()) };
    match checked("wait for packets", count) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Vec::new()),
        Err(error) => Err(error),
        Ok(_) => Ok((0..files.len()).filter(|index| wishes[*index].revents != 0).collect()),
    }
}

/// The command's process will live in these namespaces, and be killed when the thread that starts it ends.
///
/// The process stands at the root of its file system: name files by their whole path.
pub fn settle(command: &mut Command, network: &File, mounts: &File) {
    let (network, mounts): (RawFd, RawFd) = (network.as_raw_fd(), mounts.as_raw_fd());
    let move_in = move || {
        // SAFETY: takes no pointers.
        checked("die with the parent", unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
        // SAFETY: takes no pointers.
        checked("enter a network", unsafe { libc::setns(network, libc::CLONE_NEWNET) })?;
        // SAFETY: takes no pointers.
        checked("enter mounts", unsafe { libc::setns(mounts, libc::CLONE_NEWNS) }).map(drop)
    };
    // SAFETY: between fork and exec only system calls; memory is taken for an error alone, when all is lost anyway.
    unsafe { command.pre_exec(move_in) };
}

/// Sends a signal to a process that this one started and has not yet waited for, so that the number is still its own.
pub fn signal(pid: u32, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: takes no pointers.
    checked("send a signal", unsafe { libc::kill(pid as libc::pid_t, signal) }).map(drop)
}
