//! Rules for contents: size, format, forbidden texts.

mod document;
mod schema;
mod schema_cost;

use self::schema::Compiled;
use crate::policy::{Format, PATTERNS_MAX, PLACES_BYTES_MAX, PathRule, Schema};
use crate::vocabulary::path::Shown;
use crate::vocabulary::shelter::sheltered;
use crate::vocabulary::verdict::Code;
use core::time::Duration;
use std::collections::BTreeMap;

/// Steps that one envelope may have its documents held against schemas: some tenths of a second at the worst.
const STEPS_MAX: u64 = 4_000_000;
/// Steps for an envelope whose organisation has used the work of its slot: as much less as it has of all else.
const STEPS_OF_SHARE: u64 = STEPS_MAX / 4_096;
/// Time that they take at the worst. Rules 16 count in it, too.
const TIME: Duration = Duration::from_millis(500);

/// Time that making as many expressions ready takes at the worst as the largest policy has, and the places of its schemas. Rules 16
/// count in it, too.
const READY_MICROS: (u64, u64) = (320_000, 1_250_000);
/// Expressions, and bytes of places, of schemas that are made ready for an envelope whose organisation has used its work.
const READY_OF_SHARE: (u64, u64) = (1, PLACES_BYTES_MAX / 1_024);

/// Validation budget left for one envelope, and its compiled schemas.
pub(crate) struct Checks {
    steps: u64,
    /// Expressions and bytes of places of the schemas that were made ready.
    ready: (u64, u64),
    is_share: bool,
    is_short: bool,
    /// By the pattern of their rules: the first of several rules with one pattern is the one that decides.
    schemas: BTreeMap<String, Result<Compiled, String>>,
}

impl Default for Checks {
    fn default() -> Self {
        Self { steps: STEPS_MAX, ready: (0, 0), is_share: false, is_short: false, schemas: BTreeMap::new() }
    }
}

#[cfg(feature = "testing")]
impl Format {
    /// Data in a content, as schemas see them.
    pub fn read(self, content: &[u8]) -> Result<serde_json::Value, String> {
        document::read(self, content)
    }
}

impl PathRule {
    /// Fault of a content by this rule, if it is the only one of its envelope: for clients that want to know before
    /// signing.
    pub fn refuses(&self, content: &[u8]) -> Option<(Code, String)> {
        Checks::default().broken(self, content)
    }
}

impl Checks {
    /// Checks of an envelope whose organisation has used the work of its slot.
    pub(crate) fn share() -> Self {
        Self { steps: STEPS_OF_SHARE, is_share: true, ..Self::default() }
    }

    /// Checks with what is left, for contents under the rules of another policy.
    pub(crate) fn of_another_policy(self) -> Self {
        Self { schemas: BTreeMap::new(), ..self }
    }

    /// Another change begins, with what is left.
    pub(crate) fn goes_on(&mut self) {
        self.is_short = false;
    }

    /// Time that the steps which were taken, and the schemas that were made ready, take at the worst.
    pub(crate) fn time(&self) -> Duration {
        let patterns = READY_MICROS.0.saturating_mul(self.ready.0) / PATTERNS_MAX;
        let places = READY_MICROS.1.saturating_mul(self.ready.1) / PLACES_BYTES_MAX;
        share(TIME, (self.steps, STEPS_MAX)) + Duration::from_micros(patterns.saturating_add(places))
    }

    /// Whether a document was not held against its schema, because too little was left.
    pub(crate) fn is_short(&self) -> bool {
        self.is_short
    }

    /// Makes a schema ready, if that is no more than is left.
    fn make_ready(&mut self, schema: &Schema) -> Result<Compiled, String> {
        let made = schema.compile_if(|(patterns, places)| {
            let ready = (self.ready.0.saturating_add(patterns), self.ready.1.saturating_add(places));
            let is_within = !self.is_share || ready.0 <= READY_OF_SHARE.0 && ready.1 <= READY_OF_SHARE.1;
            if is_within {
                self.ready = ready;
            }
            is_within
        })?;
        self.is_short |= made.is_none();
        made.ok_or_else(|| "making it ready takes more than is left".to_owned())
    }

