//! TOML 1.0, as far as its shape goes: tables, arrays of tables, dotted keys, inline tables and arrays. Scalars stay spelled.

use std::collections::BTreeMap;

use super::{DEPTH_MAX, Unread, Value, insert};

/// A reader at a place in the text.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

pub(super) fn read(text: &str) -> Result<Value, Unread> {
    let mut reader = Reader { text, at: 0 };
    let mut root = BTreeMap::new();
    // The open table, as keys from the root; an array of tables is entered at its last item.
    let mut table: Vec<String> = Vec::new();
    let mut opened: std::collections::BTreeSet<Vec<String>> = std::collections::BTreeSet::new();
    while reader.skip_to_content() {
        if reader.eat("[[") {
            table = reader.keys()?;
            reader.expect("]]")?;
            push_table(&mut root, &table)?;
            // What starts with these keys stands together in their order.
            let inside = |t: &Vec<String>| t.starts_with(&table);
            while let Some(of_last) = opened.range(table.clone()..).next().filter(|t| inside(t)).cloned() {
                opened.remove(&of_last);
            }
        } else if reader.eat("[") {
            table = reader.keys()?;
            reader.expect("]")?;
            if !opened.insert(table.clone()) {
                return Err(Unread::DuplicateKey);
            }
            descend(&mut root, &table)?;
        } else {
            let keys = reader.keys()?;
            reader.expect("=")?;
            let value = reader.value(0)?;
            let (last, path) = keys.split_last().ok_or(Unread::Unparsed)?;
            let map = descend(descend(&mut root, &table)?, path)?;
            insert(map, last.clone(), value)?;
        }
        reader.end_of_line()?;
    }
    Ok(Value::Map(root))
}

type Map = BTreeMap<String, Value>;

/// The map at `path`, made where it is missing.
fn descend<'a>(mut map: &'a mut Map, path: &[String]) -> Result<&'a mut Map, Unread> {
    for key in path {
        let next = map.entry(key.clone()).or_insert_with(|| Value::Map(BTreeMap::new()));
        let next = if let Value::List(items) = next { items.last_mut().ok_or(Unread::Unparsed)? } else { next };
        let Value::Map(inner) = next else { return Err(Unread::DuplicateKey) };
        map = inner;
    }
    Ok(map)
}

