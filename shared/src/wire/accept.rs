//! Which format a client takes (RFC 9110, section 12.5.1).
//!
//! Written by hand, because clients send what the grammar does not allow: Java before 19 sends a bare
//! `*` and `q=.2`, and scripts send a word that is no type beside one that is. Such a part is
//! skipped, and the others count. The crate `headers-accept`, which is built on `mediatype`, refuses
//! the whole field in such a case. It also reads only the first of several fields.

use super::problem::{Code, Problem};
use super::{Format, frames};
use http::{HeaderMap, header};

/// A format, the name of its type, and other names that are taken for it.
struct Offer<T: 'static> {
    format: T,
    name: &'static str,
    aliases: &'static [&'static str],
}

/// Clients that send `application/json` by habit get objects and not a refusal, and browsers get
/// text.
const LOG_FORMATS: [Offer<Format>; 2] = [
    Offer { format: Format::Text, name: "text/plain", aliases: &[HTML] },
    Offer { format: Format::Ndjson, name: NDJSON, aliases: &[JSON] },
];

const LIST_FORMATS: [Offer<ListFormat>; 2] = [
    Offer { format: ListFormat::Text, name: "text/plain", aliases: &[HTML] },
    Offer { format: ListFormat::Json, name: JSON, aliases: &[NDJSON] },
];

const HTML: &str = "text/html";
const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// The format of `/logs`; text where the client does not care.
pub fn log_format(map: &HeaderMap) -> Result<Format, Problem> {
    negotiate(map, &LOG_FORMATS)
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
    negotiate(map, &LIST_FORMATS)
}

/// A form in which metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposition {
    /// The text of Prometheus.
    Text,
    /// OpenMetrics.
    OpenMetrics,
}

const EXPOSITIONS: [Offer<Exposition>; 2] = [
    Offer { format: Exposition::Text, name: "text/plain", aliases: &[HTML] },
    Offer { format: Exposition::OpenMetrics, name: "application/openmetrics-text", aliases: &[] },
];

/// The form of `/metrics`; text where the client does not care.
pub fn exposition(map: &HeaderMap) -> Result<Exposition, Problem> {
    negotiate(map, &EXPOSITIONS)
}

/// Whether the client is a browser, which shows nothing at all of an answer that is cut. Java before
/// 19 also sends `text/html`, but with a bare `*` after it, which no browser sends. A Java program
/// has to see that an answer is cut.
pub fn is_browser(map: &HeaderMap) -> bool {
    ranges(map).any(|range| range.is(HTML) && range.weight > 0) && !ranges(map).any(|range| range.is_bare)
}

/// Refuses a request for a part of an answer. A client that continues an answer that was cut, as
/// wget does by itself, would join parts of two answers, because the next one has newer lines.
pub fn check_range(map: &HeaderMap) -> Result<(), Problem> {
    let is_all = |value: &http::HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"bytes=0-");
    if map.get_all(header::RANGE).iter().all(is_all) {
        return Ok(());
    }
    Err(Problem::new(
        Code::BadRequest,
        "the request has a Range: an answer cannot be continued, because the next one is another; ask without it, for all",
    ))
}

/// One of the types that a client takes.
#[derive(Debug, Clone, Copy)]
struct Range<'v> {
    kind: &'v str,
    subtype: &'v str,
    /// In thousandths.
    weight: u16,
    /// Whether it is a `*` without a slash.
    is_bare: bool,
}

impl<'v> Range<'v> {
    /// None where the element is not a type.
    fn parse(element: &'v str) -> Option<Range<'v>> {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next()?;
        // As Java before 19 sends it.
        let is_bare = name == "*";
        let (kind, subtype) = if is_bare { ("*", "*") } else { name.split_once('/')? };
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+*".contains(&b))
        };
        // Other parameters make no difference, because there is only one text and one JSON here.
        let weight = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            if name.trim().eq_ignore_ascii_case("q") { weight(value.trim()) } else { None }
        });
        let is_range = is_name(kind) && is_name(subtype);
        is_range.then_some(Range { kind, subtype, weight: weight.unwrap_or(1000), is_bare })
    }

    fn is(&self, name: &str) -> bool {
        name.split_once('/').is_some_and(|(kind, subtype)| {
            self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
        })
    }

    /// How closely it names the offer; None where it does not.
    fn names<T>(&self, offer: &Offer<T>) -> Option<Closeness> {
        let kind = offer.name.split('/').next().unwrap_or_default();
        if self.is(offer.name) {
            Some(Closeness::Name)
        } else if self.weight > 0 && offer.aliases.iter().any(|alias| self.is(alias)) {
            Some(Closeness::Alias)
        } else if self.kind.eq_ignore_ascii_case(kind) && self.subtype == "*" {
            Some(Closeness::Kind)
        } else {
            (self.kind == "*" && self.subtype == "*").then_some(Closeness::Any)
        }
    }
}

/// How closely a range names an offer. The closest range decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    Any,
    Kind,
    Alias,
    Name,
}

/// A weight in thousandths; None where the text is none. `.2` is one, as Java sends it.
fn weight(text: &str) -> Option<u16> {
    let weight: f32 = text.parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1000")]
    Some((weight * 1000.0).round() as u16)
}

fn ranges(map: &HeaderMap) -> impl Iterator<Item = Range<'_>> {
    let values = map.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|element| Range::parse(element.trim()))
}

