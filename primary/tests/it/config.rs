use backscroll_primary::fleet::discovery::Discovery;
use backscroll_primary::{Args, Config};
use clap::Parser as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};

fn hosts(list: &str) -> Result<Vec<String>, String> {
    let args = Args::try_parse_from(["backscroll-primary", &format!("--secondary={list}")]).unwrap();
    let config = Config::try_from(args).map_err(|error| error.to_string())?;
    let fleet = Discovery::new(config.fleet).1;
    Ok(fleet.borrow().hosts().map(|h| format!("{}={}", h.name, h.url)).collect())
}

#[test]
fn hosts_are_taken_from_a_list() {
    let list = "b=http://10.0.0.1:8001,a=HTTP://h/,c=http://[::1]:8001, d=http://h ,";
    assert_eq!(
        hosts(list).unwrap(),
        ["a=http://h", "b=http://10.0.0.1:8001", "c=http://[::1]:8001", "d=http://h"]
    );
    assert_eq!(hosts("").unwrap(), Vec::<String>::new());
    assert_eq!(hosts("a=http://H:1,a=http://h:1").unwrap(), ["a=http://h:1"], "one URL");
}

#[test]
fn bad_hosts_are_refused_in_one_line_that_says_why() {
    for (list, why) in [
        ("web1", "NAME=URL"),
        ("=http://h", "name is empty"),
        ("a b=http://h", "white space"),
        ("a\tb=http://h", "white space"),
        ("a*=http://h", "no *"),
        ("a?=http://h", "no ?"),
        ("a@b=http://h", "no @"),
        ("a=h:8001", "no scheme"),
        ("a=ftp://h", "neither an http nor an https one"),
        ("a=https://h", "--secondary-ca is not given"),
        ("a=http://", "no "),
        ("a=http://:80", "no "),
        ("a=http://h:0", "port"),
        ("a=http://h:99999", "no valid"),
        ("a=http://h:", "port"),
        ("a=http://h/x", "path"),
        ("a=http://h//", "path"),
        ("a=http://h?x", "query"),
        ("a=http://h#x", "fragment"),
        ("a=http://u:p@h", "user"),
        ("a=http://h,a=http://i", "two URLs for one name"),
        (&format!("{}=http://h", "a".repeat(256)), "255 bytes"),
    ] {
        let error = hosts(list).expect_err(list);
        assert!(error.contains(why) && error.lines().count() == 1, "{list}: {error}");
    }
}

fn program(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backscroll-primary"))
        .args(args)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// A primary in a process of its own, which is killed when this is dropped.
struct Running {
    child: Child,
    /// The rest of its log. Nothing more is read of it than is asked for.
    log: BufReader<ChildStderr>,
    /// The lines of its log up to the one that says that it serves.
    started: Vec<String>,
}

impl Running {
    /// Starts it with these flags, and waits until it serves.
    fn start(flags: &[&str]) -> Running {
        let mut child = Command::new(env!("CARGO_BIN_EXE_backscroll-primary"))
            .args(["--listen", "127.0.0.1:0"])
            .args(flags)
            .env_clear()
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::with_capacity(1, child.stderr.take().unwrap());
        let mut running = Running { child, log, started: Vec::new() };
        while !running.started.last().is_some_and(|line| line.contains("serving")) {
            let mut line = String::new();
            assert!(running.log.read_line(&mut line).unwrap() > 0, "{:?}", running.started);
            running.started.push(line);
        }
        running
    }

    fn address(&self) -> &str {
        self.started.last().unwrap().split("listen=").nth(1).unwrap().split(' ').next().unwrap()
    }

    /// Sends it a signal, and waits for its end.
    fn signal(&mut self, signal: &str) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn bad_configuration_is_one_line_and_status_64() {
    for args in
        [&["--secondary", "x"] as &[&str], &["--listen", "nowhere"], &["--nope"], &["--log-level", "a=b=c"]]
    {
        let output = program(args);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), text.lines().count()), (Some(64), 1), "{args:?}: {text}");
    }
}

#[test]
fn a_port_in_use_is_status_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = program(&["--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--listen 127.0.0.1:"));
}

#[test]
fn what_is_written_wrongly_is_answered_with_what_to_write() {
    for (flags, words) in [
        (["--listen", "8000"], "did you mean 127.0.0.1:8000"),
        (["--log-file", "/dev/null"], "it is a file, and a new one is begun each day: name a directory"),
    ] {
        let output = program(&flags);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), text.lines().count()), (Some(64), 1), "{text}");
        assert!(text.contains(words), "{text}");
    }
    let help = String::from_utf8(program(&["--help"]).stdout).unwrap();
    assert!(!help.contains("backscroll_secondary"), "{help}");
}

