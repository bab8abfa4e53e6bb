//! Requests through the primary, compared with requests to the secondary itself.

use super::requests::newest;
use crate::compare::bench::{Bench, LARGE_LOG, Server, URING};
use crate::compare::cold;
use crate::compare::report::{Results, Row};
use crate::compare::stats::{Samples, Target};
use anyhow::{Result, ensure};
use backscroll_e2e::program::Program;

const CONNECTIONS: &str = "16";
const HOST: &str = "hostname=one";

pub(super) fn primary(bench: &Bench, results: &mut Results) -> Result<()> {
    let member = format!("one=http://{}", bench.uring.listen);
    let program = Program::start("backscroll-primary", &["--secondary", &member])?;
    let direct = bench.uring_server();
    let mut through = Server::of("through the primary", &program);
    // The CPU time of the secondary counts too, since it works for the primary.
    through.pids.extend(&direct.pids);
    let path = bench.log(LARGE_LOG);
    let dump = format!("logs?filename={LARGE_LOG}");
    cold::warm(&path)?;
    let bytes = through.answer_bytes(&[], &format!("{dump}&{HOST}"))?;
    ensure!(bytes == path.metadata()?.len(), "a dump has {bytes} bytes, which is not the size of the file");
    let seconds = bench.load_seconds(2.0, 0.7);
    let options = ["--connections", CONNECTIONS, "--seconds", &seconds.to_string()].map(str::to_owned);
    let gb = bench.large_gb()?;
    let (mut rate, mut speed) = (Samples::default(), Samples::default());
    for round in bench.rounds("through the primary", 5, 2).without_warmup() {
        round?;
        for (server, more) in [(&direct, String::new()), (&through, format!("&{HOST}"))] {
            let name = if server.name == URING { DIRECT } else { THROUGH };
            let (report, cpu) = server.load(&format!("{}{more}", newest(LARGE_LOG)), &options)?;
            ensure!(report.errors == 0, "{name}: {:?}", report.first_error);
            rate.push(&format!("`n=20`, {name}"), "requests/s", report.requests_per_second, Some(cpu));
            let ran = server.curl(&[], &format!("{dump}{more}"))?;
            speed.push(&format!("dump of 1 GiB, {name}"), "GB/s", gb / ran.seconds, Some(ran.cpu_seconds));
        }
    }
    let mut row = Row::new(
        "Through the primary",
        &format!(
            "`n=20` of 1 GiB over {CONNECTIONS} connections for {seconds} s, and `curl` of all of it, each of the secondary itself and of a primary on the same machine that asks it. CPU seconds are those of both servers."
        ),
    )
    .with(&rate)
    .with(&speed);
    let ratio = |samples: &Samples, what: &str| {
        samples.ratio(&format!("{what}, {THROUGH}"), &format!("{what}, {DIRECT}"))
    };
    row.ratio("requests/s, to asking the secondary", ratio(&rate, "`n=20`"), Some(Target::AtLeast(0.45)));
    row.ratio("dump, to asking the secondary", ratio(&speed, "dump of 1 GiB"), Some(Target::AtLeast(0.7)));
    results.rows.push(row);
    Ok(())
}

const DIRECT: &str = "the secondary itself";
const THROUGH: &str = "through the primary";
