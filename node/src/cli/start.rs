//! `quorate start`: one replica in the foreground.

use super::failure::{Exit, Failure, Outcome};
use quorate_node::start::{Args, StartError, run as serve};

/// Run a replica in the foreground
#[derive(Debug, clap::Args)]
pub struct Start {
    #[command(flatten)]
    args: Args,
}

/// Runs until a signal comes.
pub fn run(start: &Start) -> Outcome {
    serve(start.args.clone()).map_err(|error| match error {
        StartError::Stopped(_) => Failure::new(Exit::Internal, error),
        _ => Failure::usage(error),
    })
}
