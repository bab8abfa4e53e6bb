//! The same requests through a primary, plain and with TLS on both sides of it.

use super::requests::newest;
use crate::compare::bench::{Bench, LARGE_LOG, Server};
use crate::compare::cold;
use crate::compare::report::{Results, Row};
use crate::compare::slow_clients::{CLIENTS, Served, SlowClients};
use crate::compare::stats::{Samples, Spread, Target, mebibytes};
use anyhow::{Context as _, Result, ensure};
use backscroll_e2e::program::Program;
use std::path::Path;

const CONNECTIONS: &str = "16";
const HOST: &str = "hostname=one";

pub(super) fn tls(bench: &Bench, results: &mut Results) -> Result<()> {
    let certs = tempfile::tempdir()?;
    let dir = certs.path().to_str().context("the folder for certificates has a name that is no text")?;
    let made = Program::output(
        "backscroll-primary",
        &["certs", "init", "--dir", dir, "--secondary", "one=127.0.0.1"],
    )?;
    ensure!(made.status.success(), "no certificates: {}", String::from_utf8_lossy(&made.stderr));
    let file = |name: &str| format!("{dir}/{name}");
    let log_dir = bench.log_dir().to_str().context("the folder of the logs has a name that is no text")?;
    let secondary = Program::start(
        "backscroll-secondary",
        &["--log-dir", log_dir, "--tls-cert", &file("one.pem"), "--tls-key", &file("one.key")],
    )?;
    let member = |program: &Program, scheme: &str| format!("one={scheme}://{}", program.listen);
    let plain = Program::start("backscroll-primary", &["--secondary", &member(&bench.uring, "http")])?;
    let own = ["primary-server.pem", "primary-server.key", "ca.pem", "primary.pem", "primary.key"].map(file);
    let flags = [
        ["--tls-cert", &own[0]],
        ["--tls-key", &own[1]],
        ["--secondary-ca", &own[2]],
        ["--secondary-cert", &own[3]],
        ["--secondary-key", &own[4]],
        ["--secondary", &member(&secondary, "https")],
    ];
    let secured = Program::start("backscroll-primary", &flags.concat())?;
    let mut servers = [Server::of(PLAIN, &plain), Server::of(TLS, &secured).with_tls(Path::new(&own[0]))];
    servers[0].pids.extend(bench.uring_server().pids);
    servers[1].pids.push(secondary.pid());
    let path = bench.log(LARGE_LOG);
    cold::warm(&path)?;
    let dump = format!("logs?filename={LARGE_LOG}&{HOST}");
    for server in &servers {
        let bytes = server.answer_bytes(&[], &dump)?;
        ensure!(bytes == path.metadata()?.len(), "a dump has {bytes} bytes, which is not the file's size");
    }
    let seconds = bench.load_seconds(2.0, 0.7);
    let options = ["--connections", CONNECTIONS, "--seconds", &seconds.to_string()].map(str::to_owned);
    let gb = bench.large_gb()?;
    let (mut rate, mut speed) = (Samples::default(), Samples::default());
    for round in bench.rounds("with TLS", 5, 2).without_warmup() {
        round?;
        for server in &servers {
            let (report, cpu) = server.load(&format!("{}&{HOST}", newest(LARGE_LOG)), &options)?;
            ensure!(report.errors == 0, "{}: {:?}", server.name, report.first_error);
            rate.push(
                &format!("`n=20`, {}", server.name),
                "requests/s",
                report.requests_per_second,
                Some(cpu),
            );
            let ran = server.curl(&[], &dump)?;
            let what = format!("dump of 1 GiB, {}", server.name);
            speed.push(&what, "GB/s", gb / ran.seconds, Some(ran.cpu_seconds));
        }
    }
    let mut row = Row::new(
        "With TLS",
        &format!(
            "`n=20` of 1 GiB over {CONNECTIONS} connections for {seconds} s, and `curl` of all of it, through a primary: plain, and with TLS between client and primary and mutual TLS between primary and secondary. CPU seconds are those of both servers. Then {CLIENTS} clients that read one byte a second each, over TLS, of the secondary itself."
        ),
    )
    .with(&rate)
    .with(&speed);
    let ratio =
        |samples: &Samples, what: &str| samples.ratio(&format!("{what}, {TLS}"), &format!("{what}, {PLAIN}"));
    row.ratio("requests/s, to plain", ratio(&rate, "`n=20`"), Some(Target::AtLeast(0.6)));
    row.ratio("dump, to plain", ratio(&speed, "dump of 1 GiB"), None);
    drop(secured);
    drop(secondary);
    slow(bench, Path::new(&file("one.pem")), Path::new(&file("one.key")), &mut row)?;
    results.rows.push(row);
    Ok(())
}

/// The memory of a secondary with slow clients over TLS.
fn slow(bench: &Bench, cert: &Path, key: &Path, row: &mut Row) -> Result<()> {
    let args =
        [Path::new("--log-dir"), bench.log_dir(), Path::new("--tls-cert"), cert, Path::new("--tls-key"), key];
    let fresh = Program::start("backscroll-secondary", &args)?;
    let url = Server::of(TLS, &fresh).with_tls(cert).url(&format!("logs?filename={LARGE_LOG}"));
    let seconds = bench.load_seconds(20.0, 6.0);
    let slow = SlowClients { url: &url, accept: "text/plain", certificate: Some(cert), seconds };
    let Served { report, .. } = slow.serve(&fresh)?;
    let peak = mebibytes(fresh.peak_memory_bytes()?);
    row.figure(&format!("peak resident memory, {CLIENTS} slow clients"), "MiB", Spread::of(&[peak]), None);
    row.note(format!(
        "of the {CLIENTS} clients {} still read at the end, {} had been cut and {} were refused",
        report.reading, report.cut, report.refused
    ));
    Ok(())
}

const PLAIN: &str = "plain";
const TLS: &str = "TLS";
