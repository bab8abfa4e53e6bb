//! The limits that both servers share. A limit of only one server is in that server's crate.

use std::time::Duration;

/// The most bytes of one line that are delivered. A longer line is searched as a whole, but only an
/// excerpt of this length is delivered: the memory for a request must not depend on the length of
/// logged lines.
pub const LINE_BYTES: usize = 1 << 20;

/// If a line begins with at least this many NUL bytes, they are not taken as a part of it.
pub const NUL_RUN_BYTES: usize = 4 << 10;

/// The most bytes of one record. Matches that share lines can join many lines to one record.
pub const RECORD_BYTES: usize = 1 << 20;

/// The most runs of NUL bytes between the lines of one record. The parts between them are read
/// again one by one, and each takes a few bytes of memory until the client has read it.
pub const RECORD_RUNS: usize = 256;

/// The most keywords in one query, and also the most texts that it excludes: the two are counted
/// apart. Each line that holds the rarest keyword is searched for all others. With 64 at most, one
/// machine word can say which of them were found.
pub const KEYWORDS: usize = 64;

/// The most regular expressions in one query, those that exclude included.
pub const PATTERNS: usize = 16;

/// The most bytes of one regular expression.
pub const PATTERN_BYTES: usize = 1 << 10;

/// The most bytes of all compiled patterns of one query together.
pub const COMPILED_BYTES: usize = 1 << 20;

/// The most bytes of a file name below the log directory: `PATH_MAX` of Linux.
pub const FILENAME_BYTES: usize = 4096;

/// The most bytes of a request's target, including the query string.
pub const URI_BYTES: usize = 8 << 10;

/// The same for a target that a primary sends. It percent-encodes what a client wrote as UTF-8, which
/// makes it up to three times as long.
pub const RELAYED_URI_BYTES: usize = 3 * URI_BYTES;

/// The most bytes of a form in the body of a request for `/logs`. So no keyword is longer.
pub const BODY_BYTES: usize = 64 << 10;

/// The most bytes of all headers of a request together.
pub const HEADER_BYTES: usize = 16 << 10;

/// The most bytes of a request's head that are read. A request between the two limits above and
/// this one gets a problem that says what is too long; a longer one gets only a status.
pub const HEAD_BYTES: usize = 64 << 10;

/// The most bytes of one `hostname`: more than any name in a fleet has, with the address behind it.
pub const HOSTNAME_BYTES: usize = 1024;

/// The most headers in one request.
pub const HEADERS: usize = 100;

/// The most connections that the kernel holds for a server until it accepts them; `somaxconn` may
/// lower it. When this queue is full, the kernel drops what comes. The client's kernel tries again
/// after 1, 3 and 7 s, and meanwhile a primary, which waits 1 s for a connection, gives up.
pub const ACCEPT_QUEUE: i32 = 4096;

/// How long a client may take to send the head of a request, from its first byte on; and after that
/// its body.
pub const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a connection may be idle between two requests.
pub const KEEP_ALIVE_TIME: Duration = Duration::from_secs(75);

/// How long the head of an answer of `/logs` waits for the first record. A failure before it has a
/// status of its own. After it the client gets the head, so that it knows that the search goes on.
pub const FIRST_RECORD_WAIT: Duration = Duration::from_secs(1);

/// How long a client may read nothing of an answer before the connection is cut. Long enough for a
/// person at a pager, and for `curl --limit-rate`, which reads megabytes at once and then nothing
/// for a minute. Meanwhile the client holds no block and no permit.
pub const STALL_TIME: Duration = Duration::from_mins(2);

/// The same at the health port. Its answers are small, and its places are few.
pub const HEALTH_STALL_TIME: Duration = Duration::from_secs(5);

/// The most bytes of an answer that the kernel holds unsent. Without this limit, a socket's buffer
/// grows to megabytes and takes more only once a third of it is free. A client that reads steadily
/// but slowly would look as if it read nothing, and a thousand such clients would hold a gigabyte.
pub const UNSENT_BYTES: u32 = 128 << 10;

/// After this many bytes of an answer its client is taken for one that reads: the kernel holds less
/// for a client that reads nothing, in the client's receive buffer and [`UNSENT_BYTES`]. From there
/// on chunks are large, and hyper decides how many of them wait.
pub const READER_FROM: u64 = 8 << 20;

/// How long answers in flight may take to end after the server was told to stop. Reads that hang in
/// the kernel may add two seconds, and queued lines of the log one and a half. Container engines
/// kill after ten seconds by default, so the deployment files set a longer time.
pub const DRAIN_TIME: Duration = Duration::from_secs(8);

/// The most bytes of an encoded record between secondary and primary: the longest record, with each
/// byte escaped as `\u0000`, and space for the other fields.
pub const ENCODED_RECORD_BYTES: usize = 6 * (RECORD_BYTES + LINE_BYTES) + (64 << 10);
