//! Every bound that both servers keep. Bounds of one server stand in its own crate.

use std::time::Duration;

/// Bytes of one line that are delivered. A longer line is matched whole and cut here:
/// memory for one request must not depend on what somebody logged.
pub const LINE_BYTES: usize = 1 << 20;

/// NUL bytes at the beginning of a line from which on they are no part of it.
pub const NUL_RUN_BYTES: usize = 4 << 10;

/// Bytes of one record, where matches that share lines chain many of them together.
pub const RECORD_BYTES: usize = 1 << 20;

/// Runs of NUL bytes between the lines of one record. Its pieces are read again one by one, and
/// each takes a few bytes while its client is waited for.
pub const RECORD_RUNS: usize = 256;

/// Keywords in one query. Each costs one search of every line that the rarest one hit;
/// 64 let the found ones be kept in one machine word.
pub const KEYWORDS: usize = 64;

/// Bytes of a file name below the log directory: `PATH_MAX` of Linux.
pub const FILENAME_BYTES: usize = 4096;

/// Bytes of a request's target, the query string included. Every keyword is shorter.
pub const URI_BYTES: usize = 8 << 10;

/// Bytes of a request's headers, all together.
pub const HEADER_BYTES: usize = 16 << 10;

/// Bytes of a request's head that are read at all. Between the two limits above and this
/// one a request gets a problem that explains itself; past it, the bare status.
pub const HEAD_BYTES: usize = 64 << 10;

/// Headers in one request.
pub const HEADERS: usize = 100;

/// How long a client may take over the head of a request, from its first byte.
pub const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a connection may stand idle between two requests.
pub const KEEP_ALIVE_TIME: Duration = Duration::from_secs(75);

/// How long the head of an answer of `/logs` waits for the first record. A failure before it has a
/// status of its own. After it the client gets the head, so that it knows that the search goes on.
pub const FIRST_RECORD_WAIT: Duration = Duration::from_secs(1);

/// How long a client may take nothing of an answer before it is cut. Long enough for a
/// person at a pager, and for a `curl --limit-rate`, which takes megabytes at once and then
/// nothing for a minute; a client that waits holds no block and no pass.
pub const STALL_TIME: Duration = Duration::from_mins(2);

/// Bytes of an answer that the kernel holds without having sent them. A socket's buffer
/// grows to megabytes and takes more only once a third of it is free: a client that reads
/// steadily, but slowly, would look as if it took nothing, and a thousand of them hold a
/// gigabyte.
pub const UNSENT_BYTES: u32 = 128 << 10;

/// Bytes of an answer after which its client is taken for one that reads: more than what the kernel
/// takes for a client that reads nothing, which are its receive buffer and [`UNSENT_BYTES`]. From
/// there on chunks are large, and hyper decides how many of them wait.
pub const READER_FROM: u64 = 8 << 20;

/// How long answers in flight may take to end once the server was told to stop. Reads that hang
/// in the kernel may add two seconds, and lines of the log one and a half: container engines, which
/// kill after ten seconds unless told otherwise, are told.
pub const DRAIN_TIME: Duration = Duration::from_secs(8);

/// Bytes of an encoded record between primary and secondary: the longest record, each of
/// its bytes escaped as `\u0000`, with room for the other fields.
pub const ENCODED_RECORD_BYTES: usize = 6 * (RECORD_BYTES + LINE_BYTES) + (64 << 10);
