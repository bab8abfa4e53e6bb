//! The private parts of this crate that the fuzz targets in `fuzz/` need. Built only with the feature
//! `fuzzing`, which no program has.

pub use crate::relay::PassedOn;
