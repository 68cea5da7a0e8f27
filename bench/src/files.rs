//! Files of one author: each of its numbers writes one of them, and as many numbers as it has files write each once.

use std::ops::Range;

/// Files of an author, unless a number was asked for.
const FILES: u64 = 64;

/// Files in one folder.
const FOLDER_FILES: u64 = 250;

/// Files from one number to the next: a prime, so that each file has its turn, and neighbours do not follow each other.
const STRIDE: u64 = 7_919;

/// Files of an author with their contents.
pub struct Files {
    author: usize,
    count: u64,
    bytes: usize,
}

impl Files {
    /// Files of `author`, so many of so many bytes.
    pub fn new(author: usize, count: Option<u64>, bytes: usize) -> Self {
        let count = count.unwrap_or(FILES);
        // With a multiple of the stride all numbers would write one file.
        let count = if count.is_multiple_of(STRIDE) { count + 1 } else { count };
        Self { author, count, bytes }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Paths and contents that these numbers write.
    pub fn of(&self, numbers: Range<u64>) -> Vec<(String, Vec<u8>)> {
        numbers.map(|number| (self.path(number), self.content(number))).collect()
    }

    /// The newest numbers of those below `next`, at most so many, each with a file of its own.
    pub fn newest(&self, next: u64, most: u64) -> Range<u64> {
        next.saturating_sub(most.min(self.count)).max(1)..next
    }

    fn path(&self, number: u64) -> String {
        let (author, file) = (self.author, number % self.count * STRIDE % self.count);
        if self.count <= FOLDER_FILES {
            return format!("bench/{author}/{file}");
        }
        format!("bench/{author}/{}/{}", file / FOLDER_FILES, file % FOLDER_FILES)
    }

    /// A content that no other number of no other author has.
    fn content(&self, number: u64) -> Vec<u8> {
        let line = format!("author {} number {number}\n", self.author);
        line.bytes().cycle().take(self.bytes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn as_many_numbers_as_there_are_files_write_each_file_once() {
        for count in [1, 64, 250, 251, 3_000, STRIDE, 15_625] {
            let files = Files::new(3, Some(count), 10);
            let numbers = files.newest(10 * files.count(), u64::MAX);
            let paths: BTreeSet<String> = files.of(numbers).into_iter().map(|(path, _)| path).collect();
            assert_eq!(paths.len() as u64, files.count());
        }
    }

    #[test]
    fn the_newest_numbers_begin_with_the_first_that_there_is() {
        let files = Files::new(0, None, 10);
        assert_eq!(files.newest(1, 5), 1..1);
        assert_eq!(files.newest(4, 5), 1..4);
        assert_eq!(files.newest(100, 5), 95..100);
        assert_eq!(files.newest(100, 1_000), 36..100);
    }
}
