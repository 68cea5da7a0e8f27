//! Keys written by escapes: what two readers must take for one key.

/// Formats whose strings have escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// RFC 8259.
    Json,
    /// TOML 1.1, basic strings.
    Toml,
}

/// The text between two quotes, its escapes resolved; none where one of them says no character.
pub(super) fn resolved(text: &str, of: Of) -> Option<String> {
    let (mut out, mut chars) = (String::with_capacity(text.len()), text.chars());
    while let Some(c) = chars.next() {
        let escaped = if c == '\\' { chars.next()? } else { '\0' };
        out.push(match (c, escaped, of) {
            ('\\', 'u', Of::Json) => unit(&mut chars)?,
            ('\\', 'u', Of::Toml) => char::from_u32(hex(&mut chars, 4)?)?,
            ('\\', 'U', Of::Toml) => char::from_u32(hex(&mut chars, 8)?)?,
            ('\\', 'x', Of::Toml) => char::from_u32(hex(&mut chars, 2)?)?,
            ('\\', 'e', Of::Toml) => '\u{1b}',
            ('\\', '/', Of::Json) => '/',
            ('\\', '"' | '\\', _) => escaped,
            ('\\', 'b', _) => '\u{8}',
            ('\\', 'f', _) => '\u{c}',
            ('\\', 'n', _) => '\n',
            ('\\', 'r', _) => '\r',
            ('\\', 't', _) => '\t',
            ('\\', ..) => return None,
            (c, ..) => c,
        });
    }
    Some(out)
}

fn hex(chars: &mut std::str::Chars<'_>, digits: usize) -> Option<u32> {
    (0..digits).try_fold(0, |code, _| Some(code << 4 | chars.next()?.to_digit(16)?))
}

/// The character of one UTF-16 unit, or of two that belong together.
fn unit(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let first = hex(chars, 4)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first);
    }
    let is_pair = chars.next() == Some('\\') && chars.next() == Some('u');
    let second = hex(chars, 4).filter(|second| is_pair && (0xdc00..0xe000).contains(second))?;
    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
}
