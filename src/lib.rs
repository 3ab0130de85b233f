//! gonogo, the release cockpit for the terminal.
#![forbid(unsafe_code)]

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
