//! First words of sentences in docs: the name of the thing in the field, and no pronoun in its place.
//!
//! "Approvals and attestations" can be searched for, "what others think of it" cannot. `cargo nextest run
//! -E 'binary(tidy)' --no-capture` prints the share of each room.

use std::path::PathBuf;

use crate::sentences::{Sentence, of_markdown, of_rust};
use crate::sources::{files, rooms, root};

/// Words that stand for a noun which the sentence should have named.
const PRONOUNS: &[&str] = &[
    "What",
    "Who",
    "Whoever",
    "Whom",
    "Whose",
    "Where",
    "How",
    "It",
    "That",
    "Those",
    "One",
    "Something",
    "Somebody",
    "Someone",
    "Nobody",
    "All",
    "Nothing",
    "Everything",
    "Everybody",
];

/// Share of a room's sentences that may begin with a pronoun.
const PERCENT_MAX: usize = 4;

/// Sentence of a file.
struct Place {
    file: PathBuf,
    sentence: Sentence,
}

#[test]
fn sentences_of_docs_begin_with_a_noun_of_the_field() {
    let mut all = rooms();
    all.push("docs".to_owned());
    let faults: Vec<String> = all.iter().filter_map(|room| fault(room)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// Complaint about a room with too many pronouns; prints its share.
fn fault(room: &str) -> Option<String> {
    let places = places(room);
    let found: Vec<&Place> = places.iter().filter(|place| is_led_by_pronoun(&place.sentence.text)).collect();
    let (count, share) = (found.len(), 100.0 * found.len() as f64 / places.len() as f64);
    println!("{room}: {count} of {} sentences begin with a pronoun, {share:.1} %", places.len());
    let most = places.len() * PERCENT_MAX / 100;
    (count > most).then(|| {
        let shown: Vec<String> = found.iter().map(|place| place.show()).collect();
        let advice = "Begin with the name of the thing in the field";
        format!("{room}: {count} sentences of docs begin with a pronoun, {most} may. {advice}:\n{}", shown.join("\n"))
    })
}

/// Sentences of a room's doc comments; for `docs`, those of the Markdown files and the README.
fn places(room: &str) -> Vec<Place> {
    let (mut paths, read): (_, fn(&str) -> Vec<Sentence>) = match room {
        "docs" => (files(room, "md"), of_markdown),
        _ => (files(room, "rs"), of_rust),
    };
    if room == "docs" {
        paths.push(root().join("README.md"));
    }
    let of_file = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a text file");
        let file = path.strip_prefix(root()).expect("a path of the workspace").to_path_buf();
        read(&text).into_iter().map(move |sentence| Place { file: file.clone(), sentence })
    };
    paths.into_iter().flat_map(of_file).collect()
}

impl Place {
    fn show(&self) -> String {
        format!("  {}:{}: {}", self.file.display(), self.sentence.line, self.sentence.text)
    }
}

fn is_led_by_pronoun(sentence: &str) -> bool {
    let mut words = sentence.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.next().is_some_and(|word| PRONOUNS.contains(&word))
}

#[test]
fn a_pronoun_counts_in_bold_too_and_a_word_that_only_begins_like_one_does_not() {
    assert!(is_led_by_pronoun("**What** may go."));
    assert!(is_led_by_pronoun("It's there."));
    assert!(!is_led_by_pronoun("Whether it is there."));
    assert!(!is_led_by_pronoun("Items in order."));
}
