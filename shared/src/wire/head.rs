//! Checks the head of a request.

use super::headers;
use super::problem::{Code, Problem};
use crate::limits;
use http::header;

/// Whether this byte is percent-encoded in a target, if it is not refused there.
pub(crate) fn is_encoded(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>' | b'`' | 0..b' ' | 0x7f..)
}

/// Bytes of a target before it was percent-encoded. A byte that needs to be encoded counts as one,
/// because some clients leave the encoding to the server, and browsers do not.
fn bytes_as_written(target: &str) -> usize {
    let byte_at = |percent: usize| u8::from_str_radix(target.get(percent + 1..percent + 3)?, 16).ok();
    let percents = memchr::memchr_iter(b'%', target.as_bytes());
    let encoded = percents.filter(|percent| byte_at(*percent).is_some_and(is_encoded));
    target.len() - 2 * encoded.count()
}

/// Refuses a request whose target or headers are larger than the limits, or whose framing or host
/// a proxy may understand in another way.
pub fn check_head<B>(request: &http::Request<B>) -> Result<(), Problem> {
    let map = request.headers();
    let is_relayed = map.contains_key(headers::RELAY);
    let most = if is_relayed { limits::RELAYED_URI_BYTES } else { limits::URI_BYTES };
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let mut bytes = target.len();
    if bytes > most && !is_relayed {
        bytes = bytes_as_written(target);
    }
    if bytes > most {
        return Err(Problem::new(
            Code::UriTooLong,
            format!("the request's target has {bytes} bytes: at most {most} are taken"),
        ));
    }
    if map.contains_key(header::TRANSFER_ENCODING) {
        return Err(Problem::new(
            Code::BadRequest,
            "the request has a Transfer-Encoding: send it without a body, or a form with its Content-Length",
        ));
    }
    let hosts = map.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == http::Version::HTTP_11) {
        return Err(Problem::new(
            Code::BadRequest,
            format!("the request has {hosts} Host fields: HTTP/1.1 asks for exactly one"),
        ));
    }
    // Each header line adds a colon, a space and a line's end.
    let size: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size > limits::HEADER_BYTES {
        return Err(Problem::new(
            Code::HeadersTooLarge,
            format!("the headers have {size} bytes: at most {} are taken", limits::HEADER_BYTES),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::URI_BYTES;

    #[test]
    fn a_byte_of_a_target_that_has_to_be_encoded_counts_as_one() {
        let is_taken = |target: &str| {
            let request = http::Request::get(target).header(header::HOST, "x").body(()).unwrap();
            check_head(&request).is_ok()
        };
        let begin = "/logs?filename=a&keyword=";
        let room = URI_BYTES - begin.len();
        for (word, bytes) in [("a", 1), ("%FC", 1), ("%c3%bc", 2), ("%22", 1), ("%20", 3), ("%41", 3)] {
            let target = |words: usize| format!("{begin}{}", word.repeat(words));
            assert!(is_taken(&target(room / bytes)), "{word}");
            assert!(!is_taken(&target(room / bytes + 1)), "{word}");
        }
        for broken in ["%", "%4", "%zz"] {
            assert_eq!(bytes_as_written(broken), broken.len());
        }
    }
}
