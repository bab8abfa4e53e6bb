//! What a client is told for whom there is no room.

use crate::wire::instance::{INSTANCE, Instance};
use crate::wire::problem::{Code, Problem};
use bytes::Bytes;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

/// Clients at once that are being told that there are too many. More are closed untold.
pub const REFUSALS: usize = 256;

/// How long a client that is refused may take to read why.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// Tells a client that there are too many, and closes. A secondary says which one it is, as on
/// every answer.
pub async fn refuse(mut stream: impl AsyncRead + AsyncWrite + Unpin, instance: Option<Instance>) {
    let told = async {
        stream.write_all(&refusal(instance)).await?;
        stream.shutdown().await?;
        // Until the client has closed: closing on what it sent would reset the connection,
        // and take the answer away.
        let mut sink = [0; 1024];
        while stream.read(&mut sink).await? > 0 {}
        io::Result::Ok(())
    };
    // It was told, or it was not: either way it is gone.
    let _ = timeout(REFUSAL_TIME, told).await;
}

fn refusal(instance: Option<Instance>) -> Vec<u8> {
    let problem = Problem::new(Code::Overloaded, "too many connections at once: try again in a moment");
    let (mut head, body) = problem.into_response::<Bytes>().into_parts();
    head.headers.extend(instance.map(|instance| (INSTANCE, instance.value())));
    let mut out =
        format!("HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n", head.status, body.len())
            .into_bytes();
    for (name, value) in &head.headers {
        out.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&body);
    out
}
