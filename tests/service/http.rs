//! A small HTTP service for the release-day test: no crate, no file, one static binary in an image of its own.
//!
//! It counts made-up requests against itself, fifty a second, of which `ERROR_PERCENT` fail, and tells Prometheus.
//! `PORT` is where it listens on loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

static GOOD: AtomicU64 = AtomicU64::new(0);
static BAD: AtomicU64 = AtomicU64::new(0);

fn main() {
    let number = |name: &str, usual: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
    };
    let (port, percent) = (number("PORT", 8080), number("ERROR_PERCENT", 0));
    thread::spawn(move || {
        loop {
            BAD.fetch_add(percent / 2, Ordering::Relaxed);
            GOOD.fetch_add(50 - percent / 2, Ordering::Relaxed);
            thread::sleep(Duration::from_secs(1));
        }
    });
    let listener = loop {
        // The replica that ran here before may still be letting go of the port.
        match TcpListener::bind(("127.0.0.1", port as u16)) {
            Ok(listener) => break listener,
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    };
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let mut lines = BufReader::new(&stream).lines();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let body = format!(
            "http_requests_total{{code=\"200\"}} {}\nhttp_requests_total{{code=\"500\"}} {}\n",
            GOOD.load(Ordering::Relaxed),
            BAD.load(Ordering::Relaxed)
        );
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.write_all(answer.as_bytes());
    }
}
