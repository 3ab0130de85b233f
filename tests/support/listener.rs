//! A listener on loopback that keeps every byte it hears: what a test looks for secrets in.
#![expect(clippy::unwrap_used, reason = "a test's server that does not work fails the test")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A listener on loopback that answers everything alike and keeps what it heard.
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) heard: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    /// `answer` makes the answer from the request's head. Ends with the test's process.
    pub(crate) fn start(ip: &str, answer: impl Fn(&str) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&heard);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                let request = request(&mut stream);
                let said = answer(&request);
                log.lock().unwrap().push(request);
                // A client that has gone away needs no answer.
                let _ = stream.write_all(said.as_bytes());
            }
        });
        Self { address, heard }
    }

    pub(crate) fn sink(ip: &str) -> Self {
        Self::start(ip, |_| said("200 OK", "", "{\"stolen\":true}"))
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

pub(crate) fn said(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

/// A whole request, body included.
fn request(stream: &mut std::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .to_ascii_lowercase()
                .split("content-length: ")
                .nth(1)
                .map_or(0, |rest| rest.lines().next().unwrap().trim().parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return text,
            Ok(n) => bytes.extend_from_slice(buffer.get(..n).unwrap_or_default()),
        }
    }
}
