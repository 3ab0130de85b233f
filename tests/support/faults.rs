//! A server that misbehaves, and the table of all its ways to do so.
//!
//! Raw TCP on loopback: no HTTP library stands between a fault and the wire. Any provider can be run through
//! the table with [`check`]; whatever the fault, a provider must not panic, must end within its limits, must say
//! the right cause, and must not let the credential be seen.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gonogo::domain::{Ask, Cause, Fault, Observation, Reached, Retry};
use gonogo::provider::Provider;
use gonogo::provider::http::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The credential of every provider under test. It must never be seen outside a request.
pub(crate) const SECRET: &str = "canary-Zx81-speccy-9f3kQ";

/// Limits short enough for a table of many, and long enough for a machine that has other things to do.
pub(crate) const LIMITS: Limits = Limits {
    connect: Duration::from_millis(1_000),
    headers: Duration::from_millis(2_000),
    idle: Duration::from_millis(1_500),
    total: Duration::from_millis(4_500),
    body: 1024 * 1024,
    concurrency: 2,
};

/// What the server does with a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Nobody listens.
    Refuse,
    /// The host's name cannot be resolved (a label longer than names may have; nothing is asked of a network).
    NoSuchHost,
    /// The address says https, the server speaks plain HTTP.
    PlainInsteadOfTls,
    /// The address says https, the server says nothing.
    SilenceInsteadOfTls,
    /// RST right after the connection stands.
    ResetAtOnce,
    /// FIN right after the connection stands.
    CloseAtOnce,
    /// RST after the request was read.
    ResetAfterRequest,
    /// These bytes, then RST.
    ThenReset(&'static str),
    /// Reads the request and says nothing.
    Silence,
    /// These bytes, then nothing.
    ThenSilence(&'static str),
    /// These bytes once, then the other ones again and again, with a pause between, for ever.
    Drip(&'static str, &'static str, Duration),
    /// These bytes, then FIN. `{host}` is the server's own address, `{elsewhere}` another one, `{echo}` the
    /// request's head.
    Say(&'static str),
    /// A body of this many bytes of one kind, its length announced or not.
    Flood(Announced),
    /// A small compressed body that becomes huge.
    Bomb,
    /// JSON that opens very many lists.
    Deep,
    /// These bytes as they are.
    Raw(&'static [u8]),
    /// More header lines than anybody needs.
    Headers,
}

/// Whether a body's length is announced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Announced {
    /// `Content-Length`.
    Yes,
    /// Until the connection ends.
    No,
}

/// One fault, and what must be said about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FaultCase {
    /// In words.
    pub(crate) name: &'static str,
    /// What the server does.
    pub(crate) act: Act,
    /// What a look must say: one of these.
    pub(crate) causes: &'static [Cause],
    /// What a write that meets it must say: one of these.
    pub(crate) reached: &'static [Reached],
    /// When to ask again, where the server said so.
    pub(crate) retry: Option<Retry>,
}

const fn case(
    name: &'static str,
    act: Act,
    causes: &'static [Cause],
    reached: &'static [Reached],
) -> FaultCase {
    FaultCase { name, act, causes, reached, retry: None }
}

const fn after(name: &'static str, said: &'static str, seconds: u64) -> FaultCase {
    let retry = Some(Retry::After(Duration::from_secs(seconds)));
    FaultCase { name, act: Act::Say(said), causes: &[Cause::RateLimited], reached: NO, retry }
}

use Act::{Drip, Raw, Say, ThenReset, ThenSilence};
use Cause::{
    Forbidden, Malformed, Moved, NotFound, RateLimited, Redirected, Refused, ServerFailed, TimedOut, Tls,
    TooLarge, Unauthorized, Unreachable,
};

const NO: &[Reached] = &[Reached::No];
const PERHAPS: &[Reached] = &[Reached::Perhaps];
/// It depends on how far the connection came before it was cut; both are true.
const EITHER: &[Reached] = &[Reached::No, Reached::Perhaps];

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/// Every fault.
pub(crate) const FAULTS: &[FaultCase] = &[
    case("refused", Act::Refuse, &[Unreachable], NO),
    case("no such host", Act::NoSuchHost, &[Unreachable], NO),
    case("plain instead of TLS", Act::PlainInsteadOfTls, &[Tls], NO),
    case("silence instead of TLS", Act::SilenceInsteadOfTls, &[TimedOut], NO),
    case("reset at once", Act::ResetAtOnce, &[Unreachable], EITHER),
    case("closed at once", Act::CloseAtOnce, &[Unreachable], EITHER),
    case("reset after the request", Act::ResetAfterRequest, &[Unreachable], PERHAPS),
    case("reset in the headers", ThenReset("HTTP/1.1 200 OK\r\ncontent-ty"), &[Unreachable], PERHAPS),
    case(
        "reset in the body",
        ThenReset("HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{\"a\":"),
        &[Unreachable],
        PERHAPS,
    ),
    case("silence", Act::Silence, &[TimedOut], PERHAPS),
    case("silence in the headers", ThenSilence("HTTP/1.1 200 OK\r\nx-a: "), &[TimedOut], PERHAPS),
    case(
        "silence in the body",
        ThenSilence("HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{\"a\":"),
        &[TimedOut],
        PERHAPS,
    ),
    case(
        "headers by drips",
        Drip("HTTP/1.1 200 OK\r\n", "x-a: b\r\n", Duration::from_millis(60)),
        &[TimedOut],
        PERHAPS,
    ),
    case(
        "body by drips",
        Drip("HTTP/1.1 200 OK\r\ncontent-length: 90000\r\n\r\n", " ", Duration::from_millis(60)),
        &[TimedOut],
        PERHAPS,
    ),
    case(
        "storm of 100",
        Drip("", "HTTP/1.1 100 Continue\r\n\r\n", Duration::from_millis(1)),
        &[TimedOut, Malformed],
        PERHAPS,
    ),
    case(
        "storm of 103",
        Drip("", "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", Duration::from_millis(1)),
        &[TimedOut, Malformed],
        PERHAPS,
    ),
    case(
        "body shorter than announced",
        Say("HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{\"a\":"),
        &[Unreachable],
        PERHAPS,
    ),
    case(
        "truncated JSON",
        Say("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"status\":\"succ"),
        &[Malformed],
        PERHAPS,
    ),
    case(
        "plain text",
        Say("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nhello"),
        &[Malformed],
        PERHAPS,
    ),
    case(
        "login page",
        Say("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<!doctype html><title>Sign in</title>"),
        &[Malformed],
        PERHAPS,
    ),
    case(
        "login page that says it is JSON",
        Say("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n<html></html>"),
        &[Malformed],
        PERHAPS,
    ),
    case("empty", Say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), &[Malformed], PERHAPS),
    case("204", Say("HTTP/1.1 204 No Content\r\n\r\n"), &[Malformed], PERHAPS),
    case("blanks", Say("HTTP/1.1 200 OK\r\n\r\n \r\n\t "), &[Malformed], PERHAPS),
    case("304 unasked", Say("HTTP/1.1 304 Not Modified\r\n\r\n"), &[Malformed, Redirected], NO),
    case("flood", Act::Flood(Announced::No), &[TooLarge], PERHAPS),
    case("announced flood", Act::Flood(Announced::Yes), &[TooLarge], PERHAPS),
    case("gzip bomb", Act::Bomb, &[TooLarge], PERHAPS),
    case(
        "broken gzip",
        Say("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\nthis is not gzip"),
        &[Malformed],
        PERHAPS,
    ),
    case(
        "unknown encoding",
        Say("HTTP/1.1 200 OK\r\ncontent-encoding: br\r\n\r\nabc"),
        &[Malformed],
        PERHAPS,
    ),
    case("deep JSON", Act::Deep, &[Malformed], PERHAPS),
    case("not JSON", Say("HTTP/1.1 200 OK\r\n\r\n{status: success}"), &[Malformed], PERHAPS),
    case("two JSONs", Say("HTTP/1.1 200 OK\r\n\r\n{} {}"), &[Malformed], PERHAPS),
    case("not UTF-8", Raw(b"HTTP/1.1 200 OK\r\n\r\n{\"status\":\"\xff\xfe\"}"), &[Malformed], PERHAPS),
    case(
        "broken chunk size",
        Say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
        &[Malformed, Unreachable],
        PERHAPS,
    ),
    case(
        "endless chunk size",
        Say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffffff\r\n"),
        &[Malformed, Unreachable],
        PERHAPS,
    ),
    case(
        "chunk cut",
        Say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{\"a\""),
        &[Unreachable],
        PERHAPS,
    ),
    case(
        "no last chunk",
        Say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"),
        &[Unreachable],
        PERHAPS,
    ),
    case(
        "two lengths",
        Say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}"),
        &[Malformed],
        PERHAPS,
    ),
    case("another protocol", Say("SSH-2.0-OpenSSH_9.7\r\n"), &[Malformed], PERHAPS),
    case("noise", Raw(b"\x16\x03\x01\x00\xff\xfe\x00\x01noise\r\n\r\n"), &[Malformed], PERHAPS),
    case(
        "control character in a header",
        Raw(b"HTTP/1.1 200 OK\r\nx-a: \x01\x1b[2J\r\n\r\n{}"),
        &[Malformed],
        PERHAPS,
    ),
    case("a thousand headers", Act::Headers, &[Malformed], PERHAPS),
    case("400", Say("HTTP/1.1 400 Bad Request\r\n\r\n\"bad matcher\""), &[Refused], NO),
    case(
        "401",
        Say("HTTP/1.1 401 Unauthorized\r\n\r\n{\"message\":\"Bad credentials\"}"),
        &[Unauthorized],
        NO,
    ),
    case(
        "403",
        Say("HTTP/1.1 403 Forbidden\r\n\r\n{\"message\":\"Resource not accessible\"}"),
        &[Forbidden],
        NO,
    ),
    case("404", Say("HTTP/1.1 404 Not Found\r\n\r\n404 page not found"), &[NotFound], NO),
    case(
        "407",
        Say("HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n"),
        &[Unauthorized],
        NO,
    ),
    case("408", Say("HTTP/1.1 408 Request Timeout\r\n\r\n"), &[TimedOut], PERHAPS),
    case("409", Say("HTTP/1.1 409 Conflict\r\n\r\n{\"message\":\"conflict\"}"), &[Moved], NO),
    case("410", Say("HTTP/1.1 410 Gone\r\n\r\n"), &[NotFound], NO),
    case("412", Say("HTTP/1.1 412 Precondition Failed\r\n\r\n"), &[Moved], NO),
    case("418", Say("HTTP/1.1 418 I'm a teapot\r\n\r\nshort and stout"), &[Refused], NO),
    case("422", Say("HTTP/1.1 422 Unprocessable Entity\r\n\r\n{\"message\":\"no\"}"), &[Refused], NO),
    case("429", Say("HTTP/1.1 429 Too Many Requests\r\n\r\n"), &[RateLimited], NO),
    after("429 with seconds", "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\n\r\n", 7),
    after(
        "429 with a date",
        "HTTP/1.1 429 Too Many Requests\r\ndate: Fri, 20 Nov 2026 14:00:00 GMT\r\nretry-after: Fri, 20 Nov 2026 14:00:42 GMT\r\n\r\n",
        42,
    ),
    after(
        "429 with a date gone by",
        "HTTP/1.1 429 Too Many Requests\r\ndate: Fri, 20 Nov 2026 14:00:00 GMT\r\nretry-after: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n",
        0,
    ),
    after(
        "429 for ever",
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 99999999999999999999999999\r\n\r\n",
        3_600,
    ),
    case(
        "429 with nonsense",
        Say("HTTP/1.1 429 Too Many Requests\r\nretry-after: -3 fortnights\r\n\r\n"),
        &[RateLimited],
        NO,
    ),
    after(
        "403 with nothing left",
        "HTTP/1.1 403 Forbidden\r\ndate: Fri, 20 Nov 2026 14:00:00 GMT\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1795183260\r\n\r\n",
        60,
    ),
    case("500", Say("HTTP/1.1 500 Internal Server Error\r\n\r\noops"), &[ServerFailed], PERHAPS),
    case("501", Say("HTTP/1.1 501 Not Implemented\r\n\r\n"), &[ServerFailed], PERHAPS),
    case(
        "502",
        Say("HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\n\r\n<html>bad gateway</html>"),
        &[ServerFailed],
        PERHAPS,
    ),
    case("503", Say("HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\n\r\n"), &[ServerFailed], PERHAPS),
    case("504", Say("HTTP/1.1 504 Gateway Timeout\r\n\r\n"), &[ServerFailed], PERHAPS),
    case("999", Say("HTTP/1.1 999 What\r\n\r\n"), &[Malformed], PERHAPS),
    case(
        "500 that repeats the request",
        Say("HTTP/1.1 500 Oops\r\nx-you-sent: {echo1}\r\n\r\n{echo}"),
        &[ServerFailed],
        PERHAPS,
    ),
    case(
        "400 that repeats the request",
        Say("HTTP/1.1 400 Oops\r\n\r\n{\"message\":\"{echo1}\"}"),
        &[Refused],
        NO,
    ),
    case(
        "200 that repeats the request",
        Say("HTTP/1.1 200 OK\r\n\r\n{\"status\":{\"{echo1}\":1}, {echo1}"),
        &[Malformed],
        PERHAPS,
    ),
    case(
        "redirect to another host",
        Say("HTTP/1.1 302 Found\r\nlocation: http://{elsewhere}/x\r\n\r\n"),
        &[Redirected],
        NO,
    ),
    case(
        "301 to another host",
        Say("HTTP/1.1 301 Moved\r\nlocation: http://{elsewhere}/x\r\n\r\n"),
        &[Redirected],
        NO,
    ),
    case(
        "307 to another host",
        Say("HTTP/1.1 307 Temporary\r\nlocation: http://{elsewhere}/x\r\n\r\n"),
        &[Redirected],
        NO,
    ),
    case(
        "308 to another host",
        Say("HTTP/1.1 308 Permanent\r\nlocation: //{elsewhere}/x\r\n\r\n"),
        &[Redirected],
        NO,
    ),
    case(
        "303 to another host",
        Say("HTTP/1.1 303 See\r\nlocation: http://{elsewhere}/x\r\n\r\n"),
        &[Redirected],
        NO,
    ),
    case(
        "redirect to a user at the same host",
        Say("HTTP/1.1 307 Found\r\nlocation: http://u:p@{host}/x\r\n\r\n"),
        &[Redirected],
        NO,
    ),
    case(
        "redirect to a look-alike",
        Say("HTTP/1.1 307 Found\r\nlocation: http://{host}@{elsewhere}/x\r\n\r\n"),
        &[Redirected],
        NO,
    ),
    case(
        "redirect to another scheme",
        Say("HTTP/1.1 307 Found\r\nlocation: https://{host}/x\r\n\r\n"),
        &[Redirected],
        NO,
    ),
    case(
        "redirect to a file",
        Say("HTTP/1.1 307 Found\r\nlocation: file:///etc/passwd\r\n\r\n"),
        &[Redirected],
        NO,
    ),
    case("redirect to nowhere", Say("HTTP/1.1 307 Found\r\nlocation: http://[\r\n\r\n"), &[Redirected], NO),
    case("redirect without a place", Say("HTTP/1.1 302 Found\r\n\r\n"), &[Redirected], NO),
    case("redirect in a circle", Say("HTTP/1.1 307 Found\r\nlocation: /again\r\n\r\n"), &[Redirected], NO),
];

