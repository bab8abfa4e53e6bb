//! A connection that was accepted. It is not registered with a runtime, so that it can be handed to
//! the thread that serves it.

use crate::conn::{Peer, prepare, refuse};
use crate::wire::instance::Instance;
use std::io;
use std::net::SocketAddr;

/// The socket of a connection.
#[derive(Debug)]
pub enum Stream {
    /// Of a TCP connection.
    Tcp(std::net::TcpStream),
    /// Of a connection over a Unix socket.
    Unix(std::os::unix::net::UnixStream),
}

impl Stream {
    /// Tells the client that there are too many connections, and closes. A secondary passes its
    /// `instance`.
    pub async fn refuse(self, instance: Option<Instance>) {
        // A socket that cannot be registered is closed without a word.
        match self {
            Stream::Tcp(stream) => {
                if let Ok(stream) = tokio::net::TcpStream::from_std(stream) {
                    refuse(stream, instance).await;
                }
            }
            Stream::Unix(stream) => {
                if let Ok(stream) = tokio::net::UnixStream::from_std(stream) {
                    refuse(stream, instance).await;
                }
            }
        }
    }
}

/// A connection that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// Its socket.
    pub stream: Stream,
    /// Who is at its other end.
    pub peer: Peer,
}

impl Accepted {
    pub(super) fn tcp(stream: tokio::net::TcpStream, client: SocketAddr) -> io::Result<Accepted> {
        if let Err(error) = prepare(&stream) {
            // The client may be gone already.
            tracing::debug!(%error, "a socket could not be prepared");
        }
        Ok(Accepted { stream: Stream::Tcp(stream.into_std()?), peer: Peer::Tcp(client) })
    }

    pub(super) fn unix(stream: tokio::net::UnixStream) -> io::Result<Accepted> {
        Ok(Accepted { stream: Stream::Unix(stream.into_std()?), peer: Peer::Unix })
    }
}