    /// Fault of a content by its rule.
    pub(crate) fn broken(&mut self, rule: &PathRule, content: &[u8]) -> Option<(Code, String)> {
        if let Some(size_max) = rule.size_max.filter(|size_max| content.len() as u64 > *size_max) {
            return Some((Code::Validator, format!("{} bytes, at most {size_max} are allowed", content.len())));
        }
        let formed = sheltered(|| self.formed(rule, content));
        let formed =
            formed.unwrap_or_else(|| Some((Code::Validator, "checking it fails, by a mistake in quorate".into())));
        let forbidden = || rule.forbidden.iter().find(|text| contains(content, text.as_bytes()));
        formed
            .or_else(|| Some((Code::Validator, format!("the content has {:?}, which is forbidden here", forbidden()?))))
    }

    fn formed(&mut self, rule: &PathRule, content: &[u8]) -> Option<(Code, String)> {
        match (rule.format, &rule.schema) {
            (Some(format), Some(schema)) => self.against(&rule.pattern, schema, format, content),
            (Some(format), None) => document::unparsed(format, content).map(|why| (Code::DoesNotParse, why)),
            (None, _) => None,
        }
    }

    fn against(&mut self, pattern: &str, schema: &Schema, format: Format, content: &[u8]) -> Option<(Code, String)> {
        let document = match document::read(format, content) {
            Ok(document) => document,
            Err(why) => {
                let why = format!("the content is not {}: {}", format.name(), Shown(&why));
                return Some((Code::DoesNotParse, why));
            }
        };
        if !self.schemas.contains_key(pattern) {
            let ready = self.make_ready(schema);
            self.schemas.insert(pattern.to_owned(), ready);
        }
        let compiled = match self.schemas.get_mut(pattern).expect("it was made ready") {
            Ok(compiled) => compiled,
            Err(why) => return Some((Code::Schema, format!("the schema cannot be used: {why}"))),
        };
        let steps = compiled.steps(&document);
        match self.steps.checked_sub(steps) {
            Some(left) => self.steps = left,
            None => {
                self.is_short = true;
                let why = format!("checking it may take {steps} steps, {} of {STEPS_MAX} are left", self.steps);
                return Some((Code::Validator, why));
            }
        }
        compiled.broken(&document).map(|why| (Code::Schema, why))
    }
}

/// Share of a time that the part of a bound takes of which so much is left.
pub(crate) fn share(whole: Duration, (left, max): (u64, u64)) -> Duration {
    Duration::from_micros(whole.as_micros() as u64 * (max - left) / max)
}

/// Whether a detail says that a document was not held against its schema for those before it in its envelope.
pub(crate) fn was_behind_others(detail: &str) -> bool {
    let told = detail.strip_suffix(&format!(" of {STEPS_MAX} are left"));
    let steps = told.and_then(|told| told.rsplit_once("checking it may take ")?.1.split_once(" steps, "));
    steps.is_some_and(|(steps, _)| steps.parse().is_ok_and(|steps: u64| steps <= STEPS_MAX))
}

/// Whether a content has a text, which no content has if it is empty. Linear in both (Knuth, Morris, Pratt): authors choose them.
/// Most texts begin with a byte that many contents do not have at all.
fn contains(content: &[u8], text: &[u8]) -> bool {
    let mut borders = vec![0; text.len()];
    let mut matched = 0;
    for at in 1..text.len() {
        matched = matched_with(text, &borders, matched, text[at]);
        borders[at] = matched;
    }
    matched = 0;
    let mut ends_with = |byte: &u8| {
        matched = matched_with(text, &borders, matched, *byte);
        matched == text.len()
    };
    text.first().is_some_and(|first| content.contains(first)) && content.iter().any(&mut ends_with)
}

