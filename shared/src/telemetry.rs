//! What the programs report about themselves.

pub mod format;
pub mod logs;
mod writer;
