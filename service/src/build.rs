//! Facts about this build.

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Commit that it was built from; `unknown` where the build was not told.
pub const COMMIT: &str = env!("QUORATE_COMMIT");
/// Compiler that built it.
pub const RUSTC: &str = env!("QUORATE_RUSTC");
