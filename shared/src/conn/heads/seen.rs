//! What hyper receives of the bytes of a connection, for tests and fuzz targets.

use super::{At, Heads};

/// One head, or the beginning of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenHead {
    /// The bytes that hyper receives.
    pub bytes: Vec<u8>,
    /// Whether they end where the head does. After a head with a body it is not known.
    pub is_whole: bool,
}

/// All heads of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenHeads {
    /// The heads, in their order.
    pub heads: Vec<SeenHead>,
    /// Whether the last one has a body, or is refused: nothing after it is followed.
    pub leaves_a_rest: bool,
    /// What is wrong with the last one.
    pub unsound: Option<String>,
}

impl SeenHeads {
    /// Of bytes that arrive in pieces which end at `cuts`, in rising order.
    pub fn of(bytes: &[u8], cuts: &[usize]) -> SeenHeads {
        let mut heads = Heads::new();
        let mut seen = SeenHeads::default();
        let mut head = SeenHead::default();
        let mut begin = 0;
        for end in cuts.iter().copied().chain([bytes.len()]) {
            let mut piece = &bytes[begin..end];
            while !piece.is_empty() {
                let (used, other) = heads.take(piece);
                head.bytes.extend_from_slice(&other.unwrap_or_else(|| piece[..used].to_vec()));
                piece = &piece[used..];
                head.is_whole = heads.at == At::Start && head.bytes.iter().any(|b| !b"\r\n".contains(b));
                if head.is_whole {
                    seen.heads.push(std::mem::take(&mut head));
                }
            }
            begin = end;
        }
        if !head.bytes.is_empty() {
            seen.heads.push(head);
        }
        seen.leaves_a_rest = heads.leaves_a_rest();
        seen.unsound = heads.unsound.map(|unsound| format!("{unsound:?}"));
        seen
    }
}
