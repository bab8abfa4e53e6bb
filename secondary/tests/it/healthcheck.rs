//! `backscroll-secondary healthcheck`, as a container engine calls it.

use crate::support::{Server, sleep};
use backscroll_secondary::Io;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn healthcheck(args: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_backscroll-secondary"))
        .arg("healthcheck")
        .args(args)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.stdout.is_empty());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn check(listen: SocketAddr) -> (Option<i32>, String) {
    healthcheck(&["--listen", &listen.to_string()], &[])
}

/// A server that answers every connection with `says`, and then hangs.
fn liar(says: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut head = [0; 1024];
        let _ = socket.read(&mut head);
        // The client may already have given up.
        let _ = socket.write_all(&says);
        sleep(Duration::from_mins(1));
    });
    addr
}

#[test]
fn one_that_can_serve_is_exit_0_and_not_a_word() {
    let server = Server::start(Io::Threads);
    server.write("app.log", b"line\n");
    assert_eq!(check(server.addr), (Some(0), String::new()));
    let listen = server.addr.to_string();
    let anywhere = format!("0.0.0.0:{}", server.addr.port());
    // The server's own variables. The server itself would refuse some of them.
    let mut variables =
        vec![("BACKSCROLL_IO", "magic"), ("BACKSCROLL_THREADS", "x"), ("BACKSCROLL_LOG_DIR", "")];
    variables.push(("BACKSCROLL_LISTEN", &listen));
    assert_eq!(healthcheck(&[], &variables), (Some(0), String::new()));
    variables.push(("BACKSCROLL_LISTEN", &anywhere));
    assert_eq!(healthcheck(&[], &variables), (Some(0), String::new()), "an unspecified address is loopback");
    variables.push(("BACKSCROLL_LISTEN", "127.0.0.1:1"));
    assert_eq!(healthcheck(&["--listen", &listen], &variables).0, Some(0), "the flag comes first");
}

#[test]
fn one_that_cannot_serve_is_exit_1_with_its_reason() {
    let server = Server::start(Io::Threads);
    server.write("app.log", b"line\n");
    assert_eq!(check(server.addr).0, Some(0));
    std::fs::remove_dir_all(server.dir.path()).unwrap();
    let (status, told) = check(server.addr);
    std::fs::create_dir(server.dir.path()).unwrap();
    assert_eq!(status, Some(1), "{told}");
    assert!(
        told.starts_with("backscroll-secondary: not ready: the log directory has been removed"),
        "{told}"
    );
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn what_is_no_answer_is_exit_1_and_said_in_one_line() {
    // Bound but not listening, so that nothing answers and no other program takes the port.
    let taken = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    taken.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let free = taken.local_addr().unwrap().as_socket().unwrap();
    let problem = b"HTTP/1.1 503 Busy\r\ncontent-length: 23\r\n\r\n{\"detail\":\"too\\nmany\"} \n".to_vec();
    let mut endless = b"HTTP/1.1 503 Busy\r\ncontent-length: 9000000\r\n\r\n".to_vec();
    endless.resize(1 << 20, b' ');
    for (addr, words) in [
        (free, format!("nothing answers at {free}: ")),
        (liar(b"+OK\r\n\r\n".to_vec()), "gives no proper answer: ".to_owned()),
        (liar(b"HTTP/1.1 404 Nowhere\r\ncontent-length: 0\r\n\r\n".to_vec()), "answers 404".to_owned()),
        (liar(problem), "not ready: too many".to_owned()),
        (liar(endless), "answers 503 Service Unavailable, and no reason".to_owned()),
        (liar(Vec::new()), "within 2 s".to_owned()),
        (liar(b"HTTP/1.1 503 Busy\r\ncontent-length: 9\r\n\r\n{".to_vec()), "within 2 s".to_owned()),
    ] {
        let began = Instant::now();
        let (status, told) = check(addr);
        assert_eq!(status, Some(1), "{told}");
        assert!(told.starts_with("backscroll-secondary: ") && told.contains(&words), "{words}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        // This does not check the speed, but that the check ends before the endless answer does.
        assert!(began.elapsed() < Duration::from_secs(40), "{told}");
    }
}

#[test]
fn bad_flags_of_a_health_check_are_exit_64() {
    for args in [&["--listen", "here"][..], &["--io", "uring"], &["now"], &["--listen"]] {
        let (status, told) = healthcheck(args, &[]);
        assert_eq!((status, told.lines().count()), (Some(64), 1), "{args:?}: {told}");
    }
    // It is a subcommand only as the first argument. Elsewhere it must not start a server by
    // mistake.
    let output = Command::new(env!("CARGO_BIN_EXE_backscroll-secondary"))
        .args(["--listen", "127.0.0.1:0", "healthcheck"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
}

#[test]
fn the_help_tells_of_the_health_check_and_where_it_asks() {
    let help = |args: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_backscroll-secondary")).args(args).env_clear().output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(help(&["--help"]).contains("healthcheck [--listen ADDR]"));
    let own = help(&["healthcheck", "--help"]);
    assert!(own.contains("[default: 127.0.0.1:8001]"), "{own}");
    assert!(own.contains("Usage: backscroll-secondary healthcheck [OPTIONS]"), "{own}");
}
