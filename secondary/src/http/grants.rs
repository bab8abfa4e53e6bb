//! The grants of primaries' callers that a thread keeps.

use backscroll_shared::auth::FileGrant;
use http::HeaderValue;
use std::cell::RefCell;

/// Grants of primaries' callers that a thread keeps. To build one takes up to a tenth of a
/// millisecond, and a primary sends the same again and again.
const GRANTS: usize = 16;

/// The last grants that primaries have sent.
#[derive(Debug, Default)]
pub(crate) struct Grants(RefCell<Vec<FileGrant>>);

impl Grants {
    pub(super) fn of(&self, field: &HeaderValue) -> FileGrant {
        let mut grants = self.0.borrow_mut();
        let known = grants.iter().position(|grant| grant.field() == Some(field));
        let grant = match known {
            Some(index) => grants.remove(index),
            None => FileGrant::parse(field),
        };
        if grants.len() == GRANTS {
            grants.remove(0);
        }
        // The one that was used last comes last.
        grants.push(grant.clone());
        grant
    }
}
