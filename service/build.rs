//! Facts about the build that `/version` and `quorate_build_info` tell: the compiler, and the commit where one is named.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=QUORATE_COMMIT");
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let told = Command::new(compiler).arg("--version").output().ok().filter(|told| told.status.success());
    let words = told.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned());
    println!("cargo:rustc-env=QUORATE_RUSTC={}", words.as_deref().unwrap_or("unknown"));
    println!("cargo:rustc-env=QUORATE_COMMIT={}", env::var("QUORATE_COMMIT").as_deref().unwrap_or("unknown"));
}
