//! The private framing between secondary and primary, version 2: what the primary needs to
//! merge the records of many hosts without parsing JSON or looking for times.
//!
//! A stream is a sequence of frames, of which the last is an end. Each begins with a tag
//! byte, whose upper half is its kind. Numbers are LEB128, and those that can be negative are
//! zigzag-encoded before. An offset or a time is written as the last one minus this one, where the
//! first one before is 0, so that those of neighbours take few bytes.
//!
//! | kind | tag | follows |
//! | --- | --- | --- |
//! | record | `0x10`, `+1` timed, `+2` carries a time itself, `+4` several or cut lines, `+8` its own time differs from the time by which it is merged | length in bytes; offset; if timed: time in nanoseconds; if it carries one: minutes east of UTC; if `+8`: the time by which it is merged minus its own time, in nanoseconds; if `+4`: lines, cut lines; the bytes, without the last line feed |
//! | mark | `0x20` | time: no record that follows is newer |
//! | progress | `0x40` | bytes of the file scanned since the last one |
//! | end | `0x30` | length in bytes; the verdict as JSON |

mod decode;
mod encode;
mod format;

pub use decode::{Decoder, Framed, Item, Malformed};
pub use encode::Encoder;

/// The media type, version included. Only a primary is given it.
pub const CONTENT_TYPE: &str = "application/vnd.backscroll.frames.v2";

#[cfg(test)]
mod tests;
