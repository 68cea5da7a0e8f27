//! Origin of a change: the lines at the end of its message that say which commit it was.

use gix::ObjectId;
use gix::date::Time;
use gix::date::time::format::ISO8601_STRICT;

use super::{Commit, MESSAGE_BYTES_MAX, Person};

/// Bytes of an author's name and address in a change's message: a broken commit may have any number.
const AUTHOR_BYTES_MAX: usize = 1 << 10;

/// Last line of a change that brings in the whole tree of its commit, and not its difference.
const WHOLE: &str = "\nGit-Tree: whole";

/// Line before it, of a change that brings in a part of a commit.
const PART: &str = "\nGit-Part: ";

/// Part of a commit that a change brings in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Number among the parts, from 1.
    pub number: usize,
    /// Count of the parts.
    pub of: usize,
    /// Whether the parts bring in the commit's whole tree, and not its difference.
    pub is_whole: bool,
}

impl Part {
    /// The difference, in one change.
    pub const ONLY: Self = Self { number: 1, of: 1, is_whole: false };

    fn lines(self) -> String {
        let part = if self.of > 1 { format!("{PART}{} of {}", self.number, self.of) } else { String::new() };
        if self.is_whole { part + WHOLE } else { part }
    }

    /// Takes its lines off the end of a message.
    fn read(message: &str) -> (&str, Self) {
        let (message, is_whole) = message.strip_suffix(WHOLE).map_or((message, false), |rest| (rest, true));
        let numbers = message.rsplit_once(PART).and_then(|(rest, part)| Some((rest, part.split_once(" of ")?)));
        let numbers = numbers.and_then(|(rest, (n, of))| Some((rest, n.parse().ok()?, of.parse().ok()?)));
        let (rest, number, of) = numbers.unwrap_or((message, 1, 1));
        (rest, Self { number, of, is_whole })
    }
}

/// Origin of a change, as the message says: nobody vouches for it but who signed the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The commit.
    pub commit: ObjectId,
    /// Its author.
    pub author: Person,
    /// Time at which it was written; none where it cannot be read.
    pub time: Option<Time>,
    /// Part of the commit.
    pub part: Part,
}

impl Origin {
    /// Reads the lines that [`Commit::described`] has put at the end of a message; none where they are not there.
    pub fn read(message: &str) -> Option<Self> {
        let (message, part) = Part::read(message.trim_end());
        let mut lines = message.rsplit('\n');
        let date = lines.next()?.strip_prefix("Git-Date: ")?;
        let author = lines.next()?.strip_prefix("Git-Author: ")?;
        let commit = lines.next()?.strip_prefix("Git-Commit: ")?;
        let (name, email) = author.strip_suffix('>').and_then(|author| author.rsplit_once('<')).unwrap_or((author, ""));
        let person = Person { name: name.trim().to_owned(), email: email.to_owned() };
        Some(Self { commit: commit.parse().ok()?, author: person, time: time(date), part })
    }
}

/// Time in the one spelling that is written: what else a parser takes may change with it. Git refuses commits from before
/// 1970.
fn time(text: &str) -> Option<Time> {
    let time = gix::date::parse(text, None).ok().filter(|time| time.seconds >= 0)?;
    (time.format_or_unix(ISO8601_STRICT) == text).then_some(time)
}

impl Commit {
    /// The message with lines at its end that say which commit it was, who wrote it and when; at most
    /// [`MESSAGE_BYTES_MAX`] bytes, for which a long message is cut.
    ///
    /// The signature on an envelope is its organisation's; this keeps the person's name with the change.
    pub fn described(&self, part: Part) -> String {
        let (time, part) = (self.time.format_or_unix(ISO8601_STRICT), part.lines());
        let author = self.author.to_string();
        let author = cut(&author, AUTHOR_BYTES_MAX);
        let origin = format!("Git-Commit: {}\nGit-Author: {author}\nGit-Date: {time}{part}\n", self.id);
        let message = cut(self.message.trim_end(), MESSAGE_BYTES_MAX - origin.len() - 2);
        let gap = if message.is_empty() { "" } else { "\n\n" };
        format!("{message}{gap}{origin}")
    }
}

/// The longest beginning of `text` that has at most `bytes_max` bytes.
fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}
