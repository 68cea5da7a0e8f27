//! Bytes of a body as they come, in chunks: a vector that doubles copies up to half of the largest body between two requests
//! of others on the same thread, each time into memory that the system has to clear first.

/// Bytes of a chunk.
const CHUNK_BYTES: usize = 64 << 10;

/// Bytes that have come so far.
#[derive(Debug, Default)]
pub struct Grown {
    full: Vec<Vec<u8>>,
    last: Vec<u8>,
    length: usize,
}

impl Grown {
    /// Count of the bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Takes a piece in.
    pub fn extend(&mut self, mut piece: &[u8]) {
        self.length += piece.len();
        while !piece.is_empty() {
            let (now, later) = piece.split_at(piece.len().min(CHUNK_BYTES - self.last.len()));
            self.last.extend_from_slice(now);
            if self.last.len() == CHUNK_BYTES {
                self.full.push(std::mem::replace(&mut self.last, Vec::with_capacity(CHUNK_BYTES)));
            }
            piece = later;
        }
    }

    /// All bytes in one vector; they are copied where they are more than a chunk.
    pub fn joined(mut self) -> Vec<u8> {
        self.full.push(self.last);
        self.full.retain(|chunk| !chunk.is_empty());
        if self.full.len() <= 1 {
            return self.full.pop().unwrap_or_default();
        }
        let mut joined = Vec::with_capacity(self.length);
        self.full.into_iter().for_each(|chunk| joined.extend_from_slice(&chunk)); // each is freed once it is copied
        joined
    }
}

impl From<Vec<u8>> for Grown {
    fn from(bytes: Vec<u8>) -> Self {
        Self { length: bytes.len(), full: vec![bytes], last: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_are_joined_as_they_came() {
        for piece_bytes in [1, 7, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES] {
            for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 5] {
                let bytes: Vec<u8> = (0..length).map(|at| (at * 31 / 7) as u8).collect();
                let mut grown = Grown::default();
                bytes.chunks(piece_bytes).for_each(|piece| grown.extend(piece));
                assert_eq!(grown.len(), length);
                assert!(grown.joined() == bytes, "{length} bytes in pieces of {piece_bytes}");
            }
        }
    }

    #[test]
    fn a_body_that_grows_never_copies_more_than_a_chunk() {
        let mut grown = Grown::default();
        grown.extend(&[7; 2 * CHUNK_BYTES]);
        let first = grown.full[0].as_ptr();
        grown.extend(&vec![7; 500 * CHUNK_BYTES]);
        assert_eq!(grown.full[0].as_ptr(), first);
        assert!(grown.full.iter().chain([&grown.last]).all(|chunk| chunk.capacity() <= CHUNK_BYTES));

        let mut odd = Grown::default();
        (0..50_000).for_each(|_| odd.extend(&[7; 41]));
        assert!(odd.full.iter().chain([&odd.last]).all(|chunk| chunk.capacity() < 2 * CHUNK_BYTES));
    }

    #[test]
    fn a_vector_is_joined_without_a_copy() {
        let bytes = vec![7; 3 * CHUNK_BYTES];
        let at = bytes.as_ptr();
        let joined = Grown::from(bytes).joined();
        assert_eq!(joined.as_ptr(), at);
    }
}
