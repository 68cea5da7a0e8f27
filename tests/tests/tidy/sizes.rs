//! Sizes that show whether an object or a room takes on too much: fields, methods, modules, lines.

use std::collections::BTreeSet;

use crate::modules::Room;
use crate::sources::{rooms, root};
use crate::tokens::{Token, partner, production};

/// Fields of `pbft::Replica`: each part of its state belongs to an owner with methods of its own.
const REPLICA_FIELDS_MAX: usize = 14;

/// Methods of `pbft::Replica` itself, over all files.
const REPLICA_METHODS_MAX: usize = 80;

/// Modules that `ledger/src/lib.rs` declares.
const LEDGER_MODULES_MAX: usize = 12;

/// Production lines of all rooms but `tests`. A commit that raises it says what the program does more.
const PRODUCTION_LINES_MAX: usize = 94_883;

/// Production lines of `pbft`: the protocol is to be read in one go.
const PBFT_LINES_MAX: usize = 8_477;

#[test]
fn the_replica_has_few_fields_and_methods_of_its_own() {
    let (mut fields, mut methods) = (0, 0);
    for text in texts("pbft") {
        let tokens = production(&text);
        fields += count(&tokens, "struct", ":");
        methods += count(&tokens, "impl", "fn");
    }
    println!("pbft::Replica: {fields} fields, {methods} methods");
    assert!(fields > 0 && methods > 0, "`struct Replica` or its `impl` was not found");
    let advice = "give the state and its methods to an owner: Lanes, Voting, Views …";
    assert!(fields <= REPLICA_FIELDS_MAX, "Replica has {fields} fields, {REPLICA_FIELDS_MAX} are allowed: {advice}");
    assert!(methods <= REPLICA_METHODS_MAX, "Replica has {methods} methods, {REPLICA_METHODS_MAX} may be: {advice}");
}

#[test]
fn ledger_has_few_modules_at_its_top() {
    let room = Room::read(&root(), "ledger");
    let found = room.top().count();
    println!("ledger: {found} modules at the top");
    assert!(found <= LEDGER_MODULES_MAX, "{found} modules at the top of `ledger`: put the new one into a folder");
}

/// A line counts if the production build compiles some of it: no blank line, no comment, nothing behind
/// `#[cfg(test)]` or the feature `testing`, and no file that only these reach.
#[test]
fn production_code_grows_on_purpose_only() {
    let mut sum = 0;
    for room in rooms().into_iter().filter(|room| room != "tests") {
        let lines = production_lines_of(&room);
        println!("{room}: {lines} production lines");
        sum += lines;
    }
    println!("all rooms but tests: {sum} production lines");
    assert!(sum <= PRODUCTION_LINES_MAX, "{sum} production lines, {PRODUCTION_LINES_MAX} are allowed: delete first");
}

#[test]
fn pbft_stays_small_enough_to_be_read() {
    let lines = production_lines_of("pbft");
    assert!(lines > 0, "`pbft` was not found");
    assert!(lines <= PBFT_LINES_MAX, "pbft has {lines} production lines, {PBFT_LINES_MAX} are allowed: delete first");
}

fn production_lines_of(room: &str) -> usize {
    texts(room).iter().map(|text| production_lines(text)).sum()
}

/// Texts of a room's production files.
fn texts(room: &str) -> Vec<String> {
    let files = Room::read(&root(), room).files.into_iter();
    files.map(|file| std::fs::read_to_string(root().join(file.path)).expect("a source file")).collect()
}

fn production_lines(text: &str) -> usize {
    let tokens = production(text);
    let lines = tokens.iter().flat_map(|token| token.line..=token.line + token.text.matches('\n').count());
    lines.collect::<BTreeSet<usize>>().len()
}

/// Count of a sign directly inside all `KEYWORD Replica { … }`.
fn count(tokens: &[Token], keyword: &str, sign: &str) -> usize {
    bodies(tokens, keyword).into_iter().map(|body| inside(body).filter(|token| token.is(sign)).count()).sum()
}

/// Bodies, with their braces, of all `KEYWORD Replica { … }`.
fn bodies<'t, 'a>(tokens: &'t [Token<'a>], keyword: &str) -> Vec<&'t [Token<'a>]> {
    let is_head = |head: &[Token]| head[0].is(keyword) && head[1].is("Replica") && head[2].is("{");
    let heads = tokens.windows(3).enumerate().filter(|(_, head)| is_head(head));
    heads.map(|(at, _)| &tokens[at + 2..=partner(tokens, at + 2)]).collect()
}

/// Tokens of a body that stand in no deeper braces.
fn inside<'t, 'a>(body: &'t [Token<'a>]) -> impl Iterator<Item = &'t Token<'a>> {
    let mut depth = 0;
    body.iter().filter(move |token| {
        match token.text {
            "{" | "(" => depth += 1,
            "}" | ")" => depth -= 1,
            _ => (),
        }
        depth == 1
    })
}

#[test]
fn comments_blank_lines_and_tests_are_no_production_lines() {
    let text = "//! Doc.\n\nfn a() {\n    // why\n    b(\"x\ny\");\n}\n\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\n";
    assert_eq!(production_lines(text), 4);
}
