//! The search through blocks against an oracle that reads the whole file at once.
//!
//! An input is ten bytes of settings, a number of keywords, each with its length before it, and
//! the file.

#![no_main]

use arbitrary::{Result, Unstructured};
use backscroll_shared::fuzzing::{BLOCK_BYTES, Releases, check};
use backscroll_shared::scan::Limits;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;

/// Longer files would only make the oracle slow: blocks and limits are small, too.
const FILE_BYTES: usize = 1 << 10;

fuzz_target!(|input: &[u8]| {
    // An input that is too short is none.
    let _ = compare(input);
});

fn compare(input: &[u8]) -> Result<()> {
    let mut input = Unstructured::new(input);
    let mut setting = |most: u8| -> Result<usize> { Ok(usize::from(input.arbitrary::<u8>()? % (most + 1))) };
    let n = setting(8)?;
    let limits = Limits {
        line: 1 + setting(49)?,
        record: 1 + setting(69)?,
        nul_run: 1 + setting(15)?,
        runs: setting(4)?,
    };
    let block_len = 1 + setting(u8::try_from(BLOCK_BYTES - 1).expect("few"))?;
    let (every, step, steps) = (setting(5)?, setting(99)?, setting(19)?);
    let (flags, keywords) = (setting(3)?, setting(8)?);
    let keywords: Result<Vec<Vec<u8>>> = (0..keywords)
        .map(|_| {
            let len = 1 + usize::from(input.arbitrary::<u8>()? % 8);
            Ok(input.bytes(len)?.to_vec())
        })
        .collect();
    let keywords = keywords?;
    if keywords.len() > 1 && keywords.iter().any(|keyword| keyword.contains(&b'\n')) {
        return Ok(());
    }
    let file = input.take_rest();
    let file = &file[..file.len().min(FILE_BYTES)];
    let n = (n < 8).then_some(n as u64);
    let releases = Releases { every, steps: BTreeSet::from_iter(step..step + steps) };
    let limits =
        if flags & 1 == 0 { limits } else { Limits { nul_run: limits.nul_run, ..Limits::default() } };
    check(file, &keywords, n, limits, block_len, &releases, flags & 2 != 0);
    Ok(())
}
