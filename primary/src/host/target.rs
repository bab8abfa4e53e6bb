//! What a host is asked for.

use backscroll_shared::limits;
use bytes::Bytes;

/// What a host is asked for.
#[derive(Debug, Clone)]
pub struct Target {
    /// Path and query, or the path alone if the query travels as a form.
    pub(super) uri: String,
    /// A query that is too long for a request line. It is sent with POST.
    pub(super) form: Option<Bytes>,
}

impl Target {
    /// A path with its query.
    pub fn new(path: &str, query: String) -> Target {
        if path.len() + 1 + query.len() <= limits::RELAYED_URI_BYTES {
            Target::plain(format!("{path}?{query}"))
        } else {
            Target { uri: path.to_owned(), form: Some(query.into()) }
        }
    }

    /// A path, and perhaps a short query.
    pub fn plain(uri: String) -> Target {
        Target { uri, form: None }
    }
}
