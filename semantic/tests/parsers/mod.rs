//! Parsers of the languages themselves, which know more than the lexer that merges.

use quorate_semantic::{Input, Outcome};
use tree_sitter::{Language, Parser};

/// Fails where a clean result does not parse, though all three inputs do.
#[track_caller]
pub fn check(input: &Input, outcome: &Outcome) {
    let Outcome::Clean { bytes, .. } = outcome else { return };
    let parse = |file: &[u8]| is_parsed(input.path, file);
    let inputs = [input.base.unwrap_or_default(), input.ours, input.theirs];
    if inputs.into_iter().all(|file| parse(file) == Some(true)) {
        let [base, ours, theirs] = inputs.map(String::from_utf8_lossy);
        let merged = String::from_utf8_lossy(bytes);
        let shown = format!("base\n{base}\nours\n{ours}\ntheirs\n{theirs}\nmerged\n{merged}");
        assert!(parse(bytes) == Some(true), "{} does not parse any more\n{shown}", input.path);
    }
}

/// Whether a file parses; none where its language has no parser here.
pub fn is_parsed(path: &str, file: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(file).ok()?;
    let extension = path.rsplit('.').next()?;
    match extension {
        "json" => Some(serde_json::from_str::<serde_json::Value>(text).is_ok()),
        "toml" => Some(text.parse::<toml::Table>().is_ok()),
        "yaml" | "yml" => Some(saphyr_parser::Parser::new_from_str(text).all(|event| event.is_ok())),
        _ => grammar(extension).map(|grammar| {
            let mut parser = Parser::new();
            parser.set_language(&grammar).expect("a grammar of this release");
            parser.parse(text, None).is_some_and(|tree| !tree.root_node().has_error())
        }),
    }
}

fn grammar(extension: &str) -> Option<Language> {
    Some(match extension {
        "rs" => tree_sitter_rust::LANGUAGE.into(),
        "ts" => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
        "tsx" => tree_sitter_typescript::LANGUAGE_TSX.into(),
        "js" | "jsx" => tree_sitter_javascript::LANGUAGE.into(),
        "py" => tree_sitter_python::LANGUAGE.into(),
        "go" => tree_sitter_go::LANGUAGE.into(),
        "java" => tree_sitter_java::LANGUAGE.into(),
        _ => return None,
    })
}