/// A server that does one act to everybody who connects, and a second one that must never be visited.
pub(crate) struct Server {
    /// Its base URL.
    pub(crate) url: String,
    /// The heads of all requests that it read.
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
    /// What the other host heard.
    pub(crate) elsewhere: Arc<Mutex<Vec<String>>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Server {
    /// Starts on a free port of loopback.
    pub(crate) async fn start(act: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let there = other.local_addr().unwrap().to_string();
        let url = match act {
            Act::NoSuchHost => format!("https://{}.test", "x".repeat(64)),
            Act::PlainInsteadOfTls | Act::SilenceInsteadOfTls => format!("https://{address}"),
            _ => format!("http://{address}"),
        };
        let (requests, elsewhere) = (Arc::default(), Arc::default());
        let mut tasks = Vec::new();
        if matches!(act, Act::Refuse) {
            drop(listener);
        } else {
            let names = (address, there);
            tasks.push(tokio::spawn(serve(listener, act, Arc::clone(&requests), names)));
        }
        let sink = Act::Say("HTTP/1.1 200 OK\r\n\r\n{}");
        tasks.push(tokio::spawn(serve(other, sink, Arc::clone(&elsewhere), (String::new(), String::new()))));
        Self { url, requests, elsewhere, tasks }
    }
}

async fn serve(listener: TcpListener, act: Act, heard: Arc<Mutex<Vec<String>>>, names: (String, String)) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(treat(stream, act, Arc::clone(&heard), names.clone()));
    }
}

