//! The values of labels.

use crate::wire::code::Code;
use crate::wire::verdict::Stopped;

/// The routes of both programs: their endpoints, and one for all other paths.
pub(super) const ROUTES: [&str; 8] =
    ["/logs", "/files", "/hosts", "/healthz", "/readyz", "/metrics", "/", "other"];

/// Status codes of answers.
pub(super) const CODES: [&str; 20] = [
    "0", "200", "400", "401", "403", "404", "405", "406", "408", "410", "413", "414", "415", "422", "431",
    "500", "502", "503", "504", "other",
];

/// The codes of errors, and one for those that this version does not know.
pub(super) const ERROR_CODES: [&str; Code::KNOWN.len() + 1] = {
    let (mut words, mut at) = (["other"; Code::KNOWN.len() + 1], 0);
    while at < Code::KNOWN.len() {
        if let Some(word) = Code::KNOWN[at].known() {
            words[at] = word;
        }
        at += 1;
    }
    words
};

/// The codes of requests that are refused, whatever they ask for.
pub(super) const REFUSALS: [&str; 8] = [
    "overloaded",
    "draining",
    "unauthorized",
    "forbidden",
    "headers_too_large",
    "uri_too_long",
    "body_too_large",
    "bad_request",
];

/// Why a search stopped, and `unknown`.
pub(super) const STOPPED: [&str; Stopped::ALL.len() + 1] = {
    let (mut words, mut at) = (["unknown"; Stopped::ALL.len() + 1], 0);
    while at < Stopped::ALL.len() {
        words[at] = Stopped::ALL[at].as_str();
        at += 1;
    }
    words
};
