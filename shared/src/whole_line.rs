//! Lines in a file that is only ever appended to, written whole.

use std::io::{self, Write};

/// Writes a line. If the last one was written only in part, which `is_in_a_line` says, that one is
/// ended first, so that it spoils no other.
pub(crate) fn write_line(out: &mut impl Write, is_in_a_line: &mut bool, line: &[u8]) -> io::Result<()> {
    let end: &[u8] = if *is_in_a_line { b"\n" } else { b"" };
    for mut bytes in [end, line] {
        while !bytes.is_empty() {
            match out.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => {
                    bytes = &bytes[len..];
                    *is_in_a_line = !bytes.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