/// The request up to the end of its body; empty if the other side went away.
async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .to_ascii_lowercase()
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next()?.trim().parse::<usize>().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return text,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}

/// Closes with RST instead of FIN.
fn reset(stream: &TcpStream) {
    stream.set_zero_linger().unwrap();
}

async fn treat(mut stream: TcpStream, act: Act, heard: Arc<Mutex<Vec<String>>>, names: (String, String)) {
    if matches!(act, Act::ResetAtOnce) {
        return reset(&stream);
    }
    if matches!(act, Act::CloseAtOnce) {
        return;
    }
    let tls = matches!(act, Act::PlainInsteadOfTls | Act::SilenceInsteadOfTls);
    let asked = if tls { String::new() } else { request(&mut stream).await };
    heard.lock().unwrap().push(asked.clone());
    let said = perform(&mut stream, act, &asked, &names).await;
    if matches!(act, Act::ResetAfterRequest | Act::ThenReset(_)) {
        return reset(&stream);
    }
    // The client going away in mid-fault is how most of these end.
    if said.is_ok() {
        stream.shutdown().await.ok();
        let mut rest = [0; 64];
        while matches!(stream.read(&mut rest).await, Ok(n) if n > 0) {}
    }
}

async fn perform(
    stream: &mut TcpStream,
    act: Act,
    asked: &str,
    (host, elsewhere): &(String, String),
) -> std::io::Result<()> {
    match act {
        Act::Say(text) => {
            let one_line = asked.replace("\r\n", " ").replace('"', "'");
            let text = text
                .replace("{host}", host)
                .replace("{elsewhere}", elsewhere)
                .replace("{echo1}", one_line.trim())
                .replace("{echo}", asked);
            stream.write_all(text.as_bytes()).await
        }
        Act::ThenReset(text) => {
            stream.write_all(text.as_bytes()).await?;
            stream.flush().await
        }
        Act::Silence | Act::SilenceInsteadOfTls => std::future::pending().await,
        Act::ThenSilence(text) => {
            stream.write_all(text.as_bytes()).await?;
            std::future::pending().await
        }
        Act::Drip(first, again, pause) => {
            stream.write_all(first.as_bytes()).await?;
            let mut beat = tokio::time::interval(pause);
            loop {
                beat.tick().await;
                stream.write_all(again.as_bytes()).await?;
            }
        }
        Act::Flood(announced) => flood(stream, announced).await,
        Act::Bomb => {
            stream.write_all(format!("{HEAD}content-encoding: gzip\r\n\r\n").as_bytes()).await?;
            stream.write_all(&bomb()).await
        }
        Act::Deep => {
            stream.write_all(format!("{HEAD}\r\n").as_bytes()).await?;
            stream.write_all("[".repeat(300_000).as_bytes()).await
        }
        Act::Raw(bytes) => stream.write_all(bytes).await,
        Act::Headers => {
            let lines: String = (0..1_000).map(|n| format!("x-{n}: y\r\n")).collect();
            stream.write_all(format!("{HEAD}{lines}\r\n{{}}").as_bytes()).await
        }
        Act::PlainInsteadOfTls => stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await,
        Act::Refuse | Act::NoSuchHost | Act::ResetAtOnce | Act::CloseAtOnce | Act::ResetAfterRequest => {
            Ok(())
        }
    }
}

