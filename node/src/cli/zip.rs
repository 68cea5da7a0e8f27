//! Zip archives without compression: a few texts that every system opens.

/// First bytes of an entry, of its line in the directory, and of the end.
const ENTRY: u32 = 0x0403_4b50;
const LINE: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// Version of the format that a reader needs, the flag for names in UTF-8, and the first day of the format's calendar.
const VERSION: u16 = 20;
const UTF8: u16 = 1 << 11;
const FIRST_DAY: u16 = 0x21;
/// Made on Unix, and the mode of a file that its owner alone reads.
const UNIX: u16 = 3 << 8 | VERSION;
const OWNER_ONLY: u32 = 0o100_600 << 16;

/// Archive in the making.
#[derive(Default)]
pub struct Zip {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
}

impl Zip {
    /// Adds a file.
    pub fn add(&mut self, name: &str, content: &[u8]) {
        let at = size(self.bytes.len());
        let facts = facts(name, content);
        self.bytes.extend(ENTRY.to_le_bytes());
        self.bytes.extend(&facts);
        self.bytes.extend([name.as_bytes(), content].concat());
        self.directory.extend(LINE.to_le_bytes());
        self.directory.extend(UNIX.to_le_bytes());
        self.directory.extend(&facts);
        self.directory.extend([0; 6]); // comment, disk, kind of content
        self.directory.extend(OWNER_ONLY.to_le_bytes());
        self.directory.extend(at.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.entries += 1;
    }

    /// The archive.
    pub fn finish(self) -> Vec<u8> {
        let Self { mut bytes, directory, entries } = self;
        let at = size(bytes.len());
        bytes.extend(&directory);
        bytes.extend(END.to_le_bytes());
        bytes.extend([0; 4]); // disks
        bytes.extend([entries.to_le_bytes(), entries.to_le_bytes()].concat());
        bytes.extend([size(directory.len()).to_le_bytes(), at.to_le_bytes()].concat());
        bytes.extend([0; 2]); // comment
        bytes
    }
}

/// Facts that an entry and its line in the directory share.
fn facts(name: &str, content: &[u8]) -> Vec<u8> {
    let short: [u16; 5] = [VERSION, UTF8, 0, 0, FIRST_DAY];
    let long: [u32; 3] = [crc32(content), size(content.len()), size(content.len())];
    let lengths: [u16; 2] = [name.len() as u16, 0];
    let mut facts: Vec<u8> = short.iter().flat_map(|value| value.to_le_bytes()).collect();
    facts.extend(long.iter().flat_map(|value| value.to_le_bytes()));
    facts.extend(lengths.iter().flat_map(|value| value.to_le_bytes()));
    facts
}

fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a bundle of texts is small")
}

/// CRC-32 as zip has it (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_one_that_everybody_computes() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
