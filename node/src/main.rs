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
use std::ffi::OsString;
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
        std::process::exit(exit_of_broken(&std::env::args_os().collect::<Vec<_>>()));
    }));
    cli::run(std::env::args_os())
}

/// Exit code of a command that broke an invariant; to git, 70 of its merge driver would be a conflict.
fn exit_of_broken(args: &[OsString]) -> i32 {
    cli::own_error(args).map_or(INVARIANT_BROKEN, i32::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_invariant_is_never_a_conflict_to_git() {
        let exit = |args: &[&str]| exit_of_broken(&args.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(exit(&["quorate", "merge", "--driver"]), 129);
        assert_eq!((exit(&["quorate", "start"]), exit(&["quorate"])), (70, 70));
    }
}