/// Eleven million blanks, more than any limit.
async fn flood(stream: &mut TcpStream, announced: Announced) -> std::io::Result<()> {
    const ALL: usize = 11 * 1024 * 1024;
    let length = match announced {
        Announced::Yes => format!("content-length: {ALL}\r\n"),
        Announced::No => String::new(),
    };
    stream.write_all(format!("{HEAD}{length}\r\n").as_bytes()).await?;
    let piece = [b' '; 64 * 1024];
    for _ in 0..ALL / piece.len() {
        stream.write_all(&piece).await?;
    }
    Ok(())
}

/// 12 MiB of zeros, compressed: one stored-Huffman block by hand, so that no compressor is needed. A deflate
/// stream of fixed-Huffman matches of length 258 at distance 1 after one literal.
fn bomb() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(0b011, 3); // last block, fixed codes
    bits.code(0b0011_0000, 8); // literal 0
    for _ in 0..(12 * 1024 * 1024 / 258) {
        bits.code(0b1100_0101, 8); // length 258
        bits.code(0, 5); // distance 1
    }
    bits.code(0, 7); // end
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    out.extend(bits.bytes());
    out.extend([0; 8]); // the checksum is never reached
    out
}

/// Bits in deflate's order.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u8,
}

impl Bits {
    /// A number, least significant bit first.
    fn put(&mut self, value: u16, count: u8) {
        for n in 0..count {
            if self.used == 0 {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= u8::from(value >> n & 1 == 1) << self.used;
            self.used = (self.used + 1) % 8;
        }
    }

    /// A Huffman code, most significant bit first.
    fn code(&mut self, value: u16, count: u8) {
        for n in (0..count).rev() {
            self.put(value >> n & 1, 1);
        }
    }

    fn bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// What a provider said about a fault.
pub(crate) struct Seen {
    /// What it handed back.
    pub(crate) result: Result<Observation, Fault>,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Seen {
    /// Every fault in it.
    pub(crate) fn faults(&self) -> Vec<&Fault> {
        match &self.result {
            Ok(observation) => observation.faults.values().collect(),
            Err(fault) => vec![fault],
        }
    }
}

/// Lets a provider look at a server with this fault.
pub(crate) async fn run(case: &FaultCase, make: impl Fn(&str) -> Arc<dyn Provider>) -> Seen {
    let server = Server::start(case.act).await;
    let provider = make(&server.url);
    let began = Instant::now();
    let ask = Ask::default();
    let result = provider.observe(&ask).await;
    let seen = Seen { result, took: began.elapsed() };
    let visited = server.elsewhere.lock().unwrap().clone();
    assert!(visited.is_empty(), "{}: another host was visited: {visited:?}", case.name);
    seen
}

/// Runs one case and checks everything that must hold for every provider.
pub(crate) async fn check(case: &FaultCase, make: impl Fn(&str) -> Arc<dyn Provider>) {
    let name = case.name;
    let seen = run(case, make).await;
    let faults = seen.faults();
    assert!(!faults.is_empty(), "{name}: went unnoticed: {:?}", seen.result);
    for fault in &faults {
        assert!(case.causes.contains(&fault.cause), "{name}: {fault:?}");
        assert_eq!(fault.reached, Reached::No, "{name}: a look has no effect");
        if let Some(retry) = case.retry {
            assert_eq!(fault.retry, retry, "{name}");
        }
        no_secret(name, &format!("{fault} {fault:?}"));
    }
    no_secret(name, &format!("{:?}", seen.result));
    let most = LIMITS.total + Duration::from_secs(1);
    assert!(seen.took <= most, "{name}: took {:?}", seen.took);
}

/// That no part of the credential, plain or encoded, is in a text.
pub(crate) fn no_secret(name: &str, text: &str) {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(SECRET);
    for (form, whole) in [("plain", SECRET), ("base64", encoded.as_str())] {
        for start in 0..=whole.len() - 8 {
            let part = &whole[start..start + 8];
            assert!(!text.contains(part), "{name}: the credential ({form}) is in: {text}");
        }
    }
}
