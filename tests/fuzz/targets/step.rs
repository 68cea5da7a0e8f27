//! The core under any sequence of verified messages, ticks, executions and restarts, with every member's key in the
//! fuzzer's hand. The core may stop, follow or refuse; it never panics, never loops, and never says two things at one
//! place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_fuzz::{Source, conversation::Conversation, shell::Shell};
use quorate_pbft::{Input, ReplicaId};

/// Inputs of one run.
const INPUTS_MAX: usize = 400;

fuzz_target!(|bytes: &[u8]| {
    let mut source = Source::new(bytes);
    let mut shell = Shell::new(source.below(4) as u16);
    let mut conversation = Conversation::default();
    if source.coin() {
        shell.finish_recall();
    }
    for _ in 0..INPUTS_MAX {
        if source.is_empty() {
            break;
        }
        match source.below(10) {
            0 => shell.wait(1 + source.below(256) * 8),
            1 => shell.execute_next(),
            2 if source.below(4) == 0 => shell.restart(source.coin()),
            2 => shell.submit(source.byte()),
            3 if source.coin() => shell.step(Input::Read { reader: source.below(4), nonce: Default::default() }),
            _ => {
                let from = ReplicaId::new(source.below(4) as u16);
                let message = conversation.message(&mut source);
                shell.receive(from, message);
            }
        }
    }
});
