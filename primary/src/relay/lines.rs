//! Whole lines of one host, checked and counted, on their way to the client.

use super::scanned::Scanned;
use crate::capacity::FREE_BYTES;
use crate::capacity::lines::{HeldLine, LineMemory};
use backscroll_shared::limits;
use backscroll_shared::wire::ndjson;
use bytes::Bytes;
use std::collections::VecDeque;

/// The buffer of a held line grows by this part of itself.
const GROWTH: usize = 8;

/// Why what a host sent is not what a secondary sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadLine {
    /// A line of NDJSON does not begin like a record of the host, or holds a control byte.
    #[error("sent a line that is not one of its records")]
    NotARecord,
    /// A line has more than [`limits::ENCODED_RECORD_BYTES`].
    #[error("sent a line longer than any record")]
    TooLong,
}

/// The lines of one answer.
#[derive(Debug)]
pub(super) struct Lines {
    /// How each line begins; empty if it may begin like anything.
    beginning: Vec<u8>,
    /// A line whose end has not come.
    held: Vec<u8>,
    /// The memory that it takes, if it is long.
    hold: Option<HeldLine>,
    memory: LineMemory,
    /// Bytes of a line that has begun to leave and whose end has not come; None where there is no
    /// such line.
    open: Option<usize>,
    /// What leaves next: at most the held line and the rest of one chunk.
    pub(super) ready: VecDeque<Bytes>,
    scanned: Scanned,
    /// Lines that have left. In NDJSON a record is one line, so there it counts records.
    pub(super) count: u64,
}

impl Lines {
    /// Lines that each begin like this. Long ones take `memory`.
    pub(super) fn new(beginning: Vec<u8>, memory: LineMemory) -> Lines {
        Lines {
            beginning,
            held: Vec::new(),
            hold: None,
            memory,
            open: None,
            ready: VecDeque::new(),
            scanned: Scanned::default(),
            count: 0,
        }
    }

    /// Bytes of its file that the host has read at least.
    pub(super) fn bytes_scanned(&self) -> u64 {
        self.scanned.bytes()
    }

    /// Whether the end of a line has not come.
    pub(super) fn is_in_a_line(&self) -> bool {
        !self.held.is_empty() || self.open.is_some()
    }

    /// Whether a line has begun to leave whose end has not come.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Drops what is held.
    pub(super) fn drop_held(&mut self) {
        (self.held, self.hold) = (Vec::new(), None);
    }

    /// Takes a chunk.
    pub(super) fn take(&mut self, mut chunk: Bytes) -> Result<(), BadLine> {
        if let Some(bytes) = self.open {
            let feed = memchr::memchr(b'\n', &chunk);
            let of_line = chunk.split_to(feed.map_or(chunk.len(), |feed| feed + 1));
            if !self.beginning.is_empty() && has_control(&of_line) {
                return Err(BadLine::NotARecord);
            }
            let bytes = bytes + of_line.len();
            if bytes > limits::ENCODED_RECORD_BYTES {
                return Err(BadLine::TooLong);
            }
            self.scanned.went_on(of_line.len());
            self.ready.push_back(of_line);
            if feed.is_none() {
                self.open = Some(bytes);
                return Ok(());
            }
            self.open = None;
            self.count += 1;
        }
        if let Some(at) = memchr::memrchr(b'\n', &chunk) {
            let rest = chunk.split_off(at + 1);
            let sound = self.sound(&chunk);
            let is_sound = sound == chunk.len();
            chunk.truncate(sound);
            self.count += memchr::memchr_iter(b'\n', &chunk).count() as u64;
            if !chunk.is_empty() {
                self.scanned.came(&self.held, &chunk, &self.beginning);
                self.release();
                self.ready.push_back(chunk);
            }
            if !is_sound {
                return Err(BadLine::NotARecord);
            }
            chunk = rest;
        }
        self.keep(&chunk)
    }

    /// Holds back what has come of a line whose end has not.
    fn keep(&mut self, chunk: &[u8]) -> Result<(), BadLine> {
        let bytes = self.held.len() + chunk.len();
        if bytes > limits::ENCODED_RECORD_BYTES {
            return Err(BadLine::TooLong);
        }
        // A buffer that grows by itself doubles, and many answers have one.
        if self.held.capacity() < bytes {
            self.held.reserve_exact(chunk.len().max(self.held.len() / GROWTH));
        }
        // Copied, so that the end of a chunk does not keep the whole chunk alive.
        self.held.extend_from_slice(chunk);
        let has_memory = bytes <= FREE_BYTES
            || if let Some(hold) = &mut self.hold {
                hold.try_grow(&self.memory, bytes)
            } else {
                self.hold = self.memory.try_hold(bytes);
                self.hold.is_some()
            };
        if !has_memory {
            if !self.begins(b"") {
                return Err(BadLine::NotARecord);
            }
            self.open = Some(bytes);
            self.scanned.came(&self.held, b"", &self.beginning);
            self.release();
        }
        Ok(())
    }

    /// Lets the held line, or its beginning, leave.
    fn release(&mut self) {
        if self.held.is_empty() {
            return;
        }
        // Taken with its buffer, so that the next short lines do not keep a large one.
        let held = Bytes::from(std::mem::take(&mut self.held));
        self.ready.push_back(match self.hold.take() {
            Some(memory) => memory.keep(held),
            None => held,
        });
    }

    /// Bytes of the lines before the first one that is not a record, as far as can be seen without
    /// parsing JSON. The first line begins with what is held, and each line ends here.
    fn sound(&self, lines: &[u8]) -> usize {
        if self.beginning.is_empty() {
            return lines.len();
        }
        if !self.begins(lines) {
            return 0;
        }
        let mut sound = lines;
        if has_control(lines) {
            // Some clients end a line there, and would take the rest for another one.
            let at = lines.iter().position(|b| is_control(*b)).unwrap_or_default();
            sound = &lines[..memchr::memrchr(b'\n', &lines[..at]).map_or(0, |feed| feed + 1)];
        }
        let starts = memchr::memchr_iter(b'\n', sound).map(|feed| feed + 1);
        let mut odd = starts.filter(|start| !self.is_record(&sound[*start..]));
        // The rest after the last line feed is empty, which is not a record either.
        odd.next().unwrap_or(sound.len())
    }

    /// Whether the line that begins with what is held, and goes on with `rest`, begins like a
    /// record.
    fn begins(&self, rest: &[u8]) -> bool {
        let most = self.beginning.len() + ndjson::GOES_ON_BYTES;
        let first = self.held.iter().chain(rest).copied().take(most);
        self.beginning.is_empty() || !has_control(&self.held) && self.is_record(&first.collect::<Vec<u8>>())
    }

    fn is_record(&self, line: &[u8]) -> bool {
        line.strip_prefix(&self.beginning[..]).is_some_and(ndjson::goes_on)
    }
}

/// Whether there is a control byte in lines of JSON, in which they are all escaped. It reads to the
/// end without a branch, which is faster than to stop at the first one.
fn has_control(lines: &[u8]) -> bool {
    lines.iter().fold(false, |has, byte| has | is_control(*byte))
}

fn is_control(byte: u8) -> bool {
    byte < 0x20 && byte != b'\n'
}
