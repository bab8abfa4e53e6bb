//! Where a server may listen, and what is left of a Unix socket.

use super::*;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

fn addr(text: &str) -> ListenAddr {
    text.parse().unwrap()
}

#[test]
fn an_address_reads_as_it_is_written() {
    for text in ["127.0.0.1:8001", "[::1]:8001", "unix:/run/backscroll/primary.sock", "unix:here.sock"] {
        assert_eq!(addr(text).to_string(), text);
    }
    assert!("unix:".parse::<ListenAddr>().unwrap_err().contains("unix:PATH"));
    assert!("8001".parse::<ListenAddr>().unwrap_err().contains("127.0.0.1:8001"));
}

#[test]
fn only_this_host_reaches_a_server_without_authentication_unless_it_is_told_otherwise() {
    let check = |text: &str, has, insecure| {
        ListenAddrs { main: &addr(text), health: None }.check(has, insecure, "--token-file")
    };
    for local in ["127.0.0.1:1", "127.8.9.10:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "unix:/a"] {
        assert_eq!(check(local, false, false), Ok(()), "{local}");
    }
    for open in ["0.0.0.0:8000", "[::]:8000", "10.0.0.1:8000", "[fe80::1]:8000", "[::ffff:10.0.0.1]:8000"] {
        let why = check(open, false, false).unwrap_err().to_string();
        for words in [open, "--token-file", "127.0.0.1:8000", "unix:PATH", "--insecure"] {
            assert!(why.contains(words), "{words}: {why}");
        }
        assert_eq!(check(open, true, false), Ok(()));
        assert_eq!(check(open, false, true), Ok(()));
    }
}

#[test]
fn the_health_port_is_a_place_of_its_own_under_the_same_rules() {
    let check = |main: &str, health: &str, has| {
        let health = addr(health);
        ListenAddrs { main: &addr(main), health: Some(&health) }.check(has, false, "--token-file")
    };
    for (main, health) in [
        ("127.0.0.1:8001", "127.0.0.1:9001"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.0.0.1:8001", "127.0.0.2:8001"),
        ("127.0.0.1:8001", "[::1]:8001"),
        ("unix:/a", "unix:/b"),
        ("unix:/a", "127.0.0.1:8001"),
    ] {
        assert_eq!(check(main, health, false), Ok(()), "{main} {health}");
    }
    for (main, health) in [
        ("127.0.0.1:8001", "127.0.0.1:8001"),
        ("0.0.0.0:8001", "127.0.0.1:8001"),
        ("10.0.0.1:8001", "0.0.0.0:8001"),
        ("unix:/a", "unix:/a"),
    ] {
        let why = check(main, health, true).unwrap_err().to_string();
        assert!(why.contains("--health-listen") && why.contains("a port of its own"), "{why}");
    }
    let why = check("127.0.0.1:8001", "0.0.0.0:9001", false).unwrap_err().to_string();
    assert!(why.starts_with("--health-listen 0.0.0.0:9001: ") && why.contains("all metrics"), "{why}");
    assert_eq!(check("127.0.0.1:8001", "0.0.0.0:9001", true), Ok(()));
}

#[test]
fn an_address_in_use_is_told_with_its_flag() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = ListenAddr::Tcp(held.local_addr().unwrap());
    let free = addr("127.0.0.1:0");
    let why = ListenAddrs { main: &free, health: Some(&taken) }.bind().unwrap_err().to_string();
    assert!(why.starts_with(&format!("--health-listen {taken}: ")), "{why}");
    let why = ListenAddrs { main: &taken, health: Some(&free) }.bind().unwrap_err().to_string();
    assert!(why.starts_with(&format!("--listen {taken}: ")), "{why}");
}

#[test]
fn an_address_that_may_be_left_out_may_be_empty() {
    assert_eq!("".parse(), Ok(OptionalAddr(None)));
    assert_eq!("127.0.0.1:1".parse(), Ok(OptionalAddr(Some(addr("127.0.0.1:1")))));
    assert!("9001".parse::<OptionalAddr>().unwrap_err().contains("127.0.0.1:9001"));
}

/// What is at `path`: its mode, if it is a socket.
fn socket_mode(path: &Path) -> Option<u32> {
    #[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
    let status = std::fs::symlink_metadata(path).ok()?;
    status.file_type().is_socket().then(|| status.permissions().mode() & 0o7777)
}

#[test]
fn a_unix_socket_goes_with_its_listener_and_one_that_was_left_is_replaced() {
    let dir = std::env::temp_dir().join(format!("backscroll-listen-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("a.sock");
    let at = ListenAddr::Unix(path.clone());

    let listener = Listener::bind(&at).unwrap();
    assert_eq!(listener.local_addr().unwrap(), at);
    assert_eq!(socket_mode(&path), Some(0o660));
    UnixStream::connect(&path).unwrap();
    assert_eq!(Listener::bind(&at).unwrap_err().kind(), io::ErrorKind::AddrInUse, "somebody listens");
    drop(listener);
    assert_eq!(socket_mode(&path), None, "it is removed");

    // One that a killed program left: std's own listener does not remove it.
    drop(UnixListener::bind(&path).unwrap());
    let second = Listener::bind(&at).unwrap();
    // One that has taken its place is not removed with it.
    std::fs::remove_file(&path).unwrap();
    let third = Listener::bind(&at).unwrap();
    drop(second);
    assert_eq!(socket_mode(&path), Some(0o660));
    drop(third);

    // Anything else stays.
    #[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
    std::fs::write(&path, "precious").unwrap();
    assert_eq!(Listener::bind(&at).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    assert!(path.is_file());
    std::fs::remove_dir_all(&dir).unwrap();
}

/// How many connections the kernel holds for a listener that does not accept.
fn held(listener: &std::net::TcpListener) -> usize {
    let address = listener.local_addr().unwrap();
    let connect = || std::net::TcpStream::connect_timeout(&address, std::time::Duration::from_millis(500));
    let held: Vec<_> = (0..600).map_while(|_| connect().ok()).collect();
    held.len()
}

/// H1: a thousand clients that come at once. The kernel drops those that do not fit its queue; they
/// come again seconds later, or not at all.
#[test]
fn many_connections_wait_until_they_are_accepted() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    widen_accept_queue(&listener).unwrap();
    assert_eq!(held(&listener), 600);
}
