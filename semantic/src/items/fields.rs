//! Fields of classes: they bind a name as methods do, but their order can be observed, so they stay items without one.

use super::{Code, Item};
use crate::language::Bare;
use crate::lex::Kind;

impl Code<'_> {
    /// The name of a field, where an item is one.
    pub(crate) fn field(&self, item: &Item) -> Option<String> {
        let first = self.tokens.partition_point(|t| t.from < item.span.start);
        let tokens = first..self.tokens.partition_point(|t| t.from < item.span.end);
        let from = self.past_modifiers(self.head(tokens.clone())?, tokens.end);
        if self.words.bare == Bare::Nothing || self.is_one_of(from, self.words.declare) {
            return None;
        }
        let ends = |i: &usize| ["=", ";", ":", "?", "!", "(", "{"].iter().any(|mark| self.is(*i, mark.as_bytes()));
        let end = (from..tokens.end).find(ends)?;
        let is_field_end = self.words.properties || !self.is(end, b"{");
        let is_field = end > from && !self.is(end, b"(") && is_field_end && self.tokens[end - 1].kind == Kind::Word;
        is_field.then(|| String::from_utf8_lossy(self.bytes(end - 1)).into_owned())
    }
}
