//! Which names belong to the rotation chain of a file. Of `app.log`:
//!
//! | form | made by |
//! | --- | --- |
//! | `app.log.1` | logrotate, most libraries |
//! | `app.log-20261120`, `app.log.2026-11-20`, `app.log.20261120-101112` | logrotate with `dateext`, Python, kubelet |
//! | `app-2026-11-20.log`, `app.2026-11-20.1.log` | logback, log4j2, lumberjack, logrotate with `extension` |
//! | `app.1.log` | logrotate with `extension`, log4j2 |
//!
//! Each may be compressed. Anything else is none of them: hidden, temporary, lock and editor files.

use std::cmp::Reverse;

/// The endings of compressed files.
const COMPRESSED: [&[u8]; 4] = [b".gz", b".zst", b".bz2", b".xz"];

/// Digits of a number at most, which is not taken for a date then.
const NUMBER_DIGITS: usize = 6;

/// Digits of a date: from a year and a month to a time with its nanoseconds.
const DATE_DIGITS: std::ops::RangeInclusive<usize> = 6..=23;

/// The names of the members of a file.
#[derive(Debug)]
pub(super) struct Names<'f> {
    file: &'f [u8],
    /// The file's name in two parts, the second one with its dot. None where it has no extension.
    parts: Option<(&'f [u8], &'f [u8])>,
}

/// The name without what says that it is compressed.
pub(super) fn unpacked(name: &[u8]) -> &[u8] {
    COMPRESSED.iter().find_map(|ending| name.strip_suffix(*ending)).unwrap_or(name)
}

impl<'f> Names<'f> {
    /// The names of the members of the file of this name.
    pub(super) fn of(file: &'f [u8]) -> Names<'f> {
        let parts = memchr::memrchr(b'.', file).filter(|at| *at > 0).map(|at| file.split_at(at));
        Names { file, parts }
    }

    /// Sorts members by their names, the newest first: a small number before a large one, a late date
    /// before an early one, and dates first.
    pub(super) fn age(&self, name: &[u8]) -> (bool, Reverse<Vec<u8>>, u64) {
        let name = unpacked(name);
        let parts = self.parts.and_then(|(stem, end)| name.strip_prefix(stem)?.strip_suffix(end));
        let rest = name.strip_prefix(self.file).or(parts).unwrap_or(name);
        let rest = rest.get(1..).unwrap_or_default();
        if is_number(rest) {
            let number = std::str::from_utf8(rest).ok().and_then(|text| text.parse().ok());
            return (true, Reverse(Vec::new()), number.unwrap_or(u64::MAX));
        }
        (false, Reverse(rest.to_vec()), 0)
    }

    /// Whether a member has a number in its name, and no date.
    pub(super) fn is_numbered(&self, name: &[u8]) -> bool {
        self.age(name).0
    }

    /// Whether the name is that of a member.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        let name = unpacked(name);
        if let Some(rest) = name.strip_prefix(self.file) {
            return match rest.split_first() {
                Some((b'.', rest)) => is_number(rest) || is_date(rest),
                Some((b'-', rest)) => is_date(rest),
                _ => false,
            };
        }
        let Some((stem, extension)) = self.parts else { return false };
        let Some(rest) = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(extension)) else {
            return false;
        };
        match rest.split_first() {
            Some((b'.', rest)) => is_number(rest) || is_dated(rest),
            Some((b'-', rest)) => is_dated(rest),
            _ => false,
        }
    }
}

fn is_number(text: &[u8]) -> bool {
    (1..=NUMBER_DIGITS).contains(&text.len()) && text.iter().all(u8::is_ascii_digit)
}

/// A date, and perhaps a number after it.
fn is_dated(text: &[u8]) -> bool {
    let numbered = memchr::memrchr(b'.', text).map(|at| (&text[..at], &text[at + 1..]));
    is_date(text) || numbered.is_some_and(|(date, number)| is_date(date) && is_number(number))
}

