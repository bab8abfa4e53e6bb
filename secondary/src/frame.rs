//! The pieces that an answer leaves in. A full one is given back to its thread's pool once
//! it has been sent: fresh memory costs a page fault for each of its pages, and an allocator
//! that gives it back to the system in between makes that happen for every frame.

use backscroll_shared::limits::FRAME_BYTES;
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// Room that a frame begins with: what most tail requests fill.
const START: usize = 8 << 10;

/// Room of a full frame: it is full once it has passed [`FRAME_BYTES`], by one record.
const FULL: usize = FRAME_BYTES + START;

/// Frames that one thread keeps; about 4.5 MiB.
const KEPT: usize = 64;

/// The frames of one thread.
#[derive(Debug, Clone, Default)]
pub struct Frames(Arc<Mutex<Vec<Vec<u8>>>>);

impl Frames {
    /// Makes room for the next record: in two steps, so that a short answer is a small
    /// allocation. Larger records than fit make a frame of their own size.
    pub fn make_room(&self, frame: &mut Vec<u8>) {
        if frame.capacity() == 0 {
            frame.reserve_exact(START);
        } else if frame.capacity() == START && frame.len() > START / 2 {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut full = kept.unwrap_or_else(|| Vec::with_capacity(FULL));
            full.extend_from_slice(frame);
            *frame = full;
        }
    }

    /// The frame as it is sent.
    pub fn seal(&self, frame: Vec<u8>) -> Bytes {
        if frame.capacity() == FULL {
            Bytes::from_owner(Sealed { frame, frames: self.clone() })
        } else {
            Bytes::from(frame)
        }
    }
}

/// A full frame on its way.
struct Sealed {
    frame: Vec<u8>,
    frames: Frames,
}

impl AsRef<[u8]> for Sealed {
    fn as_ref(&self) -> &[u8] {
        &self.frame
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        let mut kept = self.frames.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            let mut frame = std::mem::take(&mut self.frame);
            frame.clear();
            kept.push(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_frame_is_used_again_and_others_are_not() {
        let frames = Frames::default();
        let mut frame = Vec::new();
        for _ in 0..FRAME_BYTES {
            frames.make_room(&mut frame);
            frame.push(b'x');
        }
        let at = frame.as_ptr();
        let sealed = frames.seal(frame);
        assert!(sealed.len() == FRAME_BYTES && sealed.iter().all(|b| *b == b'x'));
        drop(sealed);
        let mut small = Vec::new();
        frames.make_room(&mut small);
        small.extend_from_slice(&[b'y'; START / 2 + 1]);
        assert_ne!(small.as_ptr(), at);
        frames.make_room(&mut small);
        assert_eq!(small.as_ptr(), at, "the one that was sent");
        assert_eq!(&frames.seal(small)[..], &[b'y'; START / 2 + 1]);
        let mut large = Vec::new();
        frames.make_room(&mut large);
        large.resize(1 << 20, b'z');
        assert_eq!(frames.seal(large).len(), 1 << 20);
    }
}
