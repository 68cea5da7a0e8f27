//! Lines on standard error. It may be a file on a full disk: then nobody is told, and the command goes on.

/// Writes a line to standard error, as `eprintln!` does, which panics where it cannot.
macro_rules! tell {
    ($($line:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($line)*);
    }};
}

/// The same with no end of line.
macro_rules! tell_part {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        let _ = write!(std::io::stderr(), $($part)*);
    }};
}
