//! HTTP over raw sockets, the same against both servers: what no client library would send.

mod client;
mod cuts;
mod forms;
mod hostnames;
mod parameters;
mod payloads;
mod recorder;
mod smuggling;
mod smuggling_cases;

use backscroll_e2e::fleet::{Fleet, Member};
use std::net::SocketAddr;
use std::path::PathBuf;
use tempfile::TempDir;

/// What the log that no answer may come from holds.
const CANARY: &str = "SMUGGLED";

/// A primary and a secondary, `web1`.
struct Servers {
    fleet: Fleet,
    dir: TempDir,
}

impl Servers {
    fn start() -> Servers {
        let dir = tempfile::tempdir().unwrap();
        let member = Member { name: "web1".to_owned(), log_dir: dir.path().to_owned(), port: 0 };
        let servers =
            Servers { fleet: Fleet::start("127.0.0.1:0".parse().unwrap(), &[member]).unwrap(), dir };
        servers.write("app.log", b"one\ntwo\nthree\n");
        servers.write("smuggled.log", format!("{CANARY}\n").as_bytes());
        servers
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn secondary(&self) -> SocketAddr {
        self.fleet.secondaries[0].1
    }

    /// Both servers, and what a query to each begins with.
    fn both(&self) -> [(SocketAddr, &'static str); 2] {
        [(self.secondary(), ""), (self.fleet.primary, "hostname=web1&")]
    }
}
