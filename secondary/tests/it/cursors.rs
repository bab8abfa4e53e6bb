//! Cursors: page after page is the whole answer, whatever becomes of the file meanwhile.

mod bounds;
mod model;
mod places;
mod timeouts;

use crate::support::{Response, Server};
use serde_json::Value;

/// In which form a page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Trailers,
    Ndjson,
}

const FORMS: [Form; 2] = [Form::Trailers, Form::Ndjson];

/// One page of an answer.
#[derive(Debug)]
struct Page {
    lines: Vec<String>,
    status: String,
    stopped: Option<String>,
    more: Option<bool>,
    older: Option<String>,
    newer: Option<String>,
    code: Option<String>,
}

/// The answer to a query for `app.log`, perhaps with a cursor.
fn ask(server: &Server, form: Form, query: &str, cursor: Option<&str>) -> Response {
    let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
    let fields = match form {
        Form::Trailers => "te: trailers\r\n",
        Form::Ndjson => "accept: application/x-ndjson\r\n",
    };
    server.request("GET", &format!("/logs?filename=app.log{query}{cursor}"), fields)
}

/// The page of an answer, which must be one.
fn page(server: &Server, form: Form, query: &str, cursor: Option<&str>) -> Page {
    let response = ask(server, form, query, cursor);
    assert_eq!(response.status, 200, "{:?}", String::from_utf8_lossy(&response.body));
    Page::of(form, &response)
}

impl Page {
    fn of(form: Form, response: &Response) -> Page {
        let text = |name| response.trailer(name).map(str::to_owned);
        match form {
            Form::Trailers => Page {
                lines: response.text().lines().map(str::to_owned).collect(),
                status: text("log-status").unwrap(),
                stopped: text("log-stopped"),
                more: text("log-more").map(|more| more == "true"),
                older: text("log-cursor-older"),
                newer: text("log-cursor-newer"),
                code: text("log-error").map(|error| error.split(':').next().unwrap().to_owned()),
            },
            Form::Ndjson => {
                let mut objects: Vec<Value> =
                    response.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                let end = objects.pop().unwrap()["end"].clone();
                let text = |name: &str| end[name].as_str().map(str::to_owned);
                Page {
                    lines: objects.iter().map(|object| object["line"].as_str().unwrap().to_owned()).collect(),
                    status: text("status").unwrap(),
                    stopped: text("stopped"),
                    more: end["more"].as_bool(),
                    older: text("older"),
                    newer: text("newer"),
                    code: end["error"]["code"].as_str().map(str::to_owned),
                }
            }
        }
    }
}

/// Adds to a log as its program does.
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn append(server: &Server, name: &str, text: &str) {
    use std::io::Write as _;
    let path = server.dir.path().join(name);
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn rename(server: &Server, from: &str, to: &str) {
    std::fs::rename(server.dir.path().join(from), server.dir.path().join(to)).unwrap();
}

/// Copies `app.log` and empties it, as logrotate does with `copytruncate`.
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn copytruncate(server: &Server, to: &str) {
    let log = server.dir.path().join("app.log");
    std::fs::copy(&log, server.dir.path().join(to)).unwrap();
    std::fs::OpenOptions::new().write(true).open(log).unwrap().set_len(0).unwrap();
}
