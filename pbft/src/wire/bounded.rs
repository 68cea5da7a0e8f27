//! Decoding of lists from outside: each length is held against its bound before anything is allocated.
//!
//! An element in memory may weigh fifty times its bytes (an empty text takes four bytes and fills twenty-four), so a list
//! without a bound lets its sender choose how much memory decoding takes. Fields name their bound in their type's
//! definition, by `#[borsh(deserialize_with = "bounded::list::<MAX, _, _>")]`; the encoding stays borsh's own.

use alloc::vec::Vec;
use borsh::BorshDeserialize;
use borsh::io::{Error, ErrorKind, Read, Result};

/// Reads a list of at most `MAX` elements.
pub fn list<const MAX: usize, R: Read, T: BorshDeserialize>(reader: &mut R) -> Result<Vec<T>> {
    list_of(MAX, reader, T::deserialize_reader)
}

/// Reads a list of at most `max` elements, each by `element`.
///
/// Memory grows with the elements that were read, not with the length that was announced.
pub fn list_of<R: Read, T>(max: usize, reader: &mut R, mut element: impl FnMut(&mut R) -> Result<T>) -> Result<Vec<T>> {
    let length = u32::deserialize_reader(reader)? as usize;
    if length > max {
        return Err(too_many("a list is longer than its bound"));
    }
    let mut list = Vec::new();
    for _ in 0..length {
        list.push(element(reader)?);
    }
    Ok(list)
}

/// The refusal of more elements than a bound allows.
pub fn too_many(bound: &'static str) -> Error {
    Error::new(ErrorKind::Other, bound)
}

/// True for a refusal by [`too_many`], as opposed to bytes that spell nothing.
pub fn is_too_many(error: &Error) -> bool {
    error.kind() == ErrorKind::Other
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn read(bytes: &[u8]) -> Result<Vec<u16>> {
        list::<2, _, _>(&mut &bytes[..])
    }

    #[test]
    fn a_list_is_read_up_to_its_bound() {
        for values in [vec![], vec![1], vec![1, 2]] {
            assert_eq!(read(&borsh::to_vec(&values).expect("memory")).ok(), Some(values));
        }
        let refused = read(&borsh::to_vec(&vec![1u16, 2, 3]).expect("memory"));
        assert!(refused.is_err_and(|error| is_too_many(&error)));
    }

    #[test]
    fn a_list_that_ends_early_is_malformed_and_not_too_long() {
        assert!(read(&[2, 0, 0, 0, 1, 0]).is_err_and(|error| !is_too_many(&error)));
        assert!(read(&[2, 0]).is_err_and(|error| !is_too_many(&error)));
    }
}
