//! Between the program and a server of the embedded world: hears every request, changes a canary into the credential
//! that the world knows, and repeats requests in its answers when told to, as careless servers do.
#![expect(clippy::unwrap_used, reason = "a test's server that does not work fails the test")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A forwarder on loopback; it ends with the test's process.
pub(crate) struct Forwarder {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<String>>,
    echoes: Arc<AtomicBool>,
}

impl Forwarder {
    /// Forwards to `upstream` (`host:port`), where `(canary, known)` is the credential as planted and as known there.
    pub(crate) fn start(upstream: &str, known: (&str, &str)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, echoes): (Arc<Mutex<String>>, Arc<AtomicBool>) = Default::default();
        let (log, echoing) = (Arc::clone(&heard), Arc::clone(&echoes));
        let (upstream, known) = (upstream.to_owned(), (known.0.to_owned(), known.1.to_owned()));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (log, echoing) = (Arc::clone(&log), Arc::clone(&echoing));
                let (upstream, known) = (upstream.clone(), known.clone());
                std::thread::spawn(move || {
                    // A client or a server that goes away in the middle ends the exchange, as it would without us.
                    let _ = exchange(client, &upstream, &known, &log, &echoing);
                });
            }
        });
        Self { address, heard, echoes }
    }

    /// Everything that was asked so far.
    pub(crate) fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }

    /// From now on, every answer is a failure that repeats its request.
    pub(crate) fn echo(&self, on: bool) {
        self.echoes.store(on, Ordering::SeqCst);
    }
}

fn exchange(
    mut client: TcpStream,
    upstream: &str,
    (canary, known): &(String, String),
    log: &Mutex<String>,
    echoes: &AtomicBool,
) -> std::io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(60)))?;
    let request = request(&mut client)?;
    if request.is_empty() {
        return Ok(());
    }
    log.lock().unwrap().push_str(&request);
    if echoes.load(Ordering::SeqCst) {
        let line = request.replace("\r\n", " ").replace('"', "'");
        let body = format!("{{\"kind\":\"Status\",\"message\":\"what is {line}\",\"error\":\"{line}\"}}");
        let length = body.len();
        let head = format!(
            "HTTP/1.1 500 Oops\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nx-you-sent: {line}\r\n\r\n"
        );
        return client.write_all((head + &body).as_bytes());
    }
    let (line, rest) = request.split_once("\r\n").unwrap_or((&request, ""));
    let rest = rest.replace(canary.as_str(), known);
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(format!("{line}\r\nconnection: close\r\n{rest}").as_bytes())?;
    let mut buffer = [0; 16_384];
    loop {
        match server.read(&mut buffer)? {
            0 => return client.shutdown(std::net::Shutdown::Both),
            n => client.write_all(buffer.get(..n).unwrap_or_default())?,
        }
    }
}

/// A whole request, body included.
fn request(client: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16_384];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .to_ascii_lowercase()
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next()?.trim().parse::<usize>().ok());
            if body.len() >= length.unwrap_or(0) {
                return Ok(text);
            }
        }
        match client.read(&mut buffer)? {
            0 => return Ok(text),
            n => bytes.extend_from_slice(buffer.get(..n).unwrap_or_default()),
        }
    }
}
