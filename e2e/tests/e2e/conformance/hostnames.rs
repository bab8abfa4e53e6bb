//! Names of hosts that look like addresses (S1): a primary never connects to anything outside its fleet.

use super::Servers;
use super::client::get;
use std::io::ErrorKind;
use std::net::TcpListener;

/// What a client may write for a host, with the port of a server that must not be asked.
fn names(port: u16) -> Vec<String> {
    let at = [
        "127.0.0.1:{}",
        "http://127.0.0.1:{}",
        "http://127.0.0.1:{}/",
        "//127.0.0.1:{}",
        "127.1:{}",
        "2130706433:{}",
        "0x7f000001:{}",
        "0177.0.0.1:{}",
        "[::1]:{}",
        "[::ffff:127.0.0.1]:{}",
        "0:{}",
        "0.0.0.0:{}",
        "localhost:{}",
        "http://localhost:{}/logs?filename=a",
        "web1@127.0.0.1:{}",
        "web1:x@127.0.0.1:{}",
        "web1@localhost:{}",
        "web1#@127.0.0.1:{}",
        "web1%23@127.0.0.1:{}",
        "web1%2523@127.0.0.1:{}",
        "127.0.0.1:{}%23web1",
        "127.0.0.1:{}/web1",
        "web1/../127.0.0.1:{}",
        "web1%2F127.0.0.1:{}",
        "web1%5C@127.0.0.1:{}",
        "web1%00127.0.0.1:{}",
        "web1%0D%0AHost:%20127.0.0.1:{}",
        "web1%0D%0A%0D%0AGET%20/%20HTTP/1.1",
        "web1%20HTTP/1.1%0D%0AHost:%20127.0.0.1:{}",
        "web1%09127.0.0.1:{}",
        "web1%20127.0.0.1:{}",
        "web1,127.0.0.1:{}",
        "web1;127.0.0.1:{}",
        "web1:{}",
        "web1.127.0.0.1.nip.io:{}",
        "127.0.0.1:{}?web1",
        "127%2E0%2E0%2E1:{}",
        "%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1:{}",
        "127%E3%80%820%E3%80%820%E3%80%821:{}",
        "file:///etc/passwd",
        "unix:/run/x.sock",
        "gopher://127.0.0.1:{}/_x",
        "ftp://127.0.0.1:{}",
        "dict://127.0.0.1:{}",
        "$(id)",
        "`id`",
        "{{7*7}}",
        "${jndi:ldap://127.0.0.1:{}/a}",
        "WEB1",
        "web1.",
        "web1%00",
        "web1%20",
        "%20web1",
        "web1%0A",
        "..",
        "/",
        "%FF%FE",
        "localhost",
        "127.0.0.1",
        "::1",
    ];
    at.iter().map(|name| name.replace("{}", &port.to_string())).collect()
}

#[test]
fn no_name_makes_a_primary_connect_outside_its_fleet() {
    let servers = Servers::start();
    let traps: Vec<TcpListener> =
        ["127.0.0.1:0", "[::1]:0"].iter().filter_map(|address| TcpListener::bind(address).ok()).collect();
    for trap in &traps {
        trap.set_nonblocking(true).unwrap();
        let names = names(trap.local_addr().unwrap().port());
        assert!(names.len() >= 50);
        for name in names {
            for target in
                [format!("/logs?filename=app.log&hostname={name}"), format!("/files?hostname={name}")]
            {
                let answer = get(servers.fleet.primary, &target, "");
                assert!(
                    (answer.status, answer.code().as_str()) == (404, "unknown_host")
                        || (answer.status, answer.code().as_str()) == (400, "bad_request")
                        || (answer.status, answer.code().as_str()) == (400, "bad_parameter"),
                    "{name}: {answer:?}"
                );
            }
        }
        assert_eq!(trap.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody came");
    }
    // The same in what else could name a host.
    let trap = traps[0].local_addr().unwrap();
    for fields in [
        format!("X-Forwarded-Host: {trap}\r\n"),
        format!("Forwarded: host={trap}\r\n"),
        format!("Referer: http://{trap}/\r\n"),
        format!("Backscroll-Relay: http://{trap}\r\n"),
    ] {
        assert_eq!(
            get(servers.fleet.primary, "/logs?filename=app.log&hostname=web1&n=1", &fields).text(),
            "three\n"
        );
    }
    assert_eq!(traps[0].accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}
