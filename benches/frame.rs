//! What a frame, a key, a tick and a report cost, by the number of services. Everything but `first_look` should cost
//! the same at 1,000 services as at 10, or grow no faster than the services.
//!
//! `cargo bench --bench frame` runs all; `cargo bench --bench frame -- key` those whose name holds `key`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench may stop with a message"
)]

#[path = "../tests/support/model.rs"]
#[expect(dead_code, reason = "shared with the tests, which use more of it")]
mod model;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use divan::{Bencher, black_box};
use gonogo::app::key::{Key, Pace, Stroke};
use gonogo::app::model::Model;
use gonogo::app::{Msg, update};
use gonogo::domain::{Observation, Report, SourceName};
use gonogo::theme::Theme;
use gonogo::view;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Color, Style};
use ratatui::widgets::{Block, Cell, Row, StatefulWidget, Table, TableState};

/// How many services.
const SIZES: [usize; 3] = [10, 100, 1_000];

/// The screen.
const AREA: Rect = Rect { x: 0, y: 0, width: 160, height: 50 };

fn main() {
    divan::main();
}

fn theme() -> Theme {
    Theme::built_in("dark").expect("it is built in")
}

/// A terminal that encodes everything and keeps nothing.
fn terminal() -> Terminal<CrosstermBackend<io::Sink>> {
    let options = ratatui::TerminalOptions { viewport: ratatui::Viewport::Fixed(AREA) };
    Terminal::with_options(CrosstermBackend::new(io::sink()), options).expect("no terminal is asked")
}

/// A plain table of the screen's size, its visible rows built: what the library alone costs.
fn table(selected: usize, area: Rect, buf: &mut Buffer) {
    let words = ["ok", "deploying", "failed", "paused", "unknown"];
    let inks = [Color::Green, Color::Yellow, Color::Red, Color::Gray, Color::DarkGray];
    let rows = (0..usize::from(area.height) - 3).map(|i| {
        let (word, ink) = words.iter().zip(inks).nth(i * 7 % 5).expect("five of each");
        Row::new([
            Cell::from(format!("team-{}/service-{i:05}", i % 37)),
            Cell::from(*word).style(Style::new().fg(ink)),
            Cell::from(format!("{}%", i * 13 % 101)),
            Cell::from(format!("{}s ago", i * 31 % 9_000)),
        ])
    });
    let widths = [Constraint::Fill(2), Constraint::Length(12), Constraint::Length(6), Constraint::Length(12)];
    let table = Table::new(rows, widths)
        .header(Row::new(["SERVICE", "STATE", "CPU", "AGE"]))
        .row_highlight_style(Style::new().bg(Color::Blue))
        .block(Block::bordered().title("table"));
    table.render(area, buf, &mut TableState::new().with_selected(Some(selected)));
}

/// A key as the loop takes it: time first, then the key.
fn press(model: &mut Model, key: Key) {
    let now = model.now.plus(Duration::from_micros(1));
    black_box(update(model, Msg::Tick(now)));
    black_box(update(model, Msg::Key(Stroke { key, pace: Pace::Single })));
}

/// Down and up again from the middle of the list, so that the cursor moves each time.
fn keys() -> impl Iterator<Item = Key> {
    [Key::Char('j'), Key::Char('k')].into_iter().cycle()
}

/// The middle of the board.
fn in_the_middle(count: usize) -> Model {
    let mut model = model::many(count);
    for _ in 0..count / 2 {
        press(&mut model, Key::Char('j'));
    }
    model
}

/// A look of `source` as the model knows it.
fn look(model: &Model, source: &str) -> Arc<Observation> {
    let state = model.world.source(&SourceName::new(source)).expect("it is configured");
    Arc::clone(state.last.as_ref().expect("it has answered"))
}

/// A report that began now.
fn report(model: &Model, source: &str, look: Arc<Observation>) -> Msg {
    Msg::Report(Report {
        source: SourceName::new(source),
        epoch: 1,
        began: model.now,
        at: model.now,
        next: Duration::from_secs(5),
        result: Ok(look),
    })
}

/// The same look with one rollout a little further.
fn one_further(look: &Observation) -> Arc<Observation> {
    let mut look = look.clone();
    let rollout = look.rollouts.values_mut().next().expect("there is one");
    Arc::make_mut(rollout).replicas.restarts += 1;
    Arc::new(look)
}

/// The same look with every rollout a little further.
fn all_further(look: &Observation) -> Arc<Observation> {
    let mut look = look.clone();
    for rollout in look.rollouts.values_mut() {
        Arc::make_mut(rollout).replicas.restarts += 1;
    }
    Arc::new(look)
}

