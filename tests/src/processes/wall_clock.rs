//! A wall clock that can be set. Preloaded into a replica's process, it stands before the C library's `clock_gettime`.
//!
//! The file named by `QUORATE_TESTS_WALL_CLOCK` holds how many milliseconds the clock is ahead: eight bytes, signed,
//! little end first. The ninth byte becomes 1 once the clock is in use. Other clocks than the wall clock stay as they
//! are, as on a machine whose time is set. The file is compiled by itself, without any crate; see `clocks.rs`.

use std::ffi::{c_char, c_int, c_void};
use std::fs::{File, OpenOptions};
use std::mem;
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;

/// Name of the variable that names the file.
const FILE: &str = "QUORATE_TESTS_WALL_CLOCK";

/// `CLOCK_REALTIME` and `CLOCK_REALTIME_COARSE` of Linux.
const WALL: [c_int; 2] = [0, 5];

/// `RTLD_NEXT`: the library behind this one.
const NEXT: *mut c_void = -1_isize as *mut c_void;

/// As in C, on machines with 64 bits.
#[repr(C)]
pub struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

type ClockGettime = unsafe extern "C" fn(c_int, *mut Timespec) -> c_int;

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// The time of a clock, as `clock_gettime(2)` tells it, the wall clock's set as the file says.
///
/// # Safety
///
/// As in C: `time` points to where a `timespec` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    static REAL: OnceLock<ClockGettime> = OnceLock::new();
    let real = REAL.get_or_init(|| {
        // SAFETY: a C string, and the handle that stands for the next library.
        let found = unsafe { dlsym(NEXT, c"clock_gettime".as_ptr()) };
        assert!(!found.is_null(), "the C library has clock_gettime");
        // SAFETY: the C library's function of that name has this type.
        unsafe { mem::transmute::<*mut c_void, ClockGettime>(found) }
    });
    // SAFETY: the caller's promise.
    let outcome = unsafe { real(clock, time) };
    if outcome == 0 && WALL.contains(&clock) {
        // SAFETY: the caller's promise; it was just written.
        set(unsafe { &mut *time }, ahead_ms());
    }
    outcome
}

fn set(time: &mut Timespec, ahead_ms: i64) {
    let nanoseconds = time.nanoseconds + ahead_ms.rem_euclid(1_000) * 1_000_000;
    time.seconds += ahead_ms.div_euclid(1_000) + nanoseconds.div_euclid(1_000_000_000);
    time.nanoseconds = nanoseconds.rem_euclid(1_000_000_000);
}

/// Milliseconds in the file; 0 without one.
fn ahead_ms() -> i64 {
    static SETTING: OnceLock<Option<File>> = OnceLock::new();
    let setting = SETTING.get_or_init(|| {
        let file = OpenOptions::new().read(true).write(true).open(std::env::var_os(FILE)?).ok()?;
        file.write_at(&[1], 8).ok().map(|_| file)
    });
    let mut bytes = [0; 8];
    let read = setting.as_ref().map(|file| file.read_at(&mut bytes, 0));
    if matches!(read, Some(Ok(8))) { i64::from_le_bytes(bytes) } else { 0 }
}
