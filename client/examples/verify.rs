//! Offline verification: a genesis file and a proof file, no network and no node.
//!
//! The genesis alone trusts members that have left since: who has seen newer epochs keeps them, and asks `verify_after`.
//!
//! `cargo run --example verify --no-default-features -- genesis.json proof.bin`

use quorate_client::verify::{Demands, verify};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(genesis), Some(proof), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        eprintln!("usage: verify GENESIS PROOF");
        return ExitCode::from(2);
    };
    let read = |path: &str| std::fs::read(path).map_err(|error| format!("{path}: {error}"));
    let proved = read(&proof).and_then(|proof| {
        let genesis = read(&genesis)?;
        verify(&proof, &genesis, &Demands::default()).map_err(|error| error.to_string())
    });
    match proved {
        Ok(proved) => {
            println!("{proved:#?}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
