//! Handshakes that are old, plain, cut off, or never end.

use super::{Certs, logs, text};
use backscroll_e2e::program::{Program, raise_file_limit};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

struct Servers {
    certs: Certs,
    _logs: TempDir,
    secondary: Program,
    primary: Program,
}

fn servers() -> Servers {
    let (certs, logs) = (Certs::new(), logs());
    let secondary = certs.secondary(logs.path(), "web1", &[]);
    let server = certs.server("web1");
    let flags: Vec<&str> = server.iter().map(String::as_str).collect();
    let primary = certs.primary(&format!("web1=https://{}", secondary.listen), &flags);
    Servers { certs, _logs: logs, secondary, primary }
}

impl Servers {
    fn addresses(&self) -> [SocketAddr; 2] {
        [self.secondary.listen, self.primary.listen]
    }

    fn assert_healthy(&self) {
        for address in self.addresses() {
            assert_eq!(self.certs.status(&[&format!("https://{address}/healthz")]), "200", "{address}");
        }
    }
}

/// The first bytes that curl sends to a TLS port.
fn client_hello() -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let mut curl =
        Command::new("curl").args(["-s", "--max-time", "60", &url]).stderr(Stdio::null()).spawn().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut head = [0; 5];
    stream.read_exact(&mut head).unwrap();
    let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    stream.read_exact(&mut hello).unwrap();
    curl.kill().unwrap();
    curl.wait().unwrap();
    [&head[..], &hello].concat()
}

#[test]
fn old_versions_and_other_protocols_are_refused() {
    let servers = servers();
    for address in servers.addresses() {
        for (version, is_spoken) in [("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)] {
            // Its own security level would refuse to begin with an old version.
            let output = Command::new("openssl")
                .args(["s_client", "-connect", &address.to_string(), version, "-cipher", "ALL:@SECLEVEL=0"])
                .args(["-alpn", "h2,http/1.1", "-CAfile", &servers.certs.text("ca.pem")])
                .stdin(Stdio::null())
                .output()
                .expect("openssl is installed");
            let said = text(&output.stdout);
            assert_eq!(output.status.success(), is_spoken, "{version}: {said}");
            assert_eq!(said.contains("ALPN protocol: http/1.1"), is_spoken, "{version}: {said}");
        }
        let output =
            Command::new("curl").args(["-sS", "-i", &format!("http://{address}/")]).output().unwrap();
        let told = text(&output.stdout);
        assert!(
            told.starts_with("HTTP/1.1 400") && told.contains("this port speaks TLS: use https://"),
            "{told}"
        );
        // A client that speaks something else altogether gets the same, and does not wait.
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(&[0]).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(text(&answer).contains("this port speaks TLS"), "{}", text(&answer));
    }
    servers.assert_healthy();
}

#[test]
fn a_handshake_may_be_cut_off_anywhere() {
    let (servers, hello) = (servers(), client_hello());
    for address in servers.addresses() {
        for len in (0..80).chain((80..hello.len()).step_by(37)) {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(&hello[..len]).unwrap();
            drop(stream);
            // The same, and then something else.
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(&hello[..len]).unwrap();
            // The other side may be gone already.
            let _ = stream.write_all(&[0x55; 64]);
        }
    }
    servers.assert_healthy();
    // Nothing of them stays: connections that end in the middle are closed.
    let began = Instant::now();
    while servers.secondary.descriptors().unwrap() > 40 {
        assert!(began.elapsed() < Duration::from_mins(1), "{}", servers.secondary.descriptors().unwrap());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn clients_that_begin_a_handshake_and_say_nothing_make_room() {
    raise_file_limit();
    let (servers, hello) = (servers(), client_hello());
    let address = servers.secondary.listen;
    // More than there is room for: some of them have to go.
    let silent: Vec<TcpStream> = (0..1200)
        .map(|number| {
            let mut stream = TcpStream::connect(address).unwrap();
            // Some say nothing at all.
            let len = if number % 3 == 0 { 0 } else { 1 + number % (hello.len() - 1) };
            // It may have been told to go.
            let _ = stream.write_all(&hello[..len]);
            stream
        })
        .collect();
    for _ in 0..5 {
        let url = format!("https://{address}/logs?filename=app.log");
        let began = Instant::now();
        while servers.certs.status(&[&url]) != "200" {
            assert!(began.elapsed() < Duration::from_mins(1), "nobody is served");
        }
    }
    drop(silent);
    servers.assert_healthy();
}