/// A date with whatever comes with it: digits with single characters between them. It begins with a
/// year, or is a time in seconds since 1970.
fn is_date(text: &[u8]) -> bool {
    let text = text.strip_suffix(b"Z").unwrap_or(text);
    let is_separator = |b: u8| matches!(b, b'-' | b'_' | b'.' | b':' | b'T' | b'+');
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_digit);
    let is_well_formed = ends(text.first())
        && ends(text.last())
        && text.windows(2).all(|pair| !(is_separator(pair[0]) && is_separator(pair[1])))
        && text.iter().all(|b| b.is_ascii_digit() || is_separator(*b));
    let digits: Vec<u8> = text.iter().copied().filter(u8::is_ascii_digit).collect();
    if !is_well_formed || !DATE_DIGITS.contains(&digits.len()) {
        return false;
    }
    let month = (digits[4] - b'0') * 10 + (digits[5] - b'0');
    let has_year = matches!(&digits[..2], b"19" | b"20") && (1..=12).contains(&month);
    let is_epoch = digits.len() == text.len() && (10..=13).contains(&digits.len());
    has_year || is_epoch
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_form_that_a_program_makes_is_a_member_and_nothing_else_is() {
        let app = Names::of(b"app.log");
        for name in [
            "app.log.1",
            "app.log.10.gz",
            "app.log-20261120",
            "app.log-2026112010",
            "app.log-20261120.gz",
            "app.log-20261120-1795170000",
            "app.log-1795170000.zst",
            "app.log.2026-11-20",
            "app.log.2026-11-20_10-15-00",
            "app.log.2026-11.xz",
            "app.log.20261120-101112",
            "app.log.20261120-101112.gz",
            "app.log.2026-11-20T10:11:12Z",
            "app-2026-11-20.log",
            "app-20261120.log.bz2",
            "app.2026-11-20.log",
            "app.2026-11-20.3.log.gz",
            "app-2026-11-20T10-11-12.123.log",
            "app.1.log",
            "app.12.log.gz",
        ] {
            assert!(app.has(name.as_bytes()), "{name}");
        }
        for name in [
            "app.log",
            "app.log.gz",
            "app.log.",
            "app.log.x",
            "app.log.1.tmp",
            "app.log.1~",
            "app.log.1.swp",
            ".app.log.1",
            ".app.log.swp",
            "app.log.lock",
            "app.log.old",
            "app.log.1.gz.tmp",
            "app.log.1.2",
            "app.log-1",
            "app.log-20261320",
            "app.log-20261120-",
            "app.log.2026--11-20",
            "app.log-99991120",
            "app-2.log",
            "app-backup.log",
            "app-2026.log",
            "app2.log.1",
            "myapp.log.1",
            "app.log2",
            "app.log1",
            "app.error.log",
            "app..log",
            "app",
            "",
        ] {
            assert!(!app.has(name.as_bytes()), "{name}");
        }
        let syslog = Names::of(b"syslog");
        assert!(syslog.has(b"syslog.1") && syslog.has(b"syslog-20261120.gz"));
        assert!(!syslog.has(b"syslog") && !syslog.has(b"syslog.gz") && !syslog.has(b"sys.1.log"));
        let pod = Names::of(b"0.log");
        assert!(pod.has(b"0.log.20261120-101112") && pod.has(b"0.log.20261120-101112.gz"));
        assert!(!pod.has(b"1.log") && !pod.has(b"00.log"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at_without_a_panic_and_a_file_is_no_member_of_itself(
            file in prop::collection::vec(any::<u8>(), 1..12),
            name in prop::collection::vec(any::<u8>(), 0..24),
        ) {
            let names = Names::of(&file);
            names.has(&name);
            prop_assert!(!names.has(&file));
            let numbered = [&file[..], b".1"].concat();
            prop_assert!(names.has(&numbered));
        }
    }
}
