//! What a client is told for whom there is no room.

use super::unsound::encode;
use crate::wire::instance::Instance;
use crate::wire::problem::{Code, Problem};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

/// Clients at once that are being told that there are too many. More are closed untold.
pub const REFUSALS: usize = 256;

/// How long a client that is refused may take to read why.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// What those are told for whom there is no room.
pub(super) const TOO_MANY: &str = "too many connections at once: try again in a moment";

/// Tells a client that there are too many, and closes. A secondary says which one it is, as on
/// every answer.
pub async fn refuse(mut stream: impl AsyncRead + AsyncWrite + Unpin, instance: Option<Instance>) {
    let told = async {
        let problem = Problem::new(Code::Overloaded, TOO_MANY);
        stream.write_all(&encode(problem, false, instance)).await?;
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
