//! The codes of problems and failures: one stable word for each kind of error.

use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A stable word for each kind of error; people script against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request is not valid HTTP.
    BadRequest,
    /// A parameter is missing, malformed or repeated.
    BadParameter,
    /// A parameter that is not known here.
    UnknownParameter,
    /// Parameters that make no sense together.
    ConflictingParameters,
    /// A pattern that is wrong or too large.
    BadPattern,
    /// The cursor is that of another query.
    CursorMismatch,
    /// Authentication is configured, and there is no valid token.
    Unauthorized,
    /// The server itself may not read the file, or the certificate is not one of those allowed.
    Forbidden,
    /// No such file, or one that the caller may not know of.
    NotFound,
    /// No such host in the fleet.
    UnknownHost,
    /// No such endpoint.
    NoRoute,
    /// The endpoint takes other methods.
    MethodNotAllowed,
    /// Nothing here is of the type asked for.
    NotAcceptable,
    /// The request's body is too large.
    BodyTooLarge,
    /// The request's target is too long.
    UriTooLong,
    /// The file is compressed, and that cannot be searched.
    UnsupportedCompression,
    /// The request's headers are too large.
    HeadersTooLarge,
    /// The place that the cursor names is not there any more.
    CursorGone,
    /// A time range was asked for, and no line of the file has a time.
    NoTimes,
    /// The disk failed.
    IoError,
    /// The file was truncated while it was read. Only a verdict has this code.
    FileShrunk,
    /// The lines are not in the order of their times, and records of a time range stand where nobody
    /// would look for them. Only a verdict has this code.
    OutOfOrder,
    /// The time that the client gave was over. Only a verdict has this code.
    Timeout,
    /// The primary could not reach the host.
    UpstreamUnreachable,
    /// The host did not answer in time.
    UpstreamTimeout,
    /// Too much at once.
    Overloaded,
    /// The server is about to stop.
    Draining,
    /// A code that this version does not know, as a newer secondary may send it.
    Other(Word),
}

impl Code {
    /// All that this version knows.
    pub const KNOWN: [Code; 27] = [
        Code::BadRequest,
        Code::BadParameter,
        Code::UnknownParameter,
        Code::ConflictingParameters,
        Code::BadPattern,
        Code::CursorMismatch,
        Code::Unauthorized,
        Code::Forbidden,
        Code::NotFound,
        Code::UnknownHost,
        Code::NoRoute,
        Code::MethodNotAllowed,
        Code::NotAcceptable,
        Code::BodyTooLarge,
        Code::UriTooLong,
        Code::UnsupportedCompression,
        Code::HeadersTooLarge,
        Code::CursorGone,
        Code::NoTimes,
        Code::IoError,
        Code::FileShrunk,
        Code::OutOfOrder,
        Code::Timeout,
        Code::UpstreamUnreachable,
        Code::UpstreamTimeout,
        Code::Overloaded,
        Code::Draining,
    ];