#[test]
fn a_log_that_nobody_reads_holds_up_no_answer_and_no_end() {
    // Each request that is not valid HTTP is a line of the log.
    let mut primary = Running::start(&["--log-level", "debug"]);
    let ask = |request: &[u8], words: &str| {
        let mut stream = std::net::TcpStream::connect(primary.address()).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_mins(1))).unwrap();
        std::io::Write::write_all(&mut stream, request).unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        assert!(answer.contains(words), "{answer}");
    };
    for _ in 0..3000 {
        ask(b"GET /a b HTTP/1.1\r\nhost: x\r\n\r\n", "bad_request");
    }
    ask(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "200 OK");
    assert!(primary.signal("-TERM").success());
}

#[test]
fn there_is_a_thread_for_each_core() {
    let primary = Running::start(&[]);
    assert_eq!(primary.started.len(), 1, "the first line says that it serves");
    // A thread takes its name once it runs.
    let serving = || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", primary.child.id())).unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| name.starts_with("primary-")).count()
    };
    let cores = std::thread::available_parallelism().unwrap().get();
    let since = std::time::Instant::now();
    while serving() != cores && since.elapsed() < crate::PATIENCE {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(serving(), cores);
}

#[test]
fn a_signal_stops_it() {
    for signal in ["-TERM", "-INT"] {
        let mut primary = Running::start(&[]);
        assert_eq!(primary.started.len(), 1, "the first line says that it serves");
        assert!(primary.signal(signal).success());
        assert!(primary.log.by_ref().lines().any(|line| line.unwrap().contains("stopped")));
    }
}

#[tokio::test]
async fn what_was_asked_for_is_in_no_log() {
    use crate::liar::{Liar, Step, TEXT, chunk, end, foreign, head};
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hosts = [
        ("html", Liar::new(foreign("404 x", "Content-Type: text/html\r\n", "<p>")).await),
        ("leaves", Liar::new(vec![]).await),
        ("breaks", Liar::new(vec![head(TEXT), chunk("a\nb")]).await),
        ("lies", Liar::new(vec![head(TEXT), chunk("a\n"), end("Log-Status: odd\r\n")]).await),
        ("hangs", Liar::new(vec![Step::Hang]).await),
    ];
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_backscroll-primary"));
    command.args(["--listen", "127.0.0.1:0", "--log-level", "trace", "--answer-timeout", "1"]);
    command.args(["--log-format", "json", "--secondary", &format!("gone=http://{free}")]);
    for (name, liar) in &hosts {
        command.args(["--secondary", &format!("{name}={}", liar.url())]);
    }
    let mut server = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap());
    let mut logged = String::new();
    let address = loop {
        assert!(lines.read_line(&mut logged).await.unwrap() > 0, "{logged}");
        if let Some((_, rest)) = logged.split_once("\"listen\":\"") {
            break rest.split('"').next().unwrap().to_owned();
        }
    };
    let rest = tokio::spawn(async move {
        let mut rest = String::new();
        lines.read_to_string(&mut rest).await.unwrap();
        rest
    });
    let keyword = format!("hunter2{}", "k".repeat(4000));
    let mut names: Vec<&str> = hosts.iter().map(|(name, _)| *name).collect();
    names.extend(["gone", "nobody", "*"]);
    for name in names {
        for rest in ["", "&nonsense=hunter2", "&n=hunter2"] {
            let url = format!("http://{address}/logs?hostname={name}&filename=a.log&keyword={keyword}{rest}");
            let asked =
                tokio::process::Command::new("curl").args(["-s", "-m", "20", &url]).output().await.unwrap();
            assert!(!asked.stdout.is_empty());
        }
        let url = format!("http://{address}/files?hostname={name}&glob=hunter2*");
        tokio::process::Command::new("curl").args(["-s", "-m", "20", &url]).output().await.unwrap();
    }
    server.kill().await.unwrap();
    let rest = rest.await.unwrap();
    for name in ["html", "leaves", "breaks", "lies", "gone"] {
        assert!(rest.contains(&format!("\"host\":\"{name}\"")), "the log tells of {name}");
    }
    assert!(!rest.contains("hunter2") && !rest.contains("kkkk"), "{rest}");
}
