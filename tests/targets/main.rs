//! Deployment targets of every kind, against servers that really change: their contract clause by clause and fault by
//! fault, printed as a matrix by `cargo test --test targets -- --nocapture`, and what they make of lies (R4). A new kind
//! is one line in `stage.rs`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails; the matrix is printed"
)]

mod contract;
#[path = "../hazards/desk.rs"]
#[expect(dead_code, reason = "the tests of hazards look at offers as well")]
mod desk;
mod front;
mod lies;
mod stage;
mod tool;

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _};

use contract::{Blow, CLAUSES, Clause, Worlds, applies};
use stage::{Kind, Stage};

/// Cells at once: each has a world of its own.
const SIDE_BY_SIDE: usize = 4;

fn row(clause: &Clause, blow: &Blow) -> String {
    if blow.0.is_empty() { clause.name.to_owned() } else { format!("{}: {}", clause.name, blow.0) }
}

type Cells = Vec<((String, Kind), Result<(), String>)>;

/// The cells of one world.
async fn world(clause: &'static Clause, blows: &'static [Blow], kind: Kind) -> Cells {
    let stage = Stage::open(kind).await;
    let mut cells = Cells::new();
    for blow in blows {
        cells.push(((row(clause, blow), kind), (clause.check)(&stage, blow.1).await));
    }
    cells
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_target_keeps_every_clause_under_every_fault() {
    let mut worlds = Vec::new();
    for clause in CLAUSES {
        let size = if clause.worlds == Worlds::One { clause.blows.len() } else { 1 };
        for kind in Kind::ALL.into_iter().filter(|kind| applies(clause, *kind)) {
            worlds.extend(clause.blows.chunks(size).map(|blows| (clause, blows, kind)));
        }
    }
    let run = |(clause, blows, kind): (&'static Clause, &'static [Blow], Kind)| async move {
        match tokio::spawn(world(clause, blows, kind)).await {
            Ok(cells) => cells,
            Err(error) => {
                let red = |blow| ((row(clause, blow), kind), Err(format!("panicked: {error}")));
                blows.iter().map(red).collect()
            }
        }
    };
    let done: Vec<Cells> = stream::iter(worlds).map(run).buffer_unordered(SIDE_BY_SIDE).collect().await;
    let cells: BTreeMap<_, _> = done.into_iter().flatten().collect();
    let rows: Vec<String> = CLAUSES.iter().flat_map(|c| c.blows.iter().map(|b| row(c, b))).collect();
    let width = rows.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let heads: String = Kind::ALL.iter().map(|kind| format!("{:>12}", format!("{kind:?}"))).collect();
    println!("{:width$}{heads}", "");
    for name in &rows {
        let cell = |kind: &Kind| match cells.get(&(name.clone(), *kind)) {
            Some(Ok(())) => "ok",
            Some(Err(_)) => "RED",
            None => "-",
        };
        let line: String = Kind::ALL.iter().map(|kind| format!("{:>12}", cell(kind))).collect();
        println!("{name:width$}{line}");
    }
    let why = |((name, kind), cell): (&(String, Kind), &Result<(), String>)| {
        cell.as_ref().err().map(|why| format!("{name}, {kind:?}: {why}"))
    };
    let red: Vec<String> = cells.iter().filter_map(why).collect();
    println!("{} cells, {} red", cells.len(), red.len());
    assert!(red.is_empty(), "{}", red.join("\n"));
}
