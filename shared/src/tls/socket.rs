//! The streams, as the rest of the program sees them.

use crate::conn::Socket;
use std::io;
use tokio::net::TcpStream;

/// A client's connection to a server.
///
/// It ends with `close_notify` if it is shut down, and without it if it is dropped: a client of
/// HTTP/1.0 sees by that whether it has the whole answer.
pub type ServerStream = tokio_rustls::server::TlsStream<TcpStream>;

/// A connection of the primary to a host.
pub type ClientStream = tokio_rustls::client::TlsStream<TcpStream>;

impl Socket for ServerStream {
    fn reset_on_close(&self, reset: bool) {
        self.get_ref().0.reset_on_close(reset);
    }

    fn error(&self) -> Option<io::Error> {
        self.get_ref().0.error()
    }
}