/// G10: one frame into a buffer. Compare with `table_frame`.
#[divan::bench(args = SIZES)]
fn cockpit_frame(bencher: Bencher<'_, '_>, count: usize) {
    let (model, theme) = (in_the_middle(count), theme());
    bencher.bench_local(|| view::still(black_box(&model), &theme, AREA.width, AREA.height));
}

/// G10: what the library costs for a plain table of that size.
#[divan::bench]
fn table_frame(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| {
        let mut buf = Buffer::empty(AREA);
        table(black_box(20), AREA, &mut buf);
        buf
    });
}

/// One key and the frame after it, drawn and encoded. Compare with `table_key_to_bytes`.
#[divan::bench(args = SIZES)]
fn cockpit_key_to_bytes(bencher: Bencher<'_, '_>, count: usize) {
    let (mut model, theme, mut terminal) = (in_the_middle(count), theme(), terminal());
    let mut keys = keys();
    bencher.bench_local(|| {
        press(&mut model, keys.next().expect("they never end"));
        terminal.draw(|frame| view::draw(&model, &theme, frame)).expect("nothing can fail");
    });
}

/// What a key costs in a plain table.
#[divan::bench]
fn table_key_to_bytes(bencher: Bencher<'_, '_>) {
    let (mut terminal, mut selected) = (terminal(), 20);
    bencher.bench_local(|| {
        selected = 41 - selected;
        terminal.draw(|frame| table(selected, frame.area(), frame.buffer_mut())).expect("nothing can fail");
    });
}

/// G9: a key that moves the selection.
#[divan::bench(args = SIZES)]
fn key(bencher: Bencher<'_, '_>, count: usize) {
    let (mut model, mut keys) = (in_the_middle(count), keys());
    bencher.bench_local(|| press(&mut model, keys.next().expect("they never end")));
}

/// Time passes, nothing becomes stale.
#[divan::bench(args = SIZES)]
fn tick(bencher: Bencher<'_, '_>, count: usize) {
    let mut model = model::many(count);
    bencher.bench_local(|| {
        let now = model.now.plus(Duration::from_micros(1));
        update(&mut model, Msg::Tick(now))
    });
}

/// A minute passes: waiting times are said anew.
#[divan::bench(args = SIZES)]
fn minute(bencher: Bencher<'_, '_>, count: usize) {
    let mut model = model::many(count);
    let later = model.now.plus(Duration::from_secs(3_600));
    update(&mut model, Msg::Tick(later));
    bencher.bench_local(|| {
        let now = model.now.plus(Duration::from_secs(60));
        update(&mut model, Msg::Tick(now))
    });
}

/// A look at all services that saw nothing new, as an own copy.
#[divan::bench(args = SIZES)]
fn report_unchanged(bencher: Bencher<'_, '_>, count: usize) {
    let mut model = model::many(count);
    let copies = [0, 1].map(|_| Arc::new(Observation::clone(&look(&model, "prod"))));
    let mut copies = copies.iter().cycle();
    bencher.bench_local(|| {
        let msg = report(&model, "prod", Arc::clone(copies.next().expect("they never end")));
        update(&mut model, msg)
    });
}

/// A look at all services that saw one of them change: what a watch brings.
#[divan::bench(args = SIZES)]
fn report_one_changed(bencher: Bencher<'_, '_>, count: usize) {
    changing(bencher, count, one_further);
}

/// A look at all services that saw each of them change.
#[divan::bench(args = SIZES)]
fn report_all_changed(bencher: Bencher<'_, '_>, count: usize) {
    changing(bencher, count, all_further);
}

fn changing(bencher: Bencher<'_, '_>, count: usize, change: fn(&Observation) -> Arc<Observation>) {
    let mut model = model::many(count);
    let before = look(&model, "prod");
    let after = change(&before);
    let both = [after, before];
    let mut looks = both.iter().cycle();
    bencher.bench_local(|| {
        let msg = report(&model, "prod", Arc::clone(looks.next().expect("they never end")));
        update(&mut model, msg)
    });
}

/// All five sources answer for the first time.
#[divan::bench(args = SIZES)]
fn first_look(bencher: Bencher<'_, '_>, count: usize) {
    let full = model::many(count);
    let sources = ["git", "github", "prod", "prometheus", "alerts"];
    let looks = sources.map(|source| (source, look(&full, source)));
    let fresh = || Model::new(full.setup.clone(), "s1".into(), full.now, (AREA.width, AREA.height));
    bencher.with_inputs(fresh).bench_local_values(|mut model| {
        for (source, look) in &looks {
            let msg = report(&model, source, Arc::clone(look));
            black_box(update(&mut model, msg));
        }
        model
    });
}
