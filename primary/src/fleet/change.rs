//! What a source reports when its hosts change.

use super::member::Member;

/// All hosts of one source, as they are now.
#[derive(Debug)]
pub(super) enum Change {
    /// Those of the file.
    File(Vec<Member>),
    /// Those of the name.
    Dns(Vec<Member>),
}
