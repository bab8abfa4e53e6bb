//! Hosts in network namespaces, one of which is cut off: its packets are dropped, or its
//! connections are reset. The test needs root. Without it, it says so and does nothing.

use backscroll_e2e::program::Program;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a request may take.
const REQUEST_SECONDS: u64 = 3;

/// The number of lines in each host's log.
const LINES: usize = 2000;

/// A host: its network, its log and its secondary.
struct Host {
    name: &'static str,
    // The fields are dropped in this order: first the program, then its network.
    secondary: Program,
    network: Network,
    _log: TempDir,
}

/// A network namespace and the virtual cable to it. Dropping it removes both.
struct Network {
    namespace: String,
    /// The end of the cable on this side.
    wire: String,
    address: String,
}

impl Drop for Network {
    fn drop(&mut self) {
        // Either may be missing already. Removing one end of a cable removes the other.
        let _ = run(&["ip", "link", "delete", &self.wire]);
        let _ = run(&["ip", "netns", "delete", &self.namespace]);
    }
}

fn run(line: &[&str]) -> Result<(), String> {
    let output = Command::new(line[0]).args(&line[1..]).output().map_err(|why| format!("{line:?}: {why}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{line:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn namespaces() -> Vec<String> {
    let output = Command::new("ip").args(["netns", "list"]).output();
    let list = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    list.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// Removes what an earlier process of this test has left behind when it was killed.
fn sweep() {
    for name in namespaces() {
        let id = name.strip_prefix("backscroll-").and_then(|rest| rest.split('-').next());
        if id.is_some_and(|id| id.parse::<u32>().is_ok() && !Path::new("/proc").join(id).exists()) {
            let _ = run(&["ip", "netns", "delete", &name]);
        }
    }
}

impl Network {
    /// The `number`th network of this process, with addresses from the block that is reserved for
    /// measurements (RFC 2544): no real network uses them.
    fn new(number: u32) -> Result<Network, String> {
        let id = std::process::id();
        let subnet = u32::from(Ipv4Addr::new(198, 18, 0, 0)) + (id % (1 << 14) * 2 + number) * 4;
        let of = |host: u32| Ipv4Addr::from(subnet + host).to_string();
        // From here on everything is removed if something below fails.
        let network = Network {
            namespace: format!("backscroll-{id}-{number}"),
            wire: format!("bs{id}-{number}"),
            address: of(2),
        };
        let Network { namespace, wire, address } = &network;
        run(&["ip", "netns", "add", namespace])?;
        run(&["ip", "link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", namespace])?;
        run(&["ip", "address", "add", &format!("{}/30", of(1)), "dev", wire])?;
        run(&["ip", "link", "set", wire, "up"])?;
        run(&["ip", "-n", namespace, "address", "add", &format!("{address}/30"), "dev", "eth0"])?;
        run(&["ip", "-n", namespace, "link", "set", "eth0", "up"])?;
        network.filter(&["-L"])?;
        Ok(network)
    }

    /// Sets what happens to incoming packets.
    fn filter(&self, args: &[&str]) -> Result<(), String> {
        run(&[&["ip", "netns", "exec", &self.namespace, "iptables", "-w", "5"][..], args].concat())
    }
}

impl Host {
    fn new(name: &'static str, network: Network) -> Host {
        let log = tempfile::tempdir().unwrap();
        write_log(log.path(), name);
        let args =
            ["--log-dir", log.path().to_str().unwrap(), "--hostname", name, "--threads", "1", "--insecure"];
        let listen = format!("{}:0", network.address);
        let secondary =
            Program::start_within(&network.namespace, "backscroll-secondary", &listen, &args).unwrap();
        Host { name, secondary, network, _log: log }
    }

    fn member(&self) -> String {
        format!("{}=http://{}", self.name, self.secondary.listen)
    }

    /// The host's lines, newest first, as they stand in an answer of the whole fleet.
    fn lines(&self) -> Vec<String> {
        (0..LINES).rev().map(|number| format!("{}\t{}", self.name, line(self.name, number))).collect()
    }
}

fn line(host: &str, number: usize) -> String {
    format!(
        "2026-11-01T{:02}:{:02}:{:02}Z line {number} of {host}",
        number / 3600,
        number / 60 % 60,
        number % 60
    )
}

fn write_log(dir: &Path, host: &str) {
    let mut text = String::new();
    for number in 0..LINES {
        writeln!(text, "{}", line(host, number)).unwrap();
    }
    std::fs::write(dir.join("app.log"), text).unwrap();
}

/// An answer of the whole fleet, as curl received it.
struct Answer {
    code: Option<i32>,
    lines: Vec<String>,
    /// Head and trailers.
    fields: String,
}

fn ask(primary: &Program, dir: &TempDir, flags: &[&str]) -> Answer {
    let fields = dir.path().join("fields");
    let url = format!("http://{}/logs?filename=app.log", primary.listen);
    let began = Instant::now();
    let Output { status, stdout, .. } = Command::new("curl")
        .args(["-s", "--max-time", "20", "-D", fields.to_str().unwrap()])
        .args(flags)
        .arg(&url)
        .output()
        .unwrap();
    // This does not measure speed, only that the request ends.
    assert!(began.elapsed() < Duration::from_secs(3 * REQUEST_SECONDS), "the deadline has not struck");
    Answer {
        code: status.code(),
        lines: String::from_utf8(stdout).unwrap().lines().map(str::to_owned).collect(),
        fields: std::fs::read_to_string(fields).unwrap().to_ascii_lowercase(),
    }
}

/// All lines of `whole` are there, and no line of `missing`.
fn assert_partial(primary: &Program, whole: &Host, missing: &Host, codes: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let answer = ask(primary, &dir, &["-H", "TE: trailers"]);
    assert_eq!(answer.code, Some(0));
    assert!(answer.lines == whole.lines(), "{} lines: {}", answer.lines.len(), answer.fields);
    assert!(answer.fields.contains("log-status: partial"), "{}", answer.fields);
    assert!(answer.fields.contains(&format!("log-hosts-failed: {}\r\n", missing.name)), "{}", answer.fields);
    let is_told = codes.iter().any(|code| answer.fields.contains(&format!("log-error: {code}: ")));
    assert!(is_told, "{}", answer.fields);
    let answer = ask(primary, &dir, &[]);
    assert_eq!(answer.code, Some(18), "without trailers it is cut: {}", answer.fields);
    assert!(answer.lines == whole.lines());
}

/// All lines are there, at the latest after a probe has found that a host is up again.
fn assert_complete(primary: &Program, hosts: [&Host; 2]) {
    let dir = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let mut answer = ask(primary, &dir, &["-H", "TE: trailers"]);
    while !answer.fields.contains("log-status: complete") && began.elapsed() < Duration::from_secs(15) {
        std::thread::sleep(Duration::from_millis(200));
        answer = ask(primary, &dir, &["-H", "TE: trailers"]);
    }
    assert_eq!(answer.code, Some(0));
    assert!(answer.fields.contains("log-status: complete"), "{}", answer.fields);
    assert!(!answer.fields.contains("log-hosts-failed:"), "{}", answer.fields);
    let of = |host: &Host| -> Vec<String> {
        let prefix = format!("{}\t", host.name);
        answer.lines.iter().filter(|line| line.starts_with(&prefix)).cloned().collect()
    };
    for host in hosts {
        assert!(of(host) == host.lines(), "{}", host.name);
    }
    assert_eq!(answer.lines.len(), 2 * LINES);
    let times: Vec<&str> = answer.lines.iter().filter_map(|line| line.split(['\t', ' ']).nth(1)).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "newest first, of both");
}

#[test]
fn a_host_that_is_cut_off_is_named_in_time_and_the_other_ones_lines_are_whole() {
    sweep();
    let networks = match (Network::new(0), Network::new(1)) {
        (Ok(first), Ok(second)) => [first, second],
        (Err(why), _) | (_, Err(why)) => {
            eprintln!("skipped: no network namespaces can be made here, which needs root: {why}");
            return;
        }
    };
    let names = networks.each_ref().map(|network| network.namespace.clone());
    let [first, second] = networks;
    let (one, two) = (Host::new("one", first), Host::new("two", second));
    let timeout = REQUEST_SECONDS.to_string();
    let args = ["--secondary", &one.member(), "--secondary", &two.member(), "--request-timeout", &timeout];
    let primary = Program::start("backscroll-primary", &args).unwrap();
    assert_complete(&primary, [&one, &two]);

    // The host answers neither on open connections nor on new ones.
    two.network.filter(&["-A", "INPUT", "-p", "tcp", "-j", "DROP"]).unwrap();
    // The second time the host may already be known to be down.
    assert_partial(&primary, &one, &two, &["upstream_timeout", "upstream_unreachable"]);

    two.network.filter(&["-F", "INPUT"]).unwrap();
    assert_complete(&primary, [&one, &two]);

    two.network.filter(&["-A", "INPUT", "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"]).unwrap();
    assert_partial(&primary, &one, &two, &["upstream_unreachable"]);

    two.network.filter(&["-F", "INPUT"]).unwrap();
    assert_complete(&primary, [&one, &two]);

    drop((one, two));
    let left = namespaces();
    assert!(!names.iter().any(|name| left.contains(name)), "{names:?} are left behind: {left:?}");
}