    /// The code of a failure that has none, or whose code is not a [`Word`].
    pub const UNKNOWN: Code = Code::Other(Word::UNKNOWN);

    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Code::Other(word) => word.as_str(),
            known => known.known().unwrap_or_default(),
        }
    }

    /// The word on the wire of a code that this version knows.
    pub const fn known(self) -> Option<&'static str> {
        Some(match self {
            Code::BadRequest => "bad_request",
            Code::BadParameter => "bad_parameter",
            Code::UnknownParameter => "unknown_parameter",
            Code::ConflictingParameters => "conflicting_parameters",
            Code::BadPattern => "bad_pattern",
            Code::CursorMismatch => "cursor_mismatch",
            Code::Unauthorized => "unauthorized",
            Code::Forbidden => "forbidden",
            Code::NotFound => "not_found",
            Code::UnknownHost => "unknown_host",
            Code::NoRoute => "no_route",
            Code::MethodNotAllowed => "method_not_allowed",
            Code::NotAcceptable => "not_acceptable",
            Code::BodyTooLarge => "body_too_large",
            Code::UriTooLong => "uri_too_long",
            Code::UnsupportedCompression => "unsupported_compression",
            Code::HeadersTooLarge => "headers_too_large",
            Code::CursorGone => "cursor_gone",
            Code::NoTimes => "no_times",
            Code::IoError => "io_error",
            Code::FileShrunk => "file_shrunk",
            Code::OutOfOrder => "out_of_order",
            Code::Timeout => "timeout",
            Code::UpstreamUnreachable => "upstream_unreachable",
            Code::UpstreamTimeout => "upstream_timeout",
            Code::Overloaded => "overloaded",
            Code::Draining => "draining",
            Code::Other(_) => return None,
        })
    }

    /// The code of this word. None where the text is not a [`Word`].
    pub fn parse(text: &str) -> Option<Code> {
        let known = Code::KNOWN.into_iter().find(|code| code.as_str() == text);
        known.or_else(|| Word::new(text).map(Code::Other))
    }

    /// The same code, where a problem may have it. None for a code that only a verdict has, and
    /// for one that is not known.
    pub fn for_problem(self) -> Option<Code> {
        match self {
            Code::FileShrunk | Code::Timeout | Code::OutOfOrder | Code::Other(_) => None,
            code => Some(code),
        }
    }

    /// The status code that goes with it.
    pub fn status(self) -> StatusCode {
        match self {
            Code::BadRequest
            | Code::BadParameter
            | Code::UnknownParameter
            | Code::ConflictingParameters
            | Code::BadPattern
            | Code::CursorMismatch => StatusCode::BAD_REQUEST,
            Code::Unauthorized => StatusCode::UNAUTHORIZED,
            Code::Forbidden => StatusCode::FORBIDDEN,
            Code::NotFound | Code::UnknownHost | Code::NoRoute => StatusCode::NOT_FOUND,
            Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Code::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Code::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::UriTooLong => StatusCode::URI_TOO_LONG,
            Code::UnsupportedCompression => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Code::CursorGone => StatusCode::GONE,
            Code::NoTimes => StatusCode::UNPROCESSABLE_ENTITY,
            Code::IoError | Code::FileShrunk | Code::Timeout | Code::OutOfOrder | Code::Other(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Code::UpstreamUnreachable => StatusCode::BAD_GATEWAY,
            Code::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
            Code::Overloaded | Code::Draining => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&str> for Code {
    /// The code that another program sent. A text that is not a [`Word`] becomes
    /// [`Code::UNKNOWN`]: it may hold anything, and is not passed on.
    fn from(text: &str) -> Code {
        Code::parse(text).unwrap_or(Code::UNKNOWN)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
        Cow::<str>::deserialize(deserializer).map(|text| Code::from(&*text))
    }
}

/// Bytes of a word at most: the longest code has 23.
const WORD_BYTES: u8 = 40;

/// A word as codes are: 1 to 40 bytes, each of them a lower-case letter or `_`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Word {
    len: u8,
    bytes: [u8; WORD_BYTES as usize],
}

impl Word {
    const UNKNOWN: Word = match Word::new("unknown") {
        Some(word) => word,
        None => unreachable!(),
    };

    /// The word; None where the text is not one.
    pub const fn new(text: &str) -> Option<Word> {
        let text = text.as_bytes();
        let mut word = Word { len: 0, bytes: [0; WORD_BYTES as usize] };
        if text.is_empty() || text.len() > word.bytes.len() {
            return None;
        }
        while (word.len as usize) < text.len() {
            let byte = text[word.len as usize];
            if !matches!(byte, b'a'..=b'z' | b'_') {
                return None;
            }
            word.bytes[word.len as usize] = byte;
            word.len += 1;
        }
        Some(word)
    }

    /// As a text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("a word is ASCII")
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_its_word_whether_it_is_known_or_not() {
        let longest = "x".repeat(WORD_BYTES.into());
        let known = Code::KNOWN.map(|code| code.to_string());
        let words = known.iter().map(String::as_str).chain(["of_a_newer_one", "unknown", &longest]);
        for (index, word) in words.enumerate() {
            let code = Code::parse(word).unwrap();
            assert_eq!(matches!(code, Code::Other(_)), index >= Code::KNOWN.len(), "{word}");
            assert_eq!((code.as_str(), Code::from(word)), (word, code));
            let json = serde_json::to_string(&code).unwrap();
            assert_eq!(json, format!("\"{word}\""));
            assert_eq!(serde_json::from_str::<Code>(&json).unwrap(), code);
        }
    }

    #[test]
    fn a_text_that_is_no_word_is_not_kept() {
        let long = "x".repeat(usize::from(WORD_BYTES) + 1);
        for text in ["", "Io_error", "io error", "io-error", "io_error\r\n", "\u{fc}", "9", &long] {
            assert_eq!(Code::parse(text), None, "{text:?}");
            assert_eq!(Code::from(text).as_str(), "unknown");
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(serde_json::from_str::<Code>(&json).unwrap(), Code::UNKNOWN);
        }
        assert!(serde_json::from_str::<Code>("7").is_err());
    }
}