/// Bytes of the start of a text that end with the next byte, where `matched` of them ended before it.
fn matched_with(text: &[u8], borders: &[usize], mut matched: usize, byte: u8) -> usize {
    while matched > 0 && text[matched] != byte {
        matched = borders[matched - 1];
    }
    matched + usize::from(text[matched] == byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn code(rule: PathRule, content: &[u8]) -> Option<Code> {
        Checks::default().broken(&rule, content).map(|(code, _)| code)
    }

    #[test]
    fn a_share_that_was_too_little_in_one_domain_is_so_in_the_next() {
        let schema = Schema::new(r#"{"items": {"type": "integer"}}"#);
        let rule = PathRule { format: Some(Format::Json), schema: Some(schema), ..PathRule::default() };
        let list = format!("[{}1]", "1,".repeat(2_000));
        let mut checks = Checks::share();
        assert!(checks.broken(&rule, list.as_bytes()).is_some() && checks.is_short());
        let mut elsewhere = checks.of_another_policy();
        assert!(elsewhere.is_short());
        elsewhere.goes_on();
        assert!(!elsewhere.is_short());
    }

    #[test]
    fn a_share_makes_no_schema_with_some_regular_expressions_ready_and_a_whole_budget_counts_them() {
        let schema = Schema::new(r#"{"properties": {"a": {"pattern": "^a$"}, "b": {"pattern": "^b$"}}}"#);
        let rule = PathRule { format: Some(Format::Json), schema: Some(schema), ..PathRule::default() };
        let (mut share, mut whole) = (Checks::share(), Checks::default());
        assert!(share.broken(&rule, b"{}").is_some() && share.is_short());
        assert_eq!(whole.broken(&rule, b"{}"), None);
        assert!(!whole.is_short() && whole.time() >= Duration::from_micros(2_500), "{:?}", whole.time());
    }

    #[test]
    fn a_size_is_tried_at_its_limit() {
        let rule = PathRule { size_max: Some(2), ..PathRule::default() };
        assert_eq!(code(rule.clone(), b"ab"), None);
        assert_eq!(code(rule, b"abc"), Some(Code::Validator));
    }

    #[test]
    fn formats_parse_or_do_not() {
        let json = PathRule { format: Some(Format::Json), ..PathRule::default() };
        for good in [&b"{\"a\": [1.5e300, null]}\n"[..], b"1e999", b"\"\\u00e4\""] {
            assert_eq!(code(json.clone(), good), None, "{}", String::from_utf8_lossy(good));
        }
        for bad in [&b"{a: 1}"[..], b"", b"1 2", b"[{\"a\": 1, \"a\": 1}]", b"\"\xff\"", "[".repeat(10_000).as_bytes()]
        {
            assert_eq!(code(json.clone(), bad), Some(Code::DoesNotParse), "{}", String::from_utf8_lossy(bad));
        }
        let text = PathRule { format: Some(Format::Text), ..PathRule::default() };
        assert_eq!(code(text.clone(), "ä\n".as_bytes()), None);
        assert_eq!(code(text, b"a\0b"), Some(Code::DoesNotParse));
    }

    #[test]
    fn forbidden_texts_are_found_anywhere() {
        let rule = PathRule { forbidden: vec!["BEGIN PRIVATE KEY".into()], ..PathRule::default() };
        assert_eq!(code(rule.clone(), b"xx-BEGIN PRIVATE KEY-xx"), Some(Code::Validator));
        assert_eq!(code(rule, b"BEGIN PUBLIC KEY"), None);
    }

    proptest! {
        /// The same as holding the text against each place, which every replica did before.
        #[test]
        fn a_text_is_found_where_some_place_of_the_content_has_it(
            content in vec(b'a'..=b'b', 0..40),
            text in vec(b'a'..=b'b', 0..7),
        ) {
            let anywhere = content.windows(text.len().max(1)).any(|window| window == text);
            prop_assert_eq!(contains(&content, &text), anywhere);
        }
    }
}
