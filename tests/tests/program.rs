//! `quorate-tests` as scripts see it.

use serde_json::Value;
use std::process::{Command, Output, Stdio};

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate-tests"));
    command.args(args);
    command
}

fn document(args: &[&str]) -> (Output, Value) {
    let said = program(args).output().expect("the program was built");
    let document = serde_json::from_slice(&said.stdout);
    let document = document.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&said.stderr)));
    (said, document)
}

#[test]
fn a_seed_that_does_not_fail_is_made_no_smaller_and_its_document_says_so() {
    let (said, document) = document(&["shrink", "1", "--json"]);

    assert!(said.status.success());
    assert_eq!((&document["seed"], &document["failure"], &document["after"]), (&1.into(), &Value::Null, &Value::Null));
    assert!(document["before"].as_str().is_some_and(|plan| plan.contains("requests")), "{document}");
}

#[test]
fn the_document_of_a_replay_has_the_trace_where_that_is_asked_for() {
    let (_, traced) = document(&["replay", "1", "--trace", "--json"]);
    let (_, short) = document(&["replay", "1", "--json"]);

    assert!(traced["trace"].as_array().is_some_and(|lines| lines.len() > 10), "{short}");
    assert_eq!((&short["seed"], short.get("trace")), (&traced["seed"], None));
}

#[test]
fn a_reader_that_has_gone_is_no_mistake() {
    let mut running = program(&["bugs", "--list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    drop(running.stdout.take());

    let said = running.wait_with_output().expect("it ends");

    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn a_campaign_of_nothing_has_no_verdict_and_says_which_argument_asks_for_it() {
    let none = [
        ("--seeds", "simulate --seeds 0"),
        ("--seeds", "forks --seeds 0"),
        ("--seeds", "contents --seeds 0"),
        ("--seeds", "rebuilt --seeds 0"),
        ("--slots", "rebuilt --seeds 1 --slots 0"),
        ("--schedules", "twins --schedules 0"),
        ("--minutes", "explore --minutes 0"),
        ("--minutes", "levels --minutes 0"),
        ("--seconds", "sites --seconds 0"),
        ("--stores", "flips --stores 0"),
        ("--quiet", "attack --quiet 0"),
        ("--together", "attack --seconds 0 --program nowhere"),
    ];
    for (argument, line) in none {
        let said = program(&line.split(' ').collect::<Vec<_>>()).output().expect("the program was built");
        let words = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.code() == Some(2) && words.contains(argument), "{line}: {:?}: {words}", said.status);
    }
}

#[test]
fn a_campaign_that_ends_before_its_last_number_has_no_verdict() {
    for line in ["twins --schedules 1 --from 999999999999", "twins --boundary --schedules 2 --from 17179869184"] {
        let said = program(&line.split(' ').collect::<Vec<_>>()).output().expect("the program was built");
        let words = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.code() == Some(2) && words.contains("of them"), "{line}: {:?}: {words}", said.status);
    }
}
