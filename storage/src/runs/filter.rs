//! Filters: whether a key may be in a section of a run. A blocked Bloom filter (Putze, Sanders, Singler 2007): all bits
//! of a key lie in one line of 64 bytes, so that a question costs one miss of the processor's cache.

/// Bytes at the begin of a key that a filter knows. Keys that share them have one answer, so that a scan below a prefix
/// of this length can ask too: the versions of a path, say.
pub(crate) const PREFIX_BYTES: usize = 36;

/// Bits for each key: about one of a hundred other keys is let through.
const BITS_PER_KEY: usize = 12;

/// Bits of a line.
const LINE_BITS: usize = 512;

/// Bytes of a line.
const LINE_BYTES: usize = LINE_BITS / 8;

/// Bits that a key sets, nine bits of its print for each.
const PROBES: u32 = 6;

/// Number that stands for a key in filters on the disk: it must never change.
pub(crate) fn print(key: &[u8]) -> u64 {
    let key = &key[..key.len().min(PREFIX_BYTES)];
    let seed = 0x9e37_79b9_7f4a_7c15 ^ key.len() as u64;
    key.chunks(8).fold(seed, |print, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mixed(print ^ u64::from_le_bytes(word))
    })
}

/// The filter of these prints.
pub(crate) fn build(prints: &[u64]) -> Vec<u8> {
    let mut bits = vec![0; (prints.len() * BITS_PER_KEY).div_ceil(LINE_BITS).max(1) * LINE_BYTES];
    for print in prints {
        let line = line(bits.len(), *print);
        probes(*print).for_each(|bit| bits[line + bit / 8] |= 1 << (bit % 8));
    }
    bits
}

/// Whether a key with this print may be among those of the filter.
pub(crate) fn may_hold(bits: &[u8], print: u64) -> bool {
    let line = line(bits.len(), print);
    probes(print).all(|bit| bits.get(line + bit / 8).is_none_or(|byte| byte & (1 << (bit % 8)) != 0))
}

/// Byte at which the line of a print begins.
fn line(bytes: usize, print: u64) -> usize {
    let lines = (bytes / LINE_BYTES) as u64;
    (((print >> 32) * lines) >> 32) as usize * LINE_BYTES
}

/// Bits of a print within its line.
fn probes(print: u64) -> impl Iterator<Item = usize> {
    let bits = mixed(print ^ 0xd6e8_feb8_6659_fd93);
    (0..PROBES).map(move |probe| (bits >> (9 * probe)) as usize % LINE_BITS)
}

/// The last steps of MurmurHash3.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let number = (number ^ (number >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    number ^ (number >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> Vec<u8> {
        [&number.to_be_bytes()[..], &[7; 28]].concat()
    }

    #[test]
    fn a_filter_holds_each_of_its_keys_and_lets_few_others_through() {
        let prints: Vec<u64> = (0..4_000).map(|number| print(&key(number))).collect();
        let bits = build(&prints);

        assert!(prints.iter().all(|print| may_hold(&bits, *print)));
        let others = (10_000..20_000).filter(|number| may_hold(&bits, print(&key(*number)))).count();
        assert!(others < 200, "{others} of 10,000 other keys were let through");
    }

    #[test]
    fn keys_with_one_prefix_have_one_print() {
        let (one, other) =
            ([[3; PREFIX_BYTES].as_slice(), &[1]].concat(), [[3; PREFIX_BYTES].as_slice(), &[2]].concat());
        assert_eq!(print(&one), print(&other));
        assert_ne!(print(&one), print(&one[1..]));
    }

    /// Filters are on disks: another function would hide rows.
    #[test]
    fn the_print_of_a_key_stays_what_it_is() {
        assert_eq!(print(b"quorate"), 14_213_354_765_555_534_418);
    }
}
