//! Handlers of the API leave the disk to threads that may block: the runtime has as many workers as the machine cores.

use crate::sources::rust_files;
use crate::tokens::{Token, partner, production};

/// Calls that read the state from the disk.
const READS: &[&str] = &["view", "admit", "comes_too_fast"];

#[test]
fn no_handler_reads_the_disk_on_a_thread_of_the_runtime() {
    let mut found = Vec::new();
    for file in rust_files("service/src/api") {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let lines = reads_of_async_functions(&production(&text));
        found.extend(lines.into_iter().map(|line| format!("{}:{line}", file.display())));
    }
    assert!(found.is_empty(), "reads outside `blocking`, `json`, `page` and `send`:\n{}", found.join("\n"));
}

#[test]
fn a_read_in_a_closure_that_moves_is_somewhere_else() {
    let text =
        "async fn list() { let x = moment.view(); answers.send(move || { moment.view() }).await }\nfn f() { view() }";
    assert_eq!(reads_of_async_functions(&production(text)), [1]);
    let other = "async fn list() { service.blocking(move || Ok(moment.view().members()?)).await }";
    assert_eq!(reads_of_async_functions(&production(other)), Vec::<usize>::new());
}

/// Lines on which an `async fn` reads, outside its closures that take what they use along.
fn reads_of_async_functions(tokens: &[Token]) -> Vec<usize> {
    let mut lines = Vec::new();
    for at in 1..tokens.len() {
        if !(tokens[at].is("fn") && tokens[at - 1].is("async")) {
            continue;
        }
        let body = (at..tokens.len()).find(|at| tokens[*at].is("{")).expect("a function has a body");
        let end = partner(tokens, body);
        let mut place = body;
        while place < end {
            if tokens[place].is("move") && tokens[place + 1].is("|") {
                place = closure_end(tokens, place);
            }
            if tokens[place].is(".") && READS.iter().any(|read| tokens[place + 1].is(read)) && tokens[place + 2].is("(")
            {
                lines.push(tokens[place].line);
            }
            place += 1;
        }
    }
    lines
}

/// The last token of a closure: its closing brace, or the one before the bracket that closes its surroundings.
fn closure_end(tokens: &[Token], begin: usize) -> usize {
    let bar = (begin + 2..tokens.len()).find(|at| tokens[*at].is("|")).expect("parameters end");
    let mut at = bar + 1;
    if tokens[at].is("{") {
        return partner(tokens, at);
    }
    while !tokens[at].is(")") && !tokens[at].is("}") && !tokens[at].is(";") {
        at = if ["(", "[", "{"].iter().any(|open| tokens[at].is(open)) { partner(tokens, at) + 1 } else { at + 1 };
    }
    at - 1
}
