//! What the programs report about themselves.

pub mod logs;
mod writer;
