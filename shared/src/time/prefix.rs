//! What other programs put before a line: a byte order mark, colours, the priority of syslog, and
//! the names that container tools write.

/// The most bytes of a container's name, with the blanks that pad it.
const NAME: usize = 136;

/// The most marks that are skipped. A colour seldom needs more than three.
const MARKS: usize = 8;

/// The beginning of a line's text, after the marks at `at`.
#[inline]
pub(super) fn skip(line: &[u8], mut at: usize) -> usize {
    for _ in 0..MARKS {
        at = match line.get(at) {
            Some(0xef) if line[at..].starts_with(b"\xef\xbb\xbf") => at + 3,
            Some(0x1b) => match colour(line, at) {
                Some(end) => end,
                None => return at,
            },
            Some(b'<') => match priority(line, at) {
                Some(end) => end,
                None => return at,
            },
            _ => return at,
        }
    }
    at
}

/// The end of the colour at `at`: ESC `[ 0 ; 3 2 m`.
#[inline]
pub(super) fn colour(line: &[u8], at: usize) -> Option<usize> {
    let rest = line.get(at..)?.strip_prefix(b"\x1b[")?;
    let length = rest.iter().take(16).take_while(|b| b.is_ascii_digit() || **b == b';').count();
    (rest.get(length) == Some(&b'm')).then_some(at + length + 3)
}

/// The end of syslog's priority at `at`, `<34>`, with the version that may follow, `1 `.
fn priority(line: &[u8], at: usize) -> Option<usize> {
    let rest = &line[at + 1..];
    let digits = rest.iter().take(3).take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || rest.get(digits) != Some(&b'>') {
        return None;
    }
    let end = at + digits + 2;
    Some(match line.get(end..end + 2) {
        Some(b"1 ") => end + 2,
        _ => end,
    })
}

/// The end of the container's name at `at`: `web-1  | ` of compose, `[pod/web-5d4c/web] ` of
/// kubectl. The line of the container follows. The first word has `word` bytes.
pub(super) fn container(line: &[u8], at: usize, word: usize) -> Option<usize> {
    if line[at] == b'[' { kubectl(line, at) } else { compose(line, at, word) }
}

fn kubectl(line: &[u8], at: usize) -> Option<usize> {
    line[at..].strip_prefix(b"[pod/")?;
    let length = line[at..].iter().take(NAME).position(|b| *b == b']')?;
    let end = at + length + 1;
    (line.get(end) == Some(&b' ')).then_some(end + 1)
}

/// Compose pads all names to the same length, and numbers them.
fn compose(line: &[u8], at: usize, word: usize) -> Option<usize> {
    let (name, rest) = line[at..].split_at(word);
    let spaces = rest.iter().take(NAME).take_while(|b| **b == b' ').count();
    let numbered = name.last()?.is_ascii_digit() && name.iter().any(|b| matches!(b, b'-' | b'_' | b'.'));
    if rest.get(spaces) != Some(&b'|') || !(spaces >= 2 || numbered && spaces == 1) {
        return None;
    }
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@');
    if !name.iter().all(plain) || !name.iter().any(u8::is_ascii_lowercase) {
        return None;
    }
    // Its colour ends before the space or after it.
    let mut end = at + word + spaces + 1;
    while line.get(end) == Some(&0x1b) {
        end = colour(line, end)?;
    }
    (line.get(end) == Some(&b' ')).then_some(end + 1)
}
