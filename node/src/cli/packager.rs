//! `quorate completions` and `quorate man`: what packages ship beside the program.

use super::Cli;
use super::failure::{Failure, Outcome};
use super::print;
use clap::CommandFactory as _;
use clap_complete::Shell;
use std::path::PathBuf;

/// Writes completions for a shell to standard output.
pub fn completions(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "quorate", &mut script);
    Ok(print::bytes(&script)?)
}

/// Print the manual page of a command, or write those of all
#[derive(Debug, clap::Args)]
pub struct Manual {
    /// Command, as `lock acquire` [default: the program]
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Write a page for the program and for each command into DIR, as packages ship them
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    out: Option<PathBuf>,
}

/// Writes manual pages.
pub fn man(args: &Manual) -> Outcome {
    if let Some(folder) = &args.out {
        return clap_mangen::generate_to(Cli::command(), folder).map_err(|error| Failure::file(folder, error));
    }
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut command = &root;
    for name in &args.command {
        let found = command.get_subcommands().find(|found| found.get_name() == name);
        command = found
            .ok_or_else(|| Failure::usage(format!("{name:?} is no command")).next("`quorate --help` lists them"))?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    Ok(print::bytes(&page)?)
}
