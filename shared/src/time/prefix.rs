//! What may stand before a time that is the line's own.

use super::date::Form;
use super::fields;

/// Bytes that may stand before a time: what `kubectl logs --prefix` puts there, `[pod/…/…]`,
/// with two names of 63 bytes.
const LENGTH: usize = 136;

/// Words that may stand before a time: a level, a thread, a pod and its container, but no
/// sentence.
const WORDS: usize = 3;

/// Of them, words in lower-case letters alone, as a program's name is.
const PLAIN: usize = 1;

/// Whether a time of this form that begins at `at` is the line's, rather than one that its
/// message speaks of.
///
/// Before a date with a year there may be a few words that are no prose. Before one without
/// there may be brackets only, since two numbers and a clock are soon mistaken for one. An
/// access log's, in its bracket, may stand after a client's address and name of any length.
#[inline]
pub(super) fn allows(head: &[u8], at: usize, form: Form) -> bool {
    match (form, head[..at].last()) {
        (_, None) => true,
        (Form::Bracketed, _) => false,
        (Form::DayFirst, Some(b'[')) => !head[..at].contains(&b'\n'),
        (_, Some(b'=')) => fields::is_logfmt_time(&head[..at - 1]),
        (_, Some(b'"')) if at >= 2 && head[at - 2] == b'=' => fields::is_logfmt_time(&head[..at - 2]),
        _ if at > LENGTH => false,
        (form, _) => match opened(&head[..at]) {
            Some(before) => are_few(before, matches!(form, Form::Syslog | Form::Ctime | Form::Fractional)),
            None => false,
        },
    }
}

/// What stands before the time, without what opens it; `None` where the time is part of a
/// longer word.
fn opened(before: &[u8]) -> Option<&[u8]> {
    let (last, rest) = before.split_last()?;
    match last {
        b' ' | b'\t' | b'|' | b',' => Some(before),
        b'[' | b'*' => Some(rest),
        // Not what a function is given.
        b'(' => rest.last().is_none_or(|b| *b == b' ').then_some(rest),
        // The priority of syslog.
        b'>' => {
            let number = rest.strip_prefix(b"<")?;
            number.iter().all(u8::is_ascii_digit).then_some(&[])
        }
        b'"' | b'\'' => rest.last().is_none_or(|b| *b == b',').then_some(rest),
        // The end of a colour: ESC [ 2 m.
        b'm' => {
            let digits = rest.iter().rev().take_while(|b| b.is_ascii_digit() || **b == b';').count();
            rest[..rest.len() - digits].strip_suffix(b"\x1b[")
        }
        _ => None,
    }
}

fn are_few(before: &[u8], only_brackets: bool) -> bool {
    if before.contains(&b'\n') {
        return false;
    }
    let (mut words, mut plain, mut unbracketed) = (0, 0, false);
    for word in before.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty()) {
        words += 1;
        match kind(word) {
            Kind::Bracketed => {}
            // docker compose: `web-1  | …`.
            Kind::Bar => unbracketed = false,
            Kind::Other => unbracketed = true,
            Kind::Plain => {
                plain += 1;
                unbracketed = true;
            }
            Kind::Prose => return false,
        }
        if words > WORDS || plain > PLAIN {
            return false;
        }
    }
    !(only_brackets && unbracketed)
}

enum Kind {
    /// `[main]`, `<34>`, or one end of `[two words]`.
    Bracketed,
    /// `|`.
    Bar,
    /// `nginx`, `nginx:`.
    Plain,
    /// `Expires:`, `at`: what follows it is no line's time.
    Prose,
    /// `INFO`, `web-1`, `10.0.0.1`.
    Other,
}

fn kind(word: &[u8]) -> Kind {
    if matches!(word[0], b'[' | b'<' | b'(') || matches!(word[word.len() - 1], b']' | b'>' | b')') {
        return Kind::Bracketed;
    }
    if word == b"|" {
        return Kind::Bar;
    }
    let name = word.strip_suffix(b":").unwrap_or(word);
    if !name.iter().all(u8::is_ascii_alphabetic) || name.iter().all(u8::is_ascii_uppercase) {
        return Kind::Other;
    }
    if NO_PROSE.iter().any(|level| name.eq_ignore_ascii_case(level)) {
        return Kind::Other;
    }
    let lower = name.iter().all(u8::is_ascii_lowercase);
    if lower && !PREPOSITIONS.contains(&name) { Kind::Plain } else { Kind::Prose }
}

/// Words before a time that are no prose, however they are written: levels, and `# Time:`
/// of a slow query log.
const NO_PROSE: [&[u8]; 13] = [
    b"trace",
    b"debug",
    b"info",
    b"notice",
    b"warn",
    b"warning",
    b"err",
    b"error",
    b"crit",
    b"critical",
    b"fatal",
    b"severe",
    b"time",
];

/// Words that make the time that follows them one of the message.
const PREPOSITIONS: [&[u8]; 10] =
    [b"after", b"at", b"before", b"by", b"from", b"on", b"since", b"till", b"to", b"until"];
