//! A watch whose reader crashes: said, tried again, and given up, without a word that it would live.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::link::{Link, Trust};
use super::shelf::{Feed, Pulse, Shelf};
use super::species::Resource;
use super::watch::{RESTARTS, Scope, Watch, keep};
use super::wire::{Meta, Watched};
use crate::domain::{Cause, Fault};

static CUTS: AtomicU32 = AtomicU32::new(0);

/// An object that nobody can read without a crash.
struct Bomb;

impl Watched for Bomb {
    fn cut(_: &Value, _: Resource) -> Result<Self, Fault> {
        CUTS.fetch_add(1, Ordering::SeqCst);
        panic!("induced crash of a watch")
    }

    fn meta(&self) -> &Meta {
        unreachable!("no bomb was ever made")
    }
}

/// A server whose every list has one object.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let body = r#"{"metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"a","uid":"b"}}]}"#;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length";
        for mut connection in listener.incoming().flatten() {
            let _asked = connection.read(&mut [0; 4_096]);
            let _told = write!(connection, "{head}: {}\r\n\r\n{body}", body.len());
        }
    });
    url
}

#[tokio::test]
async fn a_watch_that_crashes_is_tried_again_three_times_and_then_stays_off() {
    let config = kube::Config::new(server().parse().unwrap());
    let client = kube::Client::try_from(config).unwrap();
    let link = Link::new(client, "test", "test", Trust::Plain, Duration::from_secs(10));
    let (turns, mut turned) = tokio::sync::watch::channel(0);
    let pulse = Arc::new(Pulse::new(turns));
    let shelf = Arc::new(Shelf::<Bomb>::new(Resource::Pods, Arc::default(), Arc::clone(&pulse), None));
    let watch = Watch {
        resource: Resource::Pods,
        scope: Scope::Namespace("default".to_owned()),
        shelves: [("default".to_owned(), Arc::clone(&shelf))].into(),
        pulse,
        lasts: Duration::from_secs(300),
    };
    let watch = tokio::spawn(keep(link, watch));
    turned.changed().await.unwrap();
    assert!(
        matches!(shelf.feed(), Feed::Down(_, fault) if fault.cause == Cause::Crashed),
        "{:?}",
        shelf.feed()
    );
    tokio::time::timeout(Duration::from_secs(60), watch).await.unwrap().unwrap();
    let Feed::Denied(fault) = shelf.feed() else { panic!("{:?}", shelf.feed()) };
    assert!(fault.detail.as_str().contains("stays off"), "{fault}");
    assert_eq!(CUTS.load(Ordering::SeqCst), RESTARTS + 1);
}
