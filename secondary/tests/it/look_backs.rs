//! Records without a time, for a merge. Many answers at once read the lines before their records to
//! find a time.

use crate::support::{Server, sleep};
use backscroll_secondary::Io;
use std::io::{Read as _, Write as _};
use std::time::Duration;

#[test]
fn answers_that_look_back_far_do_not_wait_for_each_other_for_ever() {
    for io in [Io::Uring, Io::Threads] {
        let server = Server::with(|config| {
            config.io = io;
            config.threads = 1;
        });
        // No line has a time, and the record is deep in the file. So the search needs a pass by
        // then, and so does each look back.
        let line = b"a line that carries no time at all, and that is like all the others\n";
        let mut file = line.repeat((24 << 20) / line.len());
        file.extend_from_slice(b"the needle\n");
        file.extend_from_slice(&line.repeat((12 << 20) / line.len()));
        server.write("app.log", &file);
        let mut asked: Vec<_> = (0..8)
            .map(|_| {
                let mut socket = server.connect();
                socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
                let request = "GET /logs?filename=app.log&keyword=needle&n=1 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nte: trailers\r\naccept: application/vnd.backscroll.frames.v2\r\nbackscroll-relay: a\r\n\r\n";
                socket.write_all(request.as_bytes()).unwrap();
                socket
            })
            .collect();
        sleep(Duration::from_millis(10));
        for socket in &mut asked {
            let mut answer = Vec::new();
            socket.read_to_end(&mut answer).expect("it ends");
            let text = String::from_utf8_lossy(&answer);
            assert!(text.contains("the needle") && text.contains("\"status\":\"complete\""), "{text}");
        }
    }
}
