//! What the programs say of themselves.

pub mod logs;
mod writer;
