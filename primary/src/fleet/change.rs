//! What a source reports when its hosts change.

use super::file_sd::Listed;
use super::member::Member;

/// All that one source says, as it is now.
#[derive(Debug)]
pub(super) enum Change {
    /// The file.
    File(Listed),
    /// The hosts of the name.
    Dns(Vec<Member>),
}