/// The offer with the greatest weight. Among equals it is the one that is named more closely, then
/// the one that is named first.
fn negotiate<T: Copy>(map: &HeaderMap, offers: &[Offer<T>]) -> Result<T, Problem> {
    let mut asked = map.get_all(header::ACCEPT).iter();
    if asked.all(|value| matches!(value.as_bytes().trim_ascii(), b"" | b"*/*")) {
        return Ok(offers[0].format);
    }
    let rank = |offer: &Offer<T>| {
        let named = ranges(map)
            .enumerate()
            .filter_map(|(at, range)| Some((range.names(offer)?, range.weight, std::cmp::Reverse(at))));
        let (closeness, weight, at) = named.max()?;
        // If none is named, the order of the offers decides.
        let at = (closeness >= Closeness::Alias).then_some(at);
        (weight > 0).then_some((weight, closeness, at))
    };
    let ranked = offers.iter().filter_map(|offer| Some((rank(offer)?, offer.format)));
    // The first of those that are equal.
    ranked
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, format)| format)
        .ok_or_else(|| {
            let names: Vec<&str> = offers.iter().map(|offer| offer.name).collect();
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

    fn accepting(accept: &str) -> HeaderMap {
        let mut map = HeaderMap::new();
        map.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        map
    }

    #[test]
    fn a_listing_is_text_or_json() {
        for (accept, expected) in [
            ("text/plain; charset=utf-8", Some(ListFormat::Text)),
            ("application/json; charset=utf-8", Some(ListFormat::Json)),
            ("application/x-ndjson", Some(ListFormat::Json)),
            ("application/*", Some(ListFormat::Json)),
            ("application/json, text/plain, */*", Some(ListFormat::Json)),
            ("text/html", Some(ListFormat::Text)),
            ("image/png", None),
        ] {
            assert_eq!(list_format(&accepting(accept)).ok(), expected, "{accept:?}");
        }
    }

    #[test]
    fn the_client_chooses() {
        assert_eq!(log_format(&HeaderMap::new()).unwrap(), Format::Text);
        for (accept, expected) in [
            ("", Some(Format::Text)),
            ("*/*", Some(Format::Text)),
            ("*", Some(Format::Text)),
            ("*;q=0.1", Some(Format::Text)),
            ("text/plain", Some(Format::Text)),
            ("text/*", Some(Format::Text)),
            ("application/*", Some(Format::Ndjson)),
            ("text/plain; charset=utf-8", Some(Format::Text)),
            ("text/plain;charset=UTF-8", Some(Format::Text)),
            ("text/plain;format=flowed", Some(Format::Text)),
            ("application/x-ndjson;profile=\"x\"", Some(Format::Ndjson)),
            ("application/x-ndjson; charset=utf-8;q=0.9, text/plain;q=0.1", Some(Format::Ndjson)),
            (", text/plain,", Some(Format::Text)),
            (",", None),
            ("application/x-ndjson", Some(Format::Ndjson)),
            ("APPLICATION/X-NDJSON", Some(Format::Ndjson)),
            ("application/json", Some(Format::Ndjson)),
            ("application/json, */*;q=0.5", Some(Format::Ndjson)),
            ("application/json, */*", Some(Format::Ndjson)),
            ("application/json, text/plain, */*", Some(Format::Text)),
            ("application/x-ndjson, text/plain", Some(Format::Ndjson)),
            ("text/plain, application/x-ndjson", Some(Format::Text)),
            ("text/plain;q=0.5, application/x-ndjson", Some(Format::Ndjson)),
            ("text/plain;q=0.5, application/json;q=.6", Some(Format::Ndjson)),
            ("text/plain;q=0, */*;q=0.1", Some(Format::Ndjson)),
            ("text/plain;q=0, application/x-ndjson;q=0", None),
            ("application/x-ndjson;q=0, application/json", None),
            ("text/html;q=0, */*", Some(Format::Text)),
            ("*/*;q=0", None),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Some(Format::Text)),
            ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", Some(Format::Text)),
            ("*/*, nonsense", Some(Format::Text)),
            ("nonsense, application/x-ndjson;q=nonsense, ;;, /, a/b/c", Some(Format::Ndjson)),
            ("image/png", None),
            ("nonsense", None),
        ] {
            assert_eq!(log_format(&accepting(accept)).ok(), expected, "{accept:?}");
        }
    }

    #[test]
    fn several_fields_are_one_list() {
        let mut map = accepting("image/png");
        map.append(header::ACCEPT, HeaderValue::from_static("application/json;q=0.1"));
        map.append(header::ACCEPT, HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(log_format(&map).unwrap(), Format::Ndjson);
    }

    #[test]
    fn a_browser_is_who_names_html_and_is_not_java() {
        for browser in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html, text/plain, text/sgml, text/css, */*;q=0.01",
            "text/html, application/xhtml+xml, image/jxr, */*",
            "text/html",
        ] {
            assert!(is_browser(&accepting(browser)), "{browser}");
        }
        for other in [
            "*/*",
            "text/*",
            "text/plain",
            "text/html;q=0",
            "text/htm",
            "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
            "*;q=0.1, text/html",
        ] {
            assert!(!is_browser(&accepting(other)), "{other}");
        }
        let mut map = accepting("text/html, image/gif, image/jpeg");
        map.append(header::ACCEPT, HeaderValue::from_static("*; q=.2"));
        assert!(!is_browser(&map), "several fields are one list");
    }

    #[test]
    fn nobody_gets_a_part() {
        let ranged =
            |range: &'static str| HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(range))]);
        assert!(check_range(&HeaderMap::new()).is_ok());
        assert!(check_range(&ranged("bytes=0-")).is_ok());
        for part in ["bytes=1-", "bytes=0-99", "bytes=-5", "bytes=0-,5-", "lines=0-", ""] {
            assert!(check_range(&ranged(part)).is_err(), "{part}");
        }
    }
}
