//! A small OTLP receiver: it takes the real bytes, and keeps the spans.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What it does with what comes.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Manner {
    Takes,
    Refuses,
    /// It reads nothing, and holds the connection.
    Hangs,
}

/// A span, and the name of the service that sent it.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) service: String,
    pub(super) resource: Vec<KeyValue>,
    pub(super) span: Span,
}

impl Received {
    /// An attribute as text; empty if there is none.
    pub(super) fn attribute(&self, name: &str) -> String {
        text(&self.span.attributes, name)
    }
}

pub(super) fn text(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(is)) => is.to_string(),
        _ => String::new(),
    }
}

#[derive(Default)]
struct Kept {
    connections: Vec<TcpStream>,
    spans: Vec<Received>,
    heads: Vec<String>,
    bytes: Vec<u8>,
}

/// Stops when dropped.
pub(super) struct Collector {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
}

impl Collector {
    pub(super) fn start(manner: Manner) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, kept) = (listener.local_addr().unwrap(), Arc::<Mutex<Kept>>::default());
        let keep = Arc::downgrade(&kept);
        std::thread::spawn(move || {
            while let (Ok((stream, _)), Some(kept)) = (listener.accept(), keep.upgrade()) {
                kept.lock().unwrap().connections.push(stream.try_clone().unwrap());
                if manner != Manner::Hangs {
                    std::thread::spawn(move || serve(stream, manner, &kept));
                }
            }
        });
        Collector { address, kept }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn connections(&self) -> usize {
        self.kept.lock().unwrap().connections.len()
    }

    pub(super) fn spans(&self) -> Vec<Received> {
        self.kept.lock().unwrap().spans.clone()
    }

    pub(super) fn heads(&self) -> Vec<String> {
        self.kept.lock().unwrap().heads.clone()
    }

    /// All that has come, as it came.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.kept.lock().unwrap().bytes.clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        for connection in &self.kept.lock().unwrap().connections {
            let _ = connection.shutdown(std::net::Shutdown::Both);
        }
        self.kept = Arc::default();
        // Wakes the thread that accepts: nothing is kept any more, so it ends.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, manner: Manner, kept: &Mutex<Kept>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok()
        });
        let mut body = vec![0; length.unwrap_or(0)];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let mut kept = kept.lock().unwrap();
        let request = ExportTraceServiceRequest::decode(&*body).unwrap();
        for of_resource in request.resource_spans {
            let resource = of_resource.resource.unwrap_or_default().attributes;
            let service = text(&resource, "service.name");
            let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            kept.spans.extend(spans.map(|span| Received {
                service: service.clone(),
                resource: resource.clone(),
                span,
            }));
        }
        kept.heads.push(head);
        kept.bytes.extend(body);
        drop(kept);
        let status = if manner == Manner::Refuses { "400 Bad Request" } else { "200 OK" };
        if write!(writer, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}
