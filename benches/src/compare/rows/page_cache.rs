//! What a deep search of a file on the disk leaves in the page cache.

use crate::compare::bench::{Bench, LARGE_LOG, Server, THREADS, URING};
use crate::compare::cold;
use crate::compare::report::{Results, Row};
use crate::compare::stats::{Samples, Target};
use anyhow::{Result, ensure};
use backscroll_samples::ABSENT;
use backscroll_secondary::read::CacheUse;
use backscroll_secondary::read::open_file::OpenFile;
use std::fs::File;
use std::path::Path;

/// How many MiB of the file may be in the page cache afterwards: its newest 8, and the reads in
/// flight when the search ended.
const STAYS_AT_MOST: f64 = 16.0;

/// How many bytes of the file's oldest part are in the page cache before the search, as if another
/// program used them.
const WARM: u64 = 64 << 20;

pub(super) fn page_cache(bench: &Bench, results: &mut Results) -> Result<()> {
    let path = bench.log(LARGE_LOG);
    let target = format!("logs?filename={LARGE_LOG}&keyword={ABSENT}");
    let mut row = Row::new(
        "What a deep search leaves in the page cache",
        &format!(
            "The file's pages are dropped, an absent keyword is looked for through all of its 1 GiB, and `fincore` counts the pages that are in the page cache then. The second time the file's oldest {} MiB were read by somebody else before: they are to stay.",
            WARM >> 20
        ),
    );
    let (cold_name, warm_name) =
        ("MiB after a cold search", "MiB after a search of a file whose oldest 64 MiB were cached before");
    let engines = [(URING, bench.uring_server()), (THREADS, bench.threads_server())];
    let reason = if !bench.machine.has("fincore") {
        Some("fincore is not installed")
    } else if !leaves_cache_as_found(&path)? {
        Some("this kernel or this file system has no `RWF_DONTCACHE`")
    } else {
        None
    };
    let mut samples = Samples::default();
    if let Some(reason) = reason {
        row.note(format!("left out: {reason}"));
    } else {
        let mut search = |server: &Server, warm_bytes, place: String| {
            cold::evict(&path, true)?;
            cold::warm_oldest(&path, warm_bytes)?;
            ensure!(server.answer_bytes(&[], &target)? == 0, "the absent keyword was found");
            #[expect(clippy::cast_precision_loss, reason = "bytes of a gibibyte")]
            let mib = cold::resident_bytes(&path)? as f64 / f64::from(1 << 20);
            samples.push(&place, "MiB", mib, None);
            anyhow::Ok(())
        };
        for round in bench.rounds("the page cache after a search", 3, 1).without_warmup() {
            round?;
            for (name, server) in &engines {
                search(server, 0, place(name, "cold"))?;
                search(server, WARM, place(name, "64 MiB cached before"))?;
            }
        }
    }
    let mut row = row.with(&samples);
    let at_most = Some(Target::AtMost(STAYS_AT_MOST));
    #[expect(clippy::cast_precision_loss, reason = "64")]
    let at_least = Some(Target::AtLeast((WARM >> 20) as f64));
    for (name, _) in &engines {
        row.figure(&format!("{name}: {cold_name}"), "MiB", samples.spread(&place(name, "cold")), at_most);
        let warm = samples.spread(&place(name, "64 MiB cached before"));
        row.figure(&format!("{name}: {warm_name}"), "MiB", warm, at_least);
    }
    results.rows.push(row);
    Ok(())
}

fn place(name: &str, before: &str) -> String {
    format!("{name}, {before}")
}

/// Whether the kernel and the file system support this.
fn leaves_cache_as_found(path: &Path) -> Result<bool> {
    let file = OpenFile::new(File::open(path)?.into());
    file.read(&mut [0; 1], 0, CacheUse::LeaveAsFound)?;
    Ok(file.can_leave_cache_as_found())
}
