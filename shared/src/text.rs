//! Bytes of somebody else's, made fit to be shown.

/// Part of a request, as a problem may show it: escaped, and cut if it is long.
pub fn quoted(bytes: &[u8]) -> String {
    const SHOWN: usize = 64;
    let cut = if bytes.len() > SHOWN { "…" } else { "" };
    format!("\"{}{cut}\"", bytes[..bytes.len().min(SHOWN)].escape_ascii())
}
