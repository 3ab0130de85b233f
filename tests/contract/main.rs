//! The contract of a CI provider, clause by clause and fault by fault, for every provider that there is: printed as a
//! matrix by `cargo test --test contract -- --nocapture`. A new provider is one line in [`PROVIDERS`]; `GONOGO_CONTRACT=KIND`
//! asks for one column only.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails; the matrix is printed"
)]

mod cell;
mod clauses;

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _};
use gonogo::sandbox::Server;

use cell::Cell;
use clauses::CLAUSES;

/// A provider under contract.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Under {
    /// Its kind, as in the config and in a scenario.
    pub(crate) kind: &'static str,
    /// Its server in the embedded world.
    pub(crate) server: Server,
    /// How many requests approve a gate of the world's release.
    pub(crate) requests: usize,
    /// Parts of the names of its release's jobs, in order.
    pub(crate) jobs: &'static [&'static str],
}

/// The world's release, where it builds.
const RELEASE: &[&str] = &["build", "unit", "staging", "production"];
/// The same where it changes what there is.
const CHANGE: &[&str] = &["plan", "cost", "policy", "apply"];

const PROVIDERS: &[Under] = &[
    Under { kind: "github", server: Server::Github, requests: 1, jobs: RELEASE },
    Under { kind: "gitlab", server: Server::Gitlab, requests: 2, jobs: RELEASE },
    Under { kind: "jenkins", server: Server::Jenkins, requests: 1, jobs: RELEASE },
    Under { kind: "circleci", server: Server::Circleci, requests: 1, jobs: RELEASE },
    Under { kind: "terraform-cloud", server: Server::TerraformCloud, requests: 1, jobs: CHANGE },
    Under { kind: "awx", server: Server::Awx, requests: 1, jobs: RELEASE },
];

/// Cells at once: each has a world of its own.
const SIDE_BY_SIDE: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_provider_keeps_every_clause_under_every_fault() {
    let rows: Vec<(String, &clauses::Clause, Option<&clauses::Blow>)> = CLAUSES
        .iter()
        .flat_map(|clause| {
            let row = move |blow: Option<&'static clauses::Blow>| {
                let name = blow.map_or(clause.name.to_owned(), |b| format!("{}: {}", clause.name, b.name));
                (name, clause, blow)
            };
            let blows: Vec<_> = clause.blows.iter().map(Some).map(row).collect();
            if blows.is_empty() { vec![row(None)] } else { blows }
        })
        .collect();
    let wanted = std::env::var("GONOGO_CONTRACT").ok();
    let asked: Vec<&Under> =
        PROVIDERS.iter().filter(|under| wanted.as_ref().is_none_or(|kind| kind == under.kind)).collect();
    assert!(!asked.is_empty(), "no such kind: {wanted:?}");
    let cells = rows.iter().flat_map(|(name, clause, blow)| {
        asked.iter().copied().map(move |under| async move {
            let (under_test, check, blow) = (*under, clause.check, *blow);
            // A task of its own: on one, all cells would take turns on one core.
            let run = tokio::spawn(async move { check(Cell::open(under_test).await, blow).await });
            let outcome = match run.await {
                Ok(Ok(())) => None,
                Ok(Err(why)) => Some(why),
                Err(ended) => Some(
                    ended
                        .try_into_panic()
                        .map_or_else(|ended| ended.to_string(), |panic| said(panic.as_ref())),
                ),
            };
            ((name.clone(), under.kind), outcome)
        })
    });
    let outcomes: BTreeMap<_, _> = stream::iter(cells).buffer_unordered(SIDE_BY_SIDE).collect().await;
    let width = rows.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0);
    let heads: String = asked.iter().map(|under| format!("{:>16}", under.kind)).collect();
    println!("{:width$}{heads}", "");
    let mut red = Vec::new();
    for (name, ..) in &rows {
        let mut line = format!("{name:width$}");
        for under in &asked {
            match &outcomes[&(name.clone(), under.kind)] {
                None => line.push_str("              ok"),
                Some(why) => {
                    line.push_str("             RED");
                    red.push(format!("{name}, {}: {why}", under.kind));
                }
            }
        }
        println!("{line}");
    }
    println!("{} cells, {} red", outcomes.len(), red.len());
    assert!(red.is_empty(), "{}", red.join("\n"));
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("without a word"))
}