fn push_table(root: &mut Map, path: &[String]) -> Result<(), Unread> {
    let (last, before) = path.split_last().ok_or(Unread::Unparsed)?;
    let list = descend(root, before)?.entry(last.clone()).or_insert_with(|| Value::List(Vec::new()));
    let Value::List(items) = list else { return Err(Unread::DuplicateKey) };
    items.push(Value::Map(BTreeMap::new()));
    Ok(())
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn eat(&mut self, mark: &str) -> bool {
        self.blanks();
        let found = self.rest().starts_with(mark);
        if found {
            self.at += mark.len();
        }
        found
    }

    fn expect(&mut self, mark: &str) -> Result<(), Unread> {
        if self.eat(mark) { Ok(()) } else { Err(Unread::Unparsed) }
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
    }

    /// Past blanks, line ends and comments; whether anything is left.
    fn skip_to_content(&mut self) -> bool {
        loop {
            self.at += self.rest().len() - self.rest().trim_start().len();
            if !self.rest().starts_with('#') {
                return !self.rest().is_empty();
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn end_of_line(&mut self) -> Result<(), Unread> {
        self.blanks();
        match self.rest().trim_start_matches('\r').chars().next() {
            None | Some('\n' | '#') => Ok(()),
            Some(_) => Err(Unread::Unparsed),
        }
    }

    /// Keys joined by dots.
    fn keys(&mut self) -> Result<Vec<String>, Unread> {
        let mut keys = Vec::new();
        loop {
            self.blanks();
            let len = match self.rest().as_bytes().first().ok_or(Unread::Unparsed)? {
                b'"' | b'\'' => self.string_len()?,
                _ => self.rest().bytes().take_while(|b| b.is_ascii_alphanumeric() || b"_-".contains(b)).count(),
            };
            if len == 0 || keys.len() >= DEPTH_MAX {
                return Err(Unread::Unparsed);
            }
            keys.push(self.rest()[..len].trim_matches(['"', '\'']).to_string());
            self.at += len;
            if !self.eat(".") {
                return Ok(keys);
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Unread> {
        if depth >= DEPTH_MAX {
            return Err(Unread::Unparsed);
        }
        if self.eat("[") {
            return self.array(depth);
        }
        if self.eat("{") {
            return self.inline_table(depth);
        }
        let len = match self.rest().as_bytes().first() {
            Some(b'"' | b'\'') => self.string_len()?,
            _ => self.rest().find([',', ']', '}', '#', '\n', '\r']).unwrap_or(self.rest().len()),
        };
        let scalar = self.rest()[..len].trim_end();
        // Only a date may hold a blank, before its time.
        let spaced =
            scalar.split_once(' ').is_some_and(|(_, time)| !time.contains(':')) && !scalar.starts_with(['"', '\'']);
        if scalar.is_empty() || spaced {
            return Err(Unread::Unparsed);
        }
        self.at += scalar.len();
        Ok(Value::Scalar(scalar.to_string()))
    }

    fn array(&mut self, depth: usize) -> Result<Value, Unread> {
        let mut items = Vec::new();
        loop {
            self.skip_to_content();
            if self.eat("]") {
                return Ok(Value::List(items));
            }
            items.push(self.value(depth + 1)?);
            self.skip_to_content();
            if !self.eat(",") {
                self.expect("]")?;
                return Ok(Value::List(items));
            }
        }
    }

    fn inline_table(&mut self, depth: usize) -> Result<Value, Unread> {
        let mut map = BTreeMap::new();
        loop {
            self.skip_to_content();
            if self.eat("}") {
                return Ok(Value::Map(map));
            }
            let keys = self.keys()?;
            self.expect("=")?;
            let value = self.value(depth + 1)?;
            let (last, path) = keys.split_last().ok_or(Unread::Unparsed)?;
            insert(descend(&mut map, path)?, last.clone(), value)?;
            self.skip_to_content();
            if !self.eat(",") {
                self.expect("}")?;
                return Ok(Value::Map(map));
            }
        }
    }

    /// Length of the string that starts here: basic, literal, or either over several lines.
    fn string_len(&self) -> Result<usize, Unread> {
        let rest = self.rest();
        for fence in ["\"\"\"", "'''"] {
            if let Some(body) = rest.strip_prefix(fence) {
                let end = body.find(fence).ok_or(Unread::Unparsed)? + 6;
                // Up to two quotes may stand right before the closing fence.
                return Ok(end + rest[end..].bytes().take(2).take_while(|b| *b == fence.as_bytes()[0]).count());
            }
        }
        let quote = rest.as_bytes()[0];
        let (mut i, bytes) = (1, rest.as_bytes());
        loop {
            match bytes.get(i).ok_or(Unread::Unparsed)? {
                b'\n' => return Err(Unread::Unparsed),
                b'\\' if quote == b'"' => i += 2,
                b if *b == quote => return Ok(i + 1),
                _ => i += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_dotted_keys_say_the_same() {
        assert_eq!(read("[a.b]\nc = 1\n"), read("a.b.c = 1 # x\n"));
        assert_eq!(read("a = { b = { c = 1 } }\n"), read("a.b.c = 1\n"));
    }

    #[test]
    fn an_array_of_tables_is_a_list() {
        let Ok(Value::Map(map)) = read("[[p]]\nn = 1\n[p.q]\nx = 1\n[[p]]\nn = 2\n[p.q]\nx = 2\n") else {
            panic!("no TOML")
        };
        assert!(matches!(&map["p"], Value::List(items) if items.len() == 2));
    }

    #[test]
    fn a_key_or_table_that_stands_twice_is_an_error() {
        assert_eq!(read("a = 1\na = 2\n"), Err(Unread::DuplicateKey));
        assert_eq!(read("[a]\n[b]\n[a]\n"), Err(Unread::DuplicateKey));
    }

    #[test]
    fn what_is_not_toml_is_not_read() {
        for text in ["a", "a = ", "= 1", "[a", "a = [1", "a = \"x\n", "a = 1 b = 2\n"] {
            assert_eq!(read(text), Err(Unread::Unparsed), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_not_read() {
        assert_eq!(read(&format!("a = {}", "[".repeat(20_000))), Err(Unread::Unparsed));
    }
}
