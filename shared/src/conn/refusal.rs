//! The answer to a client for which there is no room.

use super::bare_answer::encode;
use crate::wire::instance::Instance;
use crate::wire::problem::{Code, Problem};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

/// The most clients that are refused with an answer at the same time. The connections of more are
/// closed without one.
pub const REFUSALS: usize = 256;

/// How long a client that is refused may take to read why.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// The text of the problem for a client for which there is no room.
pub(super) const TOO_MANY: &str = "too many connections at once: try again in a moment";

/// Tells a client that there are too many connections, and closes. A secondary passes its
/// `instance`, which is on each of its answers.
pub async fn refuse(stream: impl AsyncRead + AsyncWrite + Unpin, instance: Option<Instance>) {
    tell(stream, Problem::new(Code::Overloaded, TOO_MANY), instance).await;
}

/// Answers whatever a client asks with this problem, and closes.
pub(crate) async fn tell(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    problem: Problem,
    instance: Option<Instance>,
) {
    let told = async {
        stream.write_all(&encode(problem, false, instance)).await?;
        end(stream).await
    };
    // An error or a timeout changes nothing: the connection is closed anyway.
    let _ = timeout(REFUSAL_TIME, told).await;
}

/// Closes a connection on which the last word was written. It waits until the client has closed its
/// side: to close before its data was read would reset the connection, and the client would lose
/// that word.
pub(crate) async fn linger(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let _ = timeout(REFUSAL_TIME, end(stream)).await;
}

async fn end(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    stream.shutdown().await?;
    let mut sink = [0; 1024];
    while stream.read(&mut sink).await? > 0 {}
    Ok(())
}
