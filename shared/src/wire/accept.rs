//! Which format a client takes (RFC 9110, section 12.5.1).

use super::problem::{Code, Problem};
use super::{Format, frames};
use headers_accept::Accept;
use http::{HeaderMap, header};
use mediatype::MediaTypeBuf;
use std::str::FromStr as _;

/// The format of `/logs`; text where the client does not care.
pub fn log_format(map: &HeaderMap) -> Result<Format, Problem> {
    negotiate(map, &[("text/plain", Format::Text), ("application/x-ndjson", Format::Ndjson)])
}

/// The format of `/logs` for a primary, which may ask for frames by their name.
pub fn relay_format(map: &HeaderMap) -> Result<Format, Problem> {
    let frames = |value: &http::HeaderValue| value.as_bytes() == frames::CONTENT_TYPE.as_bytes();
    if map.get(header::ACCEPT).is_some_and(frames) { Ok(Format::Frames) } else { log_format(map) }
}

/// The format of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// Tab-separated lines.
    Text,
    /// An array of objects.
    Json,
}

/// The format of `/files` and `/hosts`; text where the client does not care.
pub fn list_format(map: &HeaderMap) -> Result<ListFormat, Problem> {
    negotiate(map, &[("text/plain", ListFormat::Text), ("application/json", ListFormat::Json)])
}

fn negotiate<T: Copy>(map: &HeaderMap, offered: &[(&str, T)]) -> Result<T, Problem> {
    let asked: Vec<&str> = map.get_all(header::ACCEPT).iter().map(|v| v.to_str().unwrap_or("?")).collect();
    if asked.iter().all(|value| value.trim().is_empty()) {
        return Ok(offered[0].1);
    }
    // Empty elements are to be ignored (RFC 9110, section 5.6.1), names and charsets differ
    // in no letter's case, and there is one charset here: bytes as they stand.
    let asked: Vec<String> = asked
        .iter()
        .flat_map(|value| value.split(','))
        .map(|element| {
            let mut parts = element.split(';').map(str::trim);
            let range = parts.next().unwrap_or_default().to_ascii_lowercase();
            let kept = parts.map(str::to_ascii_lowercase).filter(|part| !part.starts_with("charset="));
            kept.fold(range, |all, part| format!("{all};{part}"))
        })
        .filter(|element| !element.is_empty())
        .collect();
    let asked = asked.join(", ");
    let types: Vec<MediaTypeBuf> =
        offered.iter().map(|(name, _)| MediaTypeBuf::from_str(name).expect("written out above")).collect();
    let refs: Vec<_> = types.iter().map(MediaTypeBuf::to_ref).collect();
    Accept::from_str(&asked)
        .ok()
        .and_then(|accept| accept.negotiate(&refs).and_then(|best| refs.iter().position(|r| r == best)))
        .map(|index| offered[index].1)
        .ok_or_else(|| {
            let names: Vec<&str> = offered.iter().map(|(name, _)| *name).collect();
            Problem::new(
                Code::NotAcceptable,
                format!("nothing here is of that type: accept {}", names.join(" or ")),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_listing_is_text_or_json() {
        for (accept, expected) in [
            ("text/plain; charset=utf-8", Some(ListFormat::Text)),
            ("application/json; charset=utf-8", Some(ListFormat::Json)),
            ("application/*", Some(ListFormat::Json)),
            ("text/html", None),
        ] {
            let mut map = HeaderMap::new();
            map.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(list_format(&map).ok(), expected, "{accept:?}");
        }
    }

    fn format(accept: &str) -> Option<Format> {
        let mut map = HeaderMap::new();
        map.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        log_format(&map).ok()
    }

    #[test]
    fn the_client_chooses() {
        assert_eq!(log_format(&HeaderMap::new()).unwrap(), Format::Text);
        for (accept, expected) in [
            ("", Some(Format::Text)),
            ("*/*", Some(Format::Text)),
            ("text/plain", Some(Format::Text)),
            ("text/*", Some(Format::Text)),
            ("text/plain; charset=utf-8", Some(Format::Text)),
            ("text/plain;charset=UTF-8", Some(Format::Text)),
            ("application/x-ndjson; charset=utf-8;q=0.9, text/plain;q=0.1", Some(Format::Ndjson)),
            (", text/plain,", Some(Format::Text)),
            (",", None),
            ("application/x-ndjson", Some(Format::Ndjson)),
            ("APPLICATION/X-NDJSON", Some(Format::Ndjson)),
            ("text/plain;q=0.5, application/x-ndjson", Some(Format::Ndjson)),
            ("text/plain;q=0, */*;q=0.1", Some(Format::Ndjson)),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Some(Format::Text)),
            ("image/png", None),
            ("nonsense", None),
        ] {
            assert_eq!(format(accept), expected, "{accept:?}");
        }
    }
}
