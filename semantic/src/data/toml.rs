//! TOML 1.0, as far as its shape goes: tables, arrays of tables, dotted keys, inline tables and arrays. Scalars stay spelled.

use std::collections::BTreeMap;

use super::{DEPTH_MAX, Unread, Value, escapes};

/// A reader at a place in the text.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

pub(super) fn read(text: &str) -> Result<Value, Unread> {
    let mut reader = Reader { text, at: 0 };
    let mut root = Table::default();
    // The open table and its keys from the root; an array of tables is entered at its last item.
    let (mut table, mut depth) = (&mut root, 0);
    while reader.skip_to_content() {
        if reader.eat("[[") {
            let path = reader.keys(0)?;
            reader.expect("]]")?;
            (table, depth) = (root.push(&path)?, path.len());
        } else if reader.eat("[") {
            let path = reader.keys(0)?;
            reader.expect("]")?;
            (table, depth) = (root.open(&path)?, path.len());
        } else {
            reader.member(table, depth)?;
        }
        reader.end_of_line()?;
    }
    Ok(root.value())
}

/// How a table came to be, which says what may still be put into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Made {
    /// By the header of a table in it.
    #[default]
    Around,
    /// By its own header.
    Header,
    /// By dotted keys.
    Dots,
}

/// A table that is still being read.
#[derive(Debug, Default)]
struct Table {
    made: Made,
    nodes: BTreeMap<String, Node>,
}

#[derive(Debug)]
enum Node {
    Table(Table),
    /// An array of tables.
    Tables(Vec<Table>),
    /// A value that is whole: nothing is put into an array or an inline table.
    Whole(Value),
}

impl Table {
    /// The table at `path` from here, made where it is missing.
    fn walk(&mut self, path: &[String], made: Made) -> Result<&mut Table, Unread> {
        let mut table = self;
        for key in path {
            let missing = || Node::Table(Table { made, ..Table::default() });
            table = match table.nodes.entry(key.clone()).or_insert_with(missing) {
                Node::Table(table) if made == Made::Dots && table.made == Made::Header => {
                    return Err(Unread::DuplicateKey);
                }
                Node::Table(table) => table,
                Node::Tables(tables) if made != Made::Dots => tables.last_mut().ok_or(Unread::Unparsed)?,
                Node::Tables(_) | Node::Whole(_) => return Err(Unread::DuplicateKey),
            };
        }
        Ok(table)
    }

    /// `[path]`
    fn open(&mut self, path: &[String]) -> Result<&mut Table, Unread> {
        let (last, before) = path.split_last().ok_or(Unread::Unparsed)?;
        match self
            .walk(before, Made::Around)?
            .nodes
            .entry(last.clone())
            .or_insert_with(|| Node::Table(Table::default()))
        {
            Node::Table(table) if table.made == Made::Around => {
                table.made = Made::Header;
                Ok(table)
            }
            _ => Err(Unread::DuplicateKey),
        }
    }

    /// `[[path]]`
    fn push(&mut self, path: &[String]) -> Result<&mut Table, Unread> {
        let (last, before) = path.split_last().ok_or(Unread::Unparsed)?;
        let tables = self.walk(before, Made::Around)?.nodes.entry(last.clone()).or_insert_with(|| Node::Tables(vec![]));
        let Node::Tables(tables) = tables else { return Err(Unread::DuplicateKey) };
        tables.push(Table { made: Made::Header, ..Table::default() });
        tables.last_mut().ok_or(Unread::Unparsed)
    }

    /// `keys = value`
    fn set(&mut self, keys: &[String], value: Value) -> Result<(), Unread> {
        let (last, before) = keys.split_last().ok_or(Unread::Unparsed)?;
        match self.walk(before, Made::Dots)?.nodes.insert(last.clone(), Node::Whole(value)) {
            None => Ok(()),
            Some(_) => Err(Unread::DuplicateKey),
        }
    }

    fn value(self) -> Value {
        let value = |node| match node {
            Node::Table(table) => table.value(),
            Node::Tables(tables) => Value::List(tables.into_iter().map(Table::value).collect()),
            Node::Whole(value) => value,
        };
        Value::Map(self.nodes.into_iter().map(|(key, node)| (key, value(node))).collect())
    }
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

