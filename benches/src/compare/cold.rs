//! Puts a file out of the page cache, or into it.

use anyhow::{Context as _, Result, bail};
use rustix::fs::{Advice, fadvise, fsync};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::Command;

/// How many per cent of a cold file may be in the page cache. The system may have read something by
/// itself.
const STILL_COLD_PERCENT: u64 = 1;

/// Drops the file's pages. If `fincore` is installed, checks that they are gone: the pages of a
/// file system in memory cannot be dropped.
pub fn evict(path: &Path, has_fincore: bool) -> Result<()> {
    let file = File::open(path)?;
    // The kernel does not drop a page that has not been written yet.
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

/// Reads the file once, so that it is in the page cache.
pub fn warm(path: &Path) -> Result<()> {
    let mut file = File::open(path)?;
    std::io::copy(&mut file, &mut std::io::sink())?;
    Ok(())
}

/// Reads only the file's oldest `bytes`.
pub fn warm_oldest(path: &Path, bytes: u64) -> Result<()> {
    let file = File::open(path)?;
    // The kernel must not read ahead.
    fadvise(&file, 0, None, Advice::Random)?;
    std::io::copy(&mut file.take(bytes), &mut std::io::sink())?;
    Ok(())
}

/// Drops the file's pages, and reads its newest `bytes` again. The way in which a file was written
/// decides in which pieces the page cache holds it, and so how fast it is copied. Files that are
/// compared should all have been read from the disk.
pub fn warm_newest(path: &Path, bytes: u64, has_fincore: bool) -> Result<()> {
    evict(path, has_fincore)?;
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(file.metadata()?.len().saturating_sub(bytes)))?;
    std::io::copy(&mut file, &mut std::io::sink())?;
    Ok(())
}

/// How many bytes of the file are in the page cache.
pub fn resident_bytes(path: &Path) -> Result<u64> {
    let output =
        Command::new("fincore").args(["--bytes", "--noheadings", "--output", "RES"]).arg(path).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().with_context(|| format!("fincore said {text:?}"))
}
