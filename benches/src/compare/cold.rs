//! A file out of the page cache, and into it.

use anyhow::{Context as _, Result, bail};
use rustix::fs::{Advice, fadvise, fsync};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::Command;

/// Resident parts in a hundred that a cold file may have: the system may have read something
/// on its own.
const STILL_COLD_PERCENT: u64 = 1;

/// Drops the file's pages. Where `fincore` is installed it is asked whether they are gone: a
/// folder in memory has none to drop.
pub fn evict(path: &Path, has_fincore: bool) -> Result<()> {
    let file = File::open(path)?;
    // A page that has not been written yet is not dropped.
    fsync(&file)?;
    fadvise(&file, 0, None, Advice::DontNeed)?;
    if has_fincore {
        let (resident, size) = (resident_bytes(path)?, file.metadata()?.len());
        if resident * 100 > size * STILL_COLD_PERCENT {
            bail!("{resident} of {size} bytes stay in the page cache: give a folder on a disk with --dir");
        }
    }
    Ok(())
}

/// Reads the file once: whatever follows finds it in the page cache.
pub fn warm(path: &Path) -> Result<()> {
    let mut file = File::open(path)?;
    std::io::copy(&mut file, &mut std::io::sink())?;
    Ok(())
}

/// Reads the file's oldest `bytes`, and nothing beside them.
pub fn warm_oldest(path: &Path, bytes: u64) -> Result<()> {
    let file = File::open(path)?;
    // The kernel is not to read ahead of it.
    fadvise(&file, 0, None, Advice::Random)?;
    std::io::copy(&mut file.take(bytes), &mut std::io::sink())?;
    Ok(())
}

/// Drops the file's pages, and reads its newest `bytes` back. How a file was written decides
/// in which pieces the page cache holds it, and that decides how fast they are copied: files
/// that are compared are to come from the disk alike.
pub fn warm_newest(path: &Path, bytes: u64, has_fincore: bool) -> Result<()> {
    evict(path, has_fincore)?;
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(file.metadata()?.len().saturating_sub(bytes)))?;
    std::io::copy(&mut file, &mut std::io::sink())?;
    Ok(())
}

/// How much of the file the page cache holds, in bytes.
pub fn resident_bytes(path: &Path) -> Result<u64> {
    let output =
        Command::new("fincore").args(["--bytes", "--noheadings", "--output", "RES"]).arg(path).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().with_context(|| format!("fincore said {text:?}"))
}
