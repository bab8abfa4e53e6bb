//! Formats whose times are in UTC although the line does not say so: IIS and `CloudFront`. Load
//! balancers are recognised in `words`, by their first word.

use super::date::Stamp;
use super::offset::Zone;
use super::words::is_address;

/// The stamp at the beginning of a line, with its zone set to UTC if the line's format implies
/// that.
#[inline]
pub(super) fn settled<'a>(line: &'a [u8], at: usize, stamp: Stamp<'a>) -> Stamp<'a> {
    if stamp.zone == Zone::Host
        && !stamp.has_fraction
        && stamp.end == at + 19
        && line[at + 4] == b'-'
        && is_utc(line[at + 10], &line[stamp.end..])
    {
        return Stamp { zone: Zone::Offset(0), ..stamp };
    }
    stamp
}

fn is_utc(separator: u8, rest: &[u8]) -> bool {
    match (separator, rest.first()) {
        (b'\t', Some(b'\t')) => is_edge(rest[1..].split(|b| *b == b'\t').next().unwrap_or_default()),
        (b' ', Some(b' ')) => {
            matches!(rest.get(1), Some(b'W' | b'S' | b'0'..=b'9' | b':')) && is_w3c(&rest[1..])
        }
        _ => false,
    }
}

/// An edge location of `CloudFront`: an airport and numbers, `FRA2`, `IAD89-C1`.
fn is_edge(field: &[u8]) -> bool {
    field.len() >= 4
        && field[..3].iter().all(u8::is_ascii_uppercase)
        && field[3].is_ascii_digit()
        && field[4..].iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() || *b == b'-')
}

/// A request in the default format of IIS: perhaps the site and its name, then the server's
/// address, the method, the path, the query and the port. Or in the format of the HTTP driver of
/// Windows: two addresses with their ports, and the protocol.
fn is_w3c(rest: &[u8]) -> bool {
    let mut words = rest.split(|b| *b == b' ').take(10).peekable();
    let site = words.next_if(|word| {
        word.strip_prefix(b"W3SVC")
            .or_else(|| word.strip_prefix(b"SMTPSVC"))
            .is_some_and(|n| n.iter().all(u8::is_ascii_digit))
    });
    if site.is_some() && words.peek().is_some_and(|word| !is_address(word)) {
        words.next();
    }
    let Some(server) = words.next() else { return false };
    if !is_address(server) {
        return false;
    }
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return false };
    let is_port = |word: Option<&[u8]>| {
        word.is_some_and(|word| !word.is_empty() && word.iter().all(u8::is_ascii_digit))
    };
    if is_address(path) {
        return is_port(Some(method))
            && is_port(words.next())
            && words.next().is_some_and(|w| w.starts_with(b"HTTP/"));
    }
    let is_method = method.len() >= 3 && method.iter().all(|b| b.is_ascii_uppercase() || *b == b'_');
    let is_request = is_method && (path.first() == Some(&b'/') || path == b"*");
    is_request && (site.is_some() || (words.next().is_some() && is_port(words.next())))
}
