//! The buffers that an answer is sent in. A full-sized one returns to its thread's pool after it
//! has been sent. Fresh memory costs a page fault for each page, and an allocator that returns
//! memory to the system between chunks would make every chunk pay for that.

use backscroll_shared::limits::READER_FROM;
use bytes::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that a chunk collects before it is sent, give or take one record. A client that does not
/// read holds up to two chunks (one half sent, and the next), and there may be a thousand such
/// clients.
const SMALL: usize = 16 << 10;

/// Bytes of a chunk once a client has taken [`READER_FROM`] bytes. At this size the cost of the
/// system calls does not matter.
const FULL: usize = 128 << 10;

/// Bytes that a chunk has room for at first. Most tail requests need no more.
const START: usize = 8 << 10;

/// Full-sized chunks that one thread keeps for reuse: about 4 MiB.
const KEPT: usize = 32;

/// The chunks of one thread.
#[derive(Debug, Clone, Default)]
pub struct Chunks(Arc<Pool>);

#[derive(Debug, Default)]
struct Pool {
    kept: Mutex<Vec<Vec<u8>>>,
    /// Full-sized chunks that are being sent.
    sealed: AtomicUsize,
}

/// Full-sized chunks of one thread that are being sent at once: about 8 MiB. This bounds the memory
/// of clients that have read a lot and then stop reading.
const FULL_AT_ONCE: usize = 64;

/// Bytes of the longest record that is written into a chunk of `full` bytes in one go. JSON can
/// make it six times as long, so a chunk stays below twice its size.
pub fn longest(full: usize) -> usize {
    (full / 8).min(START)
}

impl Chunks {
    /// Bytes that the next chunk collects, for a client that has taken `delivered` bytes of its
    /// answer. `keeps_up`: whether it reads fast.
    pub fn target(&self, delivered: u64, keeps_up: bool) -> usize {
        if delivered < READER_FROM || !keeps_up || self.0.sealed.load(Relaxed) >= FULL_AT_ONCE {
            SMALL
        } else {
            FULL
        }
    }

    /// Makes room for the next record in a chunk that collects `target` bytes. It grows in two
    /// steps, so that a short answer needs only a small allocation. For a larger record the chunk
    /// grows to that record's size.
    pub fn make_room(&self, chunk: &mut Vec<u8>, target: usize) {
        if chunk.capacity() == 0 {
            chunk.reserve_exact(START);
        } else if chunk.capacity() == START && chunk.len() > START / 2 {
            if target == FULL {
                let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut full = kept.unwrap_or_else(|| Vec::with_capacity(FULL + START));
                full.extend_from_slice(chunk);
                *chunk = full;
            } else {
                // A thousand slow clients may have one, so reserve only what the last record may
                // need.
                chunk.reserve_exact(target + longest(target) - chunk.len());
            }
        }
    }

    /// Frees the chunks that are kept for reuse.
    pub fn give_back(&self) {
        let kept = std::mem::take(&mut *self.0.kept.lock().unwrap_or_else(PoisonError::into_inner));
        drop(kept);
    }

    /// Turns the chunk into bytes to send. A full-sized chunk returns to the pool when they are
    /// dropped.
    pub fn seal(&self, chunk: Vec<u8>) -> Bytes {
        if chunk.capacity() == FULL + START {
            self.0.sealed.fetch_add(1, Relaxed);
            Bytes::from_owner(Sealed { chunk, chunks: self.clone() })
        } else {
            Bytes::from(chunk)
        }
    }
}

/// A full-sized chunk that is being sent.
struct Sealed {
    chunk: Vec<u8>,
    chunks: Chunks,
}

impl AsRef<[u8]> for Sealed {
    fn as_ref(&self) -> &[u8] {
        &self.chunk
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        self.chunks.0.sealed.fetch_sub(1, Relaxed);
        let mut kept = self.chunks.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            let mut chunk = std::mem::take(&mut self.chunk);
            chunk.clear();
            kept.push(chunk);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(chunks: &Chunks, byte: u8, len: usize, delivered: u64) -> Vec<u8> {
        let mut chunk = Vec::new();
        for _ in 0..len {
            chunks.make_room(&mut chunk, chunks.target(delivered, true));
            chunk.push(byte);
        }
        chunk
    }

    #[test]
    fn a_full_chunk_is_used_again_and_others_are_not() {
        let chunks = Chunks::default();
        let chunk = filled(&chunks, b'x', FULL, READER_FROM);
        let at = chunk.as_ptr();
        let sealed = chunks.seal(chunk);
        assert!(sealed.len() == FULL && sealed.iter().all(|b| *b == b'x'));
        drop(sealed);
        let small = filled(&chunks, b'y', SMALL, 0);
        assert!(small.capacity() <= SMALL + START && small.as_ptr() != at);
        assert_eq!(&chunks.seal(small)[..], &[b'y'; SMALL]);
        let again = filled(&chunks, b'z', START, READER_FROM);
        assert_eq!(again.as_ptr(), at, "the one that was sent");
        assert_eq!(&chunks.seal(again)[..], &[b'z'; START]);
        let large = filled(&chunks, b'l', 1 << 20, READER_FROM);
        assert_eq!(chunks.seal(large).len(), 1 << 20);
    }

    #[test]
    fn full_chunks_are_for_clients_that_keep_up_and_few_are_on_their_way() {
        let chunks = Chunks::default();
        assert_eq!(chunks.target(READER_FROM, false), SMALL);
        let sealed: Vec<Bytes> =
            (0..FULL_AT_ONCE).map(|_| chunks.seal(filled(&chunks, b'x', FULL, READER_FROM))).collect();
        assert_eq!(chunks.target(READER_FROM, true), SMALL);
        drop(sealed);
        assert_eq!(chunks.target(READER_FROM, true), FULL);
    }
}
