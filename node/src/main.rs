//! The program `quorate`.

#![warn(clippy::print_stderr, reason = "panics on a full disk: see tell.rs")]

#[macro_use]
mod tell;
mod cli;
mod counted;
mod demo;
mod idle;
mod lines;
mod memory;

use quorate_service::shelter;
use std::process::ExitCode;

/// Exit code of a broken invariant: a crash costs one of the f faults, going on could cost everything.
const INVARIANT_BROKEN: i32 = 70;

/// Exit code of a damaged disk.
const DISK_DAMAGED: i32 = 74;

fn main() -> ExitCode {
    memory::bound();
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if shelter::is_sheltered() {
            // Of damage another tells; of a mistake the place is wanted.
            if !shelter::is_damage(panic) {
                print(panic);
            }
            return;
        }
        if shelter::is_damage(panic) {
            tell!("quorate: the database is damaged: its structure cannot be read");
            tell!("  next: `quorate doctor --dir DIR` says more; docs/operations.md, \"A damaged or lost disk\"");
            std::process::exit(DISK_DAMAGED);
        }
        print(panic);
        std::process::exit(INVARIANT_BROKEN);
    }));
    cli::run(std::env::args_os())
}
