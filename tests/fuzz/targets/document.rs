//! Contents held against rules: whatever stands in a document or in a schema, the answer is yes or no, twice the same.
//! Execution asks it on every replica, so a panic here would stop them all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_fuzz::Source;
use quorate_ledger::policy::{Format, PathRule, Schema};

const FORMATS: [Format; 4] = [Format::Text, Format::Json, Format::Toml, Format::Yaml];
const SCHEMAS: &[&str] = &[
    r##"{"type":"object","properties":{"a":{"type":"integer","multipleOf":3},"b":{"items":{"$ref":"#/$defs/x"}}},
        "$defs":{"x":{"type":"string","pattern":"^(a|b)*c$"}},"additionalProperties":false}"##,
    r##"{"$schema":"http://json-schema.org/draft-07/schema#","oneOf":[{"type":"array","uniqueItems":true},
        {"minProperties":1,"patternProperties":{"^x":{"enum":[1,"a",null]}}},{"not":{"maxLength":3}}]}"##,
    r##"{"if":{"minimum":0.5},"then":{"exclusiveMaximum":1e300},"else":{"const":{"a":[1.0]}}}"##,
];

fuzz_target!(|bytes: &[u8]| {
    let mut source = Source::new(bytes);
    let format = FORMATS[source.below(4) as usize];
    let choice = source.below(6) as usize;
    // A schema of the fuzzer's own ends at a byte that no text has.
    let mut rest = source.rest().splitn(2, |byte| *byte == 0xff);
    let first = rest.next().unwrap_or_default();
    let (schema, content) = match choice {
        0..3 => (Some(Schema::new(SCHEMAS[choice])), first),
        3 => (Some(Schema::new(String::from_utf8_lossy(first))), rest.next().unwrap_or_default()),
        _ => (None, first),
    };
    let rule = PathRule { pattern: "**".into(), format: Some(format), schema, ..PathRule::default() };
    let said = rule.refuses(content);
    assert_eq!(said, rule.refuses(content), "asked twice");
});
