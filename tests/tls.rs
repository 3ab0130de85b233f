//! A server that cannot prove who it is gets nothing, and the operator reads why.
//!
//! The certificates in `tests/support/tls` are made for these tests and trusted nowhere: an authority, and by it
//! one for this machine (`good`), one of 2020 (`expired`), one of 2100 (`early`), one for other.test
//! (`other-host`); `self-signed` and `self-signed-authority` speak for themselves. They share one key.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gonogo::domain::{Cause, Reached, Retry, SafeText, SourceName, Step};
use gonogo::provider::SecretPlace;
use gonogo::provider::http::{Auth, Endpoint, EndpointSpec, Read};
use gonogo::provider::secret::Secret;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

const SECRET: &str = "canary-tls-5d1f0c";

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/support/tls").join(name)
}

/// A server with this certificate; what it decrypted, and its port.
struct Server {
    port: u16,
    heard: Arc<Mutex<String>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    fn start(certificate: &str) -> Self {
        use std::io::{Read as _, Write as _};
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = vec![CertificateDer::from_pem_file(file(certificate)).unwrap()];
        let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let config = Arc::new(config);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heard, connections): (Arc<Mutex<String>>, Arc<AtomicUsize>) = Default::default();
        let (log, count) = (Arc::clone(&heard), Arc::clone(&connections));
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut tls = rustls::StreamOwned::new(tls, stream);
                let mut buffer = [0; 4096];
                while let Ok(n) = tls.read(&mut buffer) {
                    let mut heard = log.lock().unwrap();
                    heard.push_str(&String::from_utf8_lossy(&buffer[..n]));
                    if n == 0 || heard.ends_with("\r\n\r\n") {
                        break;
                    }
                }
                tls.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}").ok();
                tls.conn.send_close_notify();
                tls.flush().ok();
            }
        });
        Self { port, heard, connections }
    }
}

fn endpoint(url: &str, authority: Option<&str>) -> Endpoint {
    let env = Arc::new([("TOKEN".to_owned(), SECRET.to_owned())].into());
    let mut spec = EndpointSpec::new(url);
    spec.auth = Auth::Bearer(Secret::new(SecretPlace::Env("TOKEN".to_owned()), env));
    spec.ca_file = authority.map(file);
    Endpoint::new(spec).unwrap()
}

fn step() -> Step {
    Step {
        source: SourceName::new("ci"),
        method: "POST".to_owned(),
        path: "/approve".to_owned(),
        content_type: None,
        body: None,
        effect: SafeText::new("approves"),
    }
}

#[tokio::test]
async fn a_server_that_cannot_prove_who_it_is_hears_nothing() {
    for (certificate, authority, words) in [
        ("self-signed.pem", None, "self-signed or of an unknown authority"),
        ("self-signed.pem", Some("authority.pem"), "self-signed or of an unknown authority"),
        ("self-signed-authority.pem", None, "self-signed"),
        ("self-signed-authority.pem", Some("self-signed-authority.pem"), "self-signed"),
        ("good.pem", None, "unknown authority"),
        ("expired.pem", Some("authority.pem"), "has expired"),
        ("early.pem", Some("authority.pem"), "not valid yet"),
        ("other-host.pem", Some("authority.pem"), "for another host"),
    ] {
        let server = Server::start(certificate);
        let endpoint = endpoint(&format!("https://127.0.0.1:{}", server.port), authority);
        for fault in [
            endpoint.read(&Read::get("/")).await.unwrap_err(),
            endpoint.write(&step(), &[]).await.unwrap_err(),
        ] {
            assert_eq!((fault.cause, fault.reached), (Cause::Tls, Reached::No), "{certificate}: {fault}");
            assert_eq!(fault.retry, Retry::WhenMended);
            assert!(fault.to_string().contains(words), "{certificate}: {fault}");
            assert!(fault.hint.is_some() && !format!("{fault:?}").contains(SECRET));
        }
        assert_eq!(server.connections.load(Ordering::SeqCst), 2, "{certificate}: one attempt each");
        assert_eq!(*server.heard.lock().unwrap(), "", "{certificate}");
    }
}

#[tokio::test]
async fn an_authority_of_the_configuration_is_trusted() {
    let server = Server::start("good.pem");
    for host in ["127.0.0.1", "localhost"] {
        let endpoint = endpoint(&format!("https://{host}:{}", server.port), Some("authority.pem"));
        assert_eq!(endpoint.read(&Read::get("/")).await.unwrap().status, 200);
    }
    let pinned = Server::start("self-signed.pem");
    let endpoint = endpoint(&format!("https://127.0.0.1:{}", pinned.port), Some("self-signed.pem"));
    assert_eq!(endpoint.read(&Read::get("/")).await.unwrap().status, 200, "a pinned self-signed certificate");

    let mut spec = EndpointSpec::new(&format!("https://127.0.0.1:{}", server.port));
    let authority = file("authority.pem").to_str().unwrap().to_owned();
    spec.env = Arc::new([("SSL_CERT_FILE".to_owned(), authority)].into());
    assert_eq!(Endpoint::new(spec).unwrap().read(&Read::get("/")).await.unwrap().status, 200);
    assert!(server.heard.lock().unwrap().contains(SECRET));
}
