//! Runs of NUL bytes at the beginning of lines. `copytruncate` leaves them: a writer that does not
//! append goes on at its old offset in the emptied file. So do other sparse files. Only the text
//! after a run counts. So runs are skipped, and a search finds the same as in the file without
//! them.

/// The number of NUL bytes at the beginning of `bytes`.
pub(crate) fn leading(bytes: &[u8]) -> usize {
    if bytes.first() != Some(&0) {
        return 0;
    }
    let whole = bytes.chunks(STRIDE).take_while(|chunk| is_nul(chunk)).count() * STRIDE;
    match bytes.get(whole..) {
        Some(rest) => whole + rest.iter().take_while(|byte| **byte == 0).count(),
        None => bytes.len(),
    }
}

/// The number of NUL bytes at the end of `bytes`.
pub(crate) fn trailing(bytes: &[u8]) -> usize {
    if bytes.last() != Some(&0) {
        return 0;
    }
    let whole = bytes.rchunks(STRIDE).take_while(|chunk| is_nul(chunk)).count() * STRIDE;
    match bytes.len().checked_sub(whole) {
        Some(rest) => whole + bytes[..rest].iter().rev().take_while(|byte| **byte == 0).count(),
        None => bytes.len(),
    }
}

/// Whether all bytes of a block are NUL. False for an empty block.
pub fn is_all_nul(block: &[u8]) -> bool {
    block.first() == Some(&0) && block.last() == Some(&0) && leading(block) == block.len()
}

/// The bytes of all runs in `lines`, which must begin and end with whole lines. A run has at least
/// `least` bytes and stands at the beginning of a line.
pub(crate) fn in_lines(lines: &[u8], least: usize) -> u64 {
    let (mut bytes, mut at) = (0, least - 1);
    // Every run has a byte at one of these positions, because they are `least` bytes apart.
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

/// The length of the run at the beginning of a line; 0 if there are fewer than `least` NUL bytes.
pub(crate) fn at_start(line: &[u8], least: usize) -> usize {
    let nuls = leading(line);
    if nuls >= least { nuls } else { 0 }
}

/// Bytes that are compared at once.
const STRIDE: usize = 64;

fn is_nul(chunk: &[u8]) -> bool {
    chunk.iter().fold(0, |any, byte| any | byte) == 0
}
