//! `quorate completions` and `quorate man`: what packages ship beside the program.

use super::Cli;
use super::failure::Outcome;
use super::print;
use clap::CommandFactory as _;
use clap_complete::Shell;

/// Writes completions for a shell to standard output.
pub fn completions(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "quorate", &mut script);
    Ok(print::bytes(&script)?)
}

/// Writes the manual page, all commands one after the other, to standard output.
pub fn man() -> Outcome {
    let mut root = Cli::command();
    root.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(root.clone()).render(&mut page)?;
    for command in root.get_subcommands().filter(|command| !command.is_hide_set()) {
        let part = clap_mangen::Man::new(command.clone());
        part.render_synopsis_section(&mut page)?;
        part.render_description_section(&mut page)?;
        part.render_options_section(&mut page)?;
    }
    Ok(print::bytes(&page)?)
}
