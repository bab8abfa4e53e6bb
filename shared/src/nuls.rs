//! Runs of NUL bytes at the beginning of lines, which `copytruncate` and sparse files leave:
//! where a writer does not append, it goes on at its old offset in the emptied file. The text
//! after them is what counts, so they are passed over, and a search finds what it would find in
//! the file without them.

/// NUL bytes that `bytes` begins with.
pub(crate) fn leading(bytes: &[u8]) -> usize {
    if bytes.first() != Some(&0) {
        return 0;
    }
    let whole = bytes.chunks(CHUNK).take_while(|chunk| is_nul(chunk)).count() * CHUNK;
    match bytes.get(whole..) {
        Some(rest) => whole + rest.iter().take_while(|byte| **byte == 0).count(),
        None => bytes.len(),
    }
}

/// NUL bytes that `bytes` ends with.
pub(crate) fn trailing(bytes: &[u8]) -> usize {
    if bytes.last() != Some(&0) {
        return 0;
    }
    let whole = bytes.rchunks(CHUNK).take_while(|chunk| is_nul(chunk)).count() * CHUNK;
    match bytes.len().checked_sub(whole) {
        Some(rest) => whole + bytes[..rest].iter().rev().take_while(|byte| **byte == 0).count(),
        None => bytes.len(),
    }
}

/// Whether all of a block is NUL.
pub fn is_all_nul(block: &[u8]) -> bool {
    block.first() == Some(&0) && block.last() == Some(&0) && leading(block) == block.len()
}

/// Bytes of all runs in `lines`, which begins where a line does and ends where one ends. A run
/// is `least` bytes long or longer.
pub(crate) fn in_lines(lines: &[u8], least: usize) -> u64 {
    let (mut bytes, mut at) = (0, least - 1);
    // A run has one of every so many bytes in it.
    while let Some(byte) = lines.get(at) {
        if *byte == 0 {
            let start = at - trailing(&lines[..at]);
            let end = at + leading(&lines[at..]);
            if end - start >= least && (start == 0 || lines[start - 1] == b'\n') {
                bytes += (end - start) as u64;
            }
            at = end;
        }
        at += least;
    }
    bytes
}

/// Bytes of the run that a line begins with; 0 where it is shorter than a run.
pub(crate) fn at_start(line: &[u8], least: usize) -> usize {
    let nuls = leading(line);
    if nuls >= least { nuls } else { 0 }
}

/// Bytes that are compared at once.
const CHUNK: usize = 64;

fn is_nul(chunk: &[u8]) -> bool {
    chunk.iter().fold(0, |any, byte| any | byte) == 0
}
