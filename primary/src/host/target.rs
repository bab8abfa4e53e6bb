//! What a host is asked for.

use backscroll_shared::limits;
use bytes::Bytes;
use std::borrow::Cow;

/// What the hosts of a request are asked for.
#[derive(Debug)]
pub enum Targets {
    /// All of them the same.
    Same(Target),
    /// Each its own.
    Each(Box<dyn ForHost>),
}

/// Knows what each host is asked for.
pub trait ForHost: std::fmt::Debug + Send + Sync {
    /// What the host of this name is asked for now.
    fn target(&self, host: &str) -> Target;
}

impl Targets {
    /// What the host of this name is asked for now.
    pub(super) fn of(&self, host: &str) -> Cow<'_, Target> {
        match self {
            Targets::Same(target) => Cow::Borrowed(target),
            Targets::Each(each) => Cow::Owned(each.target(host)),
        }
    }
}

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
