//! gonogo, the release cockpit for the terminal: one screen that answers **GO or NO-GO?**, and keys that are safe to
//! press.
//!
//! # The screen, in the code's words
//!
//! ```text
//!  gonogo  Fri 20 Nov 14:02 UTC     github ●   prometheus ●   prod ◌ 41 s old: refused     ann · read-write   view::header
//! ┏ production waits for you ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
//! ┃ checkout v2.14.2 → v2.15.0: 7 commits, 1 migration, SHOP-812      a approve   x reject   d changes            ┃ view::decision: the oldest domain::Gate
//! ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛
//! ╭ services ── PLAN CODE BUILD TEST RELEASE DEPLOY OPERATE MONITOR  VERDICT  WAITS ON ──────────────────────────╮
//! │▌ checkout    ·    ✓    ✓     ✓     ◆      ○       ✓       ✓      HOLD     approval, you · 4 min              │ view::board: one domain::Assessment
//! ╰──────────────────────────────────────────────────────────────────────────────────────────────────────────────╯   a row, one domain::Mark a stage
//! ╭ pipeline: domain::Run, Job ────────────────────╮╭ health: domain::Signal against Thresholds, Alert ────────────╮
//! ╰────────────────────────────────────────────────╯╰──────────────────────────────────────────────────────────────╯
//! ╭ environments: domain::Rollout, Revision ───────╮╭ waiting: every domain::Gate ─────────────────────────────────╮
//! ╰────────────────────────────────────────────────╯╰──────────────────────────────────────────────────────────────╯
//!  activity: app::activity::Event
//!  keys: app::COMMANDS; those that cannot act now are dimmed, and say why when pressed                view::footer
//! ```
//!
//! A key that changes something opens [`app::dialog::Dialog`]: an [`action::Plan`] made from the provider's
//! [`domain::Prepared`]. Once confirmed it is an [`app::model::Action`] that is followed to its [`domain::Outcome`].
//!
//! # The flow
//!
//! ```text
//!  provider::observe ─ Report ─► app::update ─► domain::World ─► assess ─► Assessment ─► view::draw
//!  keyboard ───────── Key ─────►     │                                                  (pure; a frame from a model)
//!  runtime::clock ─── Tick ────►     │
//!                                    ▼ Effect
//!   Prepare ─► provider::prepare: a fresh look; the very requests, what they rest on ─► Progress::Prepared ─► plan()
//!   Execute ─► journal the intent, fsync ─► prepare again, compare ─► provider::perform, once ─► journal the answer
//!   Conclude ─► journal the outcome, once judge(promise, later looks) says so
//! ```
//!
//! # Who knows whom
//!
//! ```text
//!  main, cli ──► runtime ──► everything below
//!  view ──► app ──► action ──► domain ◄── provider
//!    └──► theme        config ──► provider's registry, app's commands        sandbox: knows nobody here
//! ```
//!
//! # What never happens (each has its tests)
//!
//! - [`domain`], [`action`], [`app`] and [`view`] read no clock, do no IO, spawn nothing: `tests/architecture.rs`.
//! - Nothing is sent that is not in the journal, on disk, first; nothing twice; nothing that differs from what was
//!   shown: [`runtime::execute`].
//! - No answer is never taken for failure or success: [`action::judge()`] finds out by looking.
//! - No evidence is never GO: [`domain::assess`].
//! - Text from outside is [`domain::SafeText`] or does not get in.
//! - Every write passes [`provider::access`].
#![forbid(unsafe_code)]
// Further ways to a panic, which tests may go. The usual ones are denied in Cargo.toml.
#![cfg_attr(
    not(test),
    deny(
        clippy::string_slice,
        clippy::get_unwrap,
        clippy::unwrap_in_result,
        clippy::unreachable,
        clippy::exit
    )
)]

pub mod action;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod provider;
pub mod runtime;
pub mod sandbox;
pub mod theme;
pub mod view;