    /// Keys joined by dots, in a table that is `depth` deep.
    fn keys(&mut self, depth: usize) -> Result<Vec<String>, Unread> {
        let mut keys = Vec::new();
        loop {
            self.blanks();
            let len = match self.rest().as_bytes().first().ok_or(Unread::Unparsed)? {
                b'"' | b'\'' => self.string_len()?,
                _ => self.rest().bytes().take_while(|b| b.is_ascii_alphanumeric() || b"_-".contains(b)).count(),
            };
            if len == 0 || depth + keys.len() >= DEPTH_MAX {
                return Err(Unread::Unparsed);
            }
            keys.push(name(&self.rest()[..len]).ok_or(Unread::Unparsed)?);
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
        let mut table = Table::default();
        loop {
            self.skip_to_content();
            if self.eat("}") {
                return Ok(table.value());
            }
            self.member(&mut table, depth)?;
            self.skip_to_content();
            if !self.eat(",") {
                self.expect("}")?;
                return Ok(table.value());
            }
        }
    }

    /// `keys = value` into a table that is `depth` deep: tables of dotted keys nest as written ones do.
    fn member(&mut self, table: &mut Table, depth: usize) -> Result<(), Unread> {
        let keys = self.keys(depth)?;
        self.expect("=")?;
        let value = self.value(depth + keys.len())?;
        table.set(&keys, value)
    }

    /// Length of the string that starts here: basic, literal, or either over several lines.
    fn string_len(&self) -> Result<usize, Unread> {
        let rest = self.rest();
        for fence in ["\"\"\"", "'''"] {
            if let Some(body) = rest.strip_prefix(fence) {
                let end = body_len(body, fence).ok_or(Unread::Unparsed)? + 6;
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

/// A key as its quotes and escapes say; none of a string over lines, or where an escape says no character.
fn name(key: &str) -> Option<String> {
    if key.starts_with("\"\"\"") || key.starts_with("'''") {
        return None;
    }
    match key.as_bytes()[0] {
        b'"' => escapes::resolved(&key[1..key.len() - 1], escapes::Of::Toml),
        b'\'' => Some(key[1..key.len() - 1].to_string()),
        _ => Some(key.to_string()),
    }
}

/// Length of what stands before the closing fence: in a basic string a quote behind a backslash closes nothing.
fn body_len(body: &str, fence: &str) -> Option<usize> {
    let mut at = 0;
    while !body.get(at..)?.starts_with(fence) {
        let c = body[at..].chars().next()?;
        at += c.len_utf8();
        if c == '\\' && fence.starts_with('"') {
            at += body[at..].chars().next()?.len_utf8();
        }
    }
    Some(at)
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
        for twice in [
            "[a]\n[b]\n[a]\n",
            "ab = 1\n\"\\u0061b\" = 2\n",
            "a.b = 1\n[a]\n",
            "a = { b = 1 }\n[a.c]\n",
            "a = { b = 1, b.c = 2 }\n",
            "a = { b = {}, b.c = 2 }\n",
            "a = [{}]\na.b = 1\n",
            "a = []\n[[a]]\n",
            "[[a]]\n[a]\n",
            "[a]\n[[a]]\n",
            "[a.b]\n[a]\nb.c = 1\n",
        ] {
            assert_eq!(read(twice), Err(Unread::DuplicateKey), "{twice}");
        }
    }

    #[test]
    fn tables_stand_in_tables_that_headers_and_dotted_keys_made() {
        assert_eq!(read("[a.b]\nx = 1\n[a]\ny = 2\n"), read("a = { b = { x = 1 }, y = 2 }\n"));
        assert_eq!(read("a.b = 1\n[a.c]\nx = 1\n"), read("a = { b = 1, c = { x = 1 } }\n"));
        assert_eq!(read("[[a]]\n[a.b]\nx = 1\n[[a]]\n[a.b]\n"), read("a = [{ b = { x = 1 } }, { b = {} }]\n"));
    }

    #[test]
    fn a_quote_behind_a_backslash_closes_no_string_over_lines() {
        let text = "a = \"\"\"\\\"\"\" # \n\"\"\"\nb = 1\n";
        assert!(matches!(read(text), Ok(Value::Map(map)) if map.len() == 2), "{text}");
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

    #[test]
    fn keys_by_dots_headers_and_inline_tables_share_one_depth() {
        let path = |keys: usize| vec!["a"; keys].join(".");
        let half = path(DEPTH_MAX / 2);
        for deep in [
            format!("{half}.{half}.a = 1\n"),
            format!("[{half}]\n{half}.a = 1\n"),
            format!("{half} = {{ {half}.a = 1 }}\n"),
        ] {
            assert_eq!(read(&deep), Err(Unread::Unparsed), "{deep}");
        }
        let shallow = path(DEPTH_MAX / 2 - 1);
        assert!(read(&format!("[{shallow}]\n{shallow} = {{ a = 1 }}\n")).is_ok());
    }

    #[test]
    fn many_members_below_a_long_header_are_read_in_time() {
        let members: String = (0..50_000).map(|at| format!("k{at} = 1\n")).collect();
        let Ok(Value::Map(map)) = read(&format!("[{}]\n{members}", "a".repeat(400_000))) else { panic!("no TOML") };
        assert!(map.values().all(|table| matches!(table, Value::Map(map) if map.len() == 50_000)));
    }
}
