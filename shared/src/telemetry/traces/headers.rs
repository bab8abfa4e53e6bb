//! Header fields for the collector that stand in a file. They may hold a secret, and the variables of a
//! process are for more eyes than a file.

use crate::reload::{self, Files};
use http::{HeaderName, HeaderValue};
use opentelemetry_otlp::{OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_TRACES_HEADERS};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

/// The variables that name a file, the special one first.
pub(crate) const VARIABLES: [&str; 2] =
    ["OTEL_EXPORTER_OTLP_TRACES_HEADERS_FILE", "OTEL_EXPORTER_OTLP_HEADERS_FILE"];

/// Those that hold the fields themselves.
const VALUES: [&str; 2] = [OTEL_EXPORTER_OTLP_TRACES_HEADERS, OTEL_EXPORTER_OTLP_HEADERS];

/// Header fields, which no log shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Headers(pub(super) HashMap<String, String>);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Headers").field(&self.0.len()).finish()
    }
}

/// Why the fields cannot be had: one line that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file cannot be read, or does not hold such fields.
    #[error(transparent)]
    File(#[from] reload::Error),
    /// They are given twice.
    #[error(
        "{0} and {1}: header fields for the collector are in a file or in a variable: leave one of the two out"
    )]
    Both(&'static str, &'static str),
}

/// The file that the variables name, and which of them does. An empty one counts as not set.
pub(crate) fn file(variable: impl Fn(&str) -> Option<String>) -> Option<(&'static str, PathBuf)> {
    let path = |name| variable(name).map(|path| path.trim().to_owned()).filter(|path| !path.is_empty());
    VARIABLES.into_iter().find_map(|name| Some((name, path(name)?.into())))
}

/// Reads the file that the variables name. None: no fields. Blocks.
pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Headers, Error> {
    let Some((name, path)) = file(&variable) else { return Ok(Headers::default()) };
    let is_set = |value: &&str| variable(value).is_some_and(|value| !value.trim().is_empty());
    if let Some(value) = VALUES.into_iter().find(is_set) {
        return Err(Error::Both(name, value));
    }
    let bytes = Files::one(name, &path).read()?.concat();
    parse(&bytes).map_err(|why| reload::Error::Malformed { flag: name, path, why }.into())
}

/// Fields as in the variables, `NAME=VALUE` with a comma between two, or with a line feed. Values are
/// percent-encoded, as there.
fn parse(bytes: &[u8]) -> Result<Headers, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut fields = HashMap::new();
    for (line, number) in text.lines().zip(1..) {
        for field in line.split(',').map(str::trim).filter(|field| !field.is_empty()) {
            let parts = field.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
            if parts.is_some_and(|(_, value)| !is_encoded(value)) {
                return Err(format!("line {number}: a value is percent-encoded: write a literal % as %25"));
            }
            let parts =
                parts.and_then(|(name, value)| Some((name, percent_decode_str(value).decode_utf8().ok()?)));
            let is_field = |(name, value): &(&str, Cow<'_, str>)| {
                HeaderName::from_bytes(name.as_bytes()).is_ok() && HeaderValue::from_str(value).is_ok()
            };
            let Some((name, value)) = parts.filter(is_field) else {
                // Not what stands there: it may be a secret.
                return Err(format!(
                    "line {number}: write NAME=VALUE, with a comma or a line feed between two"
                ));
            };
            fields.insert(name.to_owned(), value.into_owned());
        }
    }
    if fields.is_empty() {
        return Err("it holds no header field: write NAME=VALUE".to_owned());
    }
    Ok(Headers(fields))
}

/// Whether two hexadecimal digits follow each `%`.
fn is_encoded(value: &str) -> bool {
    let is_hex = |code: &str| code.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    value.split('%').skip(1).all(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_in_the_variable_or_one_a_line() {
        let both = HashMap::from([("a", "1"), ("authorization", "Basic eD15")]);
        let both: HashMap<_, _> = both.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        for text in ["a=1,authorization=Basic eD15", " a = 1 ,\nauthorization=Basic eD15\n\n"] {
            assert_eq!(parse(text.as_bytes()).unwrap().0, both, "{text}");
        }
        assert_eq!(parse(b"k=a=b").unwrap().0["k"], "a=b");
        assert_eq!(parse(b"k=Bearer%20a%2cb%25+").unwrap().0["k"], "Bearer a,b%+");
        let shown = format!("{:?}", parse(b"k=hunter2").unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn what_is_no_field_is_told_with_its_line_and_not_shown() {
        for (text, words) in [
            (&b"a=1\nhunter2\n"[..], "line 2"),
            (b"a b=hunter2", "line 1"),
            (b"=hunter2", "line 1"),
            (b"a=hunter2\x01", "line 1"),
            (b"a=hunter2%0a", "line 1"),
            (b"a=hunter2%ff", "line 1"),
            (b"a=1\nb=hunter2%2", "line 2: a value is percent-encoded"),
            (b"a=hunter2%zz", "%25"),
            (b"", "no header field"),
            (b"\xff", "UTF-8"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(why.contains(words) && !why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn a_file_is_named_by_one_variable_and_no_value_stands_beside_it() {
        let read = |variables: &[(&str, &str)]| {
            read(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned()))
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fields");
        #[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
        std::fs::write(&path, "a=1\n").unwrap();
        let path = path.to_str().unwrap();
        assert_eq!(read(&[]).unwrap(), Headers::default());
        assert_eq!(read(&[(VARIABLES[1], " ")]).unwrap(), Headers::default());
        for name in VARIABLES {
            assert_eq!(read(&[(name, path)]).unwrap().0["a"], "1");
            let why = read(&[(name, path), (OTEL_EXPORTER_OTLP_HEADERS, "b=2")]).unwrap_err().to_string();
            assert!(why.contains(name) && why.contains("leave one"), "{why}");
            let why = read(&[(name, "/nowhere")]).unwrap_err().to_string();
            assert!(why.starts_with(&format!("{name} /nowhere: ")) && why.contains("name a file"), "{why}");
        }
        let special = read(&[(VARIABLES[0], path), (VARIABLES[1], "/nowhere")]);
        assert_eq!(special.unwrap().0["a"], "1");
    }
}
