//! Where a server listens: an address and a port, or a Unix socket.

mod address;
mod exposure;
mod listeners;
mod stream;
mod unix;

pub use exposure::Exposed;
pub use listeners::{BindError, Error, ListenAddrs, Listeners, OptionalAddr, SamePlace};
pub use stream::{Accepted, Stream};

use crate::limits;
use socket2::SockRef;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::str::FromStr;
use unix::SocketFile;

/// Where a server listens: the value of `--listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddr {
    /// An address and a port.
    Tcp(SocketAddr),
    /// The path of a Unix socket, after `unix:`.
    Unix(PathBuf),
}

/// What stands before the path of a Unix socket.
const UNIX: &str = "unix:";

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddr::Tcp(address) => address.fmt(f),
            ListenAddr::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl FromStr for ListenAddr {
    /// One line that says what was probably meant.
    type Err = String;

    fn from_str(text: &str) -> Result<ListenAddr, String> {
        match text.strip_prefix(UNIX) {
            Some("") => Err("write unix:PATH, with the path of the socket to make".to_owned()),
            Some(path) => Ok(ListenAddr::Unix(path.into())),
            None => address::address(text).map(ListenAddr::Tcp),
        }
    }
}

/// A socket that accepts connections. It does not block.
#[derive(Debug)]
pub enum Listener {
    /// At an address and a port.
    Tcp(TcpListener),
    /// A Unix socket, whose file goes with it.
    Unix(UnixListener, SocketFile),
}

impl Listener {
    /// Listens at `address`. A socket file that nobody listens at any more is replaced.
    pub fn bind(address: &ListenAddr) -> io::Result<Listener> {
        match address {
            ListenAddr::Tcp(address) => Ok(Listener::Tcp(TcpListener::bind(address)?)),
            ListenAddr::Unix(path) => {
                let (listener, file) = unix::bind(path)?;
                Ok(Listener::Unix(listener, file))
            }
        }
    }

    /// Where it listens, with the port that the system chose if `--listen` left it open.
    pub fn local_addr(&self) -> io::Result<ListenAddr> {
        Ok(match self {
            Listener::Tcp(listener) => ListenAddr::Tcp(listener.local_addr()?),
            Listener::Unix(_, file) => ListenAddr::Unix(file.path().to_owned()),
        })
    }

    /// The same listener for a tokio runtime, which must be the current one.
    pub fn into_async(self) -> io::Result<AsyncListener> {
        Ok(match self {
            Listener::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                widen_accept_queue(&listener)?;
                AsyncListener::Tcp(tokio::net::TcpListener::from_std(listener)?)
            }
            Listener::Unix(listener, file) => {
                listener.set_nonblocking(true)?;
                widen_accept_queue(&listener)?;
                AsyncListener::Unix(tokio::net::UnixListener::from_std(listener)?, file)
            }
        })
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Listener {
        Listener::Tcp(listener)
    }
}

/// Lets the kernel hold up to [`limits::ACCEPT_QUEUE`] connections until they are accepted. The
/// standard library asks for 128.
fn widen_accept_queue(listener: &impl AsFd) -> io::Result<()> {
    SockRef::from(listener).listen(limits::ACCEPT_QUEUE)
}

/// A listener in a tokio runtime.
#[derive(Debug)]
pub enum AsyncListener {
    /// At an address and a port.
    Tcp(tokio::net::TcpListener),
    /// A Unix socket, whose file goes with it.
    Unix(tokio::net::UnixListener, SocketFile),
}

impl AsyncListener {
    /// Waits for the next connection.
    pub async fn accept(&self) -> io::Result<Accepted> {
        match self {
            AsyncListener::Tcp(listener) => {
                let (stream, client) = listener.accept().await?;
                Accepted::tcp(stream, client)
            }
            AsyncListener::Unix(listener, _) => Accepted::unix(listener.accept().await?.0),
        }
    }
}

#[cfg(test)]
mod tests;
