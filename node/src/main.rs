//! The program `quorate`.

mod cli;
mod counted;
mod demo;
mod memory;

use std::process::ExitCode;

/// Exit code of a broken invariant: a crash costs one of the f faults, going on could cost everything.
const INVARIANT_BROKEN: i32 = 70;

fn main() -> ExitCode {
    memory::bound();
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        std::process::exit(INVARIANT_BROKEN);
    }));
    cli::run(std::env::args_os())
}
