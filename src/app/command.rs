//! What a key can mean: one table of name, usual keys, doc and availability. Footer, help, palette, docs and the keymap
//! derive from it.

use super::copy;
use super::deed::{joint, verb_of};
use super::joint::Mark;
use super::key::Key;
use super::menu;
use super::model::{Model, Panel};
use super::views::{self, View};
use crate::action::{barred, offer};
use crate::domain::{Place, Refusal};

/// A named thing that a key can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Approve the gate at hand.
    Approve,
    /// Reject the gate at hand.
    Reject,
    /// Promote to the selected environment.
    Promote,
    /// Roll the selected environment back.
    RollBack,
    /// Pause the rollout.
    Pause,
    /// Resume the rollout.
    Resume,
    /// Skip what is left of the rollout's steps.
    PromoteFully,
    /// Give the rollout up.
    Abort,
    /// Begin the aborted rollout again.
    Retry,
    /// Replace every replica by a new one.
    Restart,
    /// Keep the GitOps controller from undoing changes by hand.
    Hold,
    /// Let the GitOps controller go on.
    Release,
    /// Run failed jobs again.
    Rerun,
    /// Stop the run.
    Cancel,
    /// Show the change set.
    Changes,
    /// Show the reasons of the verdict.
    Reasons,
    /// Show what the tests of the run at hand said.
    Tests,
    /// Mark the selection, or take the mark away.
    Mark,
    /// Show what an action would do, in a preview that cannot be confirmed.
    WhatIf,
    /// Follow the newest action.
    Follow,
    /// Next line.
    Down,
    /// Previous line.
    Up,
    /// First line.
    Top,
    /// Last line.
    Bottom,
    /// Previous environment or run.
    Left,
    /// Next environment or run.
    Right,
    /// Next panel.
    NextPanel,
    /// Previous panel.
    PreviousPanel,
    /// Go inwards from what is selected.
    Open,
    /// Give the panel the whole screen, or its share again.
    Zoom,
    /// Go to a view.
    View(View),
    /// Select the next service that is worst off.
    Worst,
    /// Next trouble in the log, or next line that holds what is searched for.
    NextTrouble,
    /// The one before.
    PreviousTrouble,
    /// Wrap long lines of the log, or cut them.
    Wrap,
    /// Edit the filter.
    Filter,
    /// Look at all sources now.
    Refresh,
    /// Copy something of the selection: a version, a digest, an address.
    Copy,
    /// Let the terminal report the mouse, or not.
    Mouse,
    /// Show the keys.
    Help,
    /// Find a command, a view or a service by its name.
    Palette,
    /// Close, clear, zoom out.
    Back,
    /// Leave.
    Quit,
    /// Leave, and say in the terminal what was done.
    QuitSaying,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The command.
    pub command: Command,
    /// Its name on the screen.
    pub name: &'static str,
    /// Keys that mean it unless configured otherwise; the first is shown.
    pub keys: &'static [Key],
    /// What it does, in one sentence.
    pub doc: &'static str,
}

impl Entry {
    /// Its name in the config and in the palette, which stays: `roll-back`, `view-inbox`.
    #[must_use]
    pub fn id(&self) -> String {
        match self.command {
            Command::View(view) => format!("view-{}", view.title()),
            _ => self.name.replace(' ', "-"),
        }
    }
}

const fn entry(command: Command, name: &'static str, keys: &'static [Key], doc: &'static str) -> Entry {
    Entry { command, name, keys, doc }
}

const fn view(to: View, keys: &'static [Key], doc: &'static str) -> Entry {
    Entry { command: Command::View(to), name: to.title(), keys, doc }
}

/// Every command. The first ones are the ones that the footer shows first.
pub const COMMANDS: &[Entry] = &[
    entry(Command::Approve, "approve", &[Key::Char('a')], "approve the gate at hand"),
    entry(Command::Reject, "reject", &[Key::Char('x')], "reject the gate at hand"),
    entry(Command::Promote, "promote", &[Key::Char('p')], "ship what is coming to the selected environment"),
    entry(
        Command::RollBack,
        "roll back",
        &[Key::Char('r')],
        "go back to an earlier revision in the selected environment",
    ),
    entry(
        Command::WhatIf,
        "what if",
        &[Key::Char('w')],
        "show what an action would do: the requests, whom they reach, how to undo; nothing can be confirmed there",
    ),
    entry(
        Command::Changes,
        "changes",
        &[Key::Char('d')],
        "show what would ship: commits, tickets, migrations",
    ),
    entry(Command::Reasons, "why", &[Key::Char('v')], "show why the verdict is what it is"),
    entry(
        Command::Open,
        "open",
        &[Key::Enter],
        "go inwards: from a service to its depth, from an environment to its revisions",
    ),
    entry(Command::NextPanel, "panel", &[Key::Tab], "go to the next panel"),
    entry(
        Command::Filter,
        "filter",
        &[Key::Char('/')],
        "show only what holds the text; `!text` what does not, `~text` what is like it",
    ),
    entry(Command::Palette, "palette", &[Key::Char(':')], "find a command, a view or a service by its name"),
    entry(Command::Help, "keys", &[Key::Char('?')], "show all keys, why some do nothing now, and run one"),
    entry(Command::Quit, "quit", &[Key::Char('q'), Key::Ctrl('c')], "leave"),
    entry(Command::PreviousPanel, "previous panel", &[Key::BackTab], "go to the previous panel"),
    entry(Command::Worst, "worst", &[Key::Char('!')], "select the next service that is worst off"),
    entry(Command::Zoom, "zoom", &[Key::Char('z')], "give the panel the whole screen, or its share again"),
    view(View::Cockpit, &[Key::Char('1')], "go to the cockpit: everything at once"),
    view(View::Inbox, &[Key::Char('2')], "go to the inbox: everything that waits for a human"),
    view(View::Service, &[Key::Char('3')], "go to the selected service in depth"),
    view(View::Wall, &[Key::Char('4')], "go to the health wall: every service in every environment"),
    view(View::Revisions, &[Key::Char('6')], "go to what the selected environment can go back to"),
    view(
        View::Log,
        &[Key::Char('7'), Key::Char('L')],
        "go to the log of the job at hand: the selected one, else one that failed",
    ),
    view(View::Journal, &[Key::Char('8')], "go to the journal: who did what, when, and what came of it"),
    view(View::Sources, &[Key::Char('9')], "go to the sources: what is asked, how old, what is wrong"),
    entry(Command::NextTrouble, "next error", &[Key::Char('n')], "next error in the log, or next line found"),
    entry(Command::PreviousTrouble, "previous error", &[Key::Char('N')], "the one before in the log"),
    entry(Command::Wrap, "wrap", &[Key::Char('W')], "wrap long lines of the log, or cut them"),
    entry(
        Command::Tests,
        "tests",
        &[Key::Char('t')],
        "show what the tests of the run at hand said: how many passed, and each that failed",
    ),
    entry(Command::Down, "down", &[Key::Char('j'), Key::Down], "next line"),
    entry(Command::Up, "up", &[Key::Char('k'), Key::Up], "previous line"),
    entry(Command::Left, "left", &[Key::Char('h'), Key::Left], "previous environment"),
    entry(Command::Right, "right", &[Key::Char('l'), Key::Right], "next environment"),
    entry(Command::Top, "top", &[Key::Char('g'), Key::Home], "first line"),
    entry(Command::Bottom, "bottom", &[Key::Char('G'), Key::End], "last line"),
    entry(Command::Pause, "pause", &[Key::Char('P')], "hold the rollout in the selected environment"),
    entry(Command::Resume, "resume", &[Key::Char('R')], "let a held rollout go on"),
    entry(
        Command::Abort,
        "abort",
        &[Key::Char('X')],
        "give a rollout in steps up: all traffic back to the stable revision",
    ),
    entry(Command::Retry, "retry", &[Key::Char('T')], "begin an aborted rollout again"),
    entry(
        Command::Restart,
        "restart",
        &[Key::Char('B')],
        "bounce: replace every replica by a new one of the same artifact",
    ),
    entry(
        Command::PromoteFully,
        "promote fully",
        &[Key::Char('S')],
        "skip what is left of a rollout's steps, its pauses and analyses too",
    ),
    entry(
        Command::Hold,
        "hold",
        &[Key::Char('H')],
        "keep the GitOps controller from undoing changes by hand: auto-sync off, or suspended",
    ),
    entry(
        Command::Release,
        "release",
        &[Key::Char('U')],
        "let the GitOps controller apply again what Git says, over changes by hand",
    ),
    entry(Command::Rerun, "rerun", &[Key::Char('F')], "run the failed jobs of the newest run again"),
    entry(Command::Cancel, "cancel run", &[Key::Char('C')], "stop the newest run"),
    entry(Command::Mark, "mark", &[Key::Char(' ')], "mark the selection, to act on several at once"),
    entry(Command::Follow, "follow", &[Key::Char('f')], "follow the newest action to its outcome"),
    entry(Command::Refresh, "look now", &[Key::Char('u')], "look at all sources now"),
    entry(
        Command::Copy,
        "copy",
        &[Key::Char('y')],
        "copy version, commit, digest, address or the equivalent command",
    ),
    entry(
        Command::Mouse,
        "mouse",
        &[Key::Char('m')],
        "let the mouse scroll and select, or let the terminal have it",
    ),
    entry(
        Command::QuitSaying,
        "quit saying",
        &[Key::Char('Q')],
        "leave, and say in the terminal what was done",
    ),
    entry(
        Command::Back,
        "back",
        &[Key::Esc],
        "close what is on top, clear the filter and the marks, zoom out",
    ),
];

/// The table's line for a command.
#[must_use]
pub fn entry_of(command: Command) -> Option<&'static Entry> {
    COMMANDS.iter().find(|e| e.command == command)
}

/// Whether a command can act here and now.
///
/// # Errors
/// The reason why it cannot.
pub fn available(command: Command, model: &Model) -> Result<(), Refusal> {
    match command {
        Command::Changes => {
            let known = model.selected_place().is_some_and(|p| model.changes.contains_key(&p));
            known.then_some(()).ok_or_else(|| Refusal::new("no change set is known here"))
        }
        Command::Tests => views::tested(model).map(drop).ok_or_else(|| {
            Refusal::new("no test results are known here").next("select a service whose runs hand them out")
        }),
        Command::Follow => (!model.actions.is_empty())
            .then_some(())
            .ok_or_else(|| Refusal::new("nothing was done yet in this session")),
        Command::Filter if model.focus == Panel::Log => Ok(()),
        Command::Filter => menu::filterable(model),
        Command::Copy => {
            let nothing =
                || Refusal::new("nothing here to copy").next("select a service, a gate or a revision");
            (!copy::things(model).is_empty()).then_some(()).ok_or_else(nothing)
        }
        Command::View(View::Log) => (views::job_at_hand(model).is_some() || model.log.job.is_some())
            .then_some(())
            .ok_or_else(|| Refusal::new("no job of the selected service is known")),
        Command::NextTrouble | Command::PreviousTrouble | Command::Wrap => (model.focus == Panel::Log)
            .then_some(())
            .ok_or_else(|| Refusal::new("no log is looked at").next("go to the log of a job: 7, L")),
        _ => match verb_of(command) {
            Some(verb) if !model.marks.is_empty() => joint::available(model, verb),
            Some(verb) => {
                let around = model_surroundings(model)?;
                barred(&offer(verb, around)?, around).map_err(|refused| refused.refusal)
            }
            None => Ok(()),
        },
    }
}

fn journal_works(model: &Model) -> Result<(), Refusal> {
    model.journal_fault.as_ref().map_or(Ok(()), |fault| {
        Err(Refusal::new(format!("the journal cannot be written: {fault}"))
            .evidence("tried for the last action")
            .next("actions are off until it can: mend it, then look now (u)"))
    })
}

/// What the action rules look at for something that is marked.
///
/// # Errors
/// A refusal when it is not there any more.
pub fn marked_surroundings<'a>(model: &'a Model, mark: &Mark) -> Result<offer::Around<'a>, Refusal> {
    journal_works(model)?;
    let gone = || Refusal::new(format!("{mark} is not there any more")).evidence("the newest look");
    let (name, environment, gate) = match mark {
        Mark::Place(place) => (&place.service, Some(&place.environment), None),
        Mark::Gate(key) => {
            let gate = model.inbox.iter().find(|gate| &gate.value.key == key).ok_or_else(gone)?;
            (&key.run.service, gate.value.environment.as_ref(), Some(&gate.value))
        }
    };
    let service = model.service(name).ok_or_else(gone)?;
    Ok(offer::Around {
        service,
        environment: environment.and_then(|name| service.environment(name)),
        assessment: model.assessment(name),
        gate,
        world: &model.world,
        access: model.setup.access,
        now: model.now,
    })
}

/// What the action rules look at for a rollout that is selected in the inbox.
fn held_surroundings<'a>(model: &'a Model, place: &Place) -> Result<offer::Around<'a>, Refusal> {
    if views::held(model).iter().any(|(held, ..)| held == place) {
        return marked_surroundings(model, &Mark::Place(place.clone()));
    }
    let (down, up) = (model.setup.keys.shown(Command::Down), model.setup.keys.shown(Command::Up));
    Err(Refusal::new(format!("the rollout of {place} no longer waits"))
        .evidence("the newest look")
        .next(format!("choose another one: {down}, {up}")))
}

/// What the action rules look at, from the model.
///
/// # Errors
/// A refusal when nothing is selected.
pub fn model_surroundings(model: &Model) -> Result<offer::Around<'_>, Refusal> {
    let shown = |command| model.setup.keys.shown(command);
    journal_works(model)?;
    let gate = model.gate_at_hand();
    // In the inbox the selected gate says where, not the board.
    let in_inbox = model.focus == Panel::Inbox;
    let held = model.held.as_ref().filter(|_| in_inbox);
    if let Some(place) = held {
        return held_surroundings(model, place);
    }
    match (&model.gate, gate) {
        (Some(_), None) if in_inbox => {
            let gone = Refusal::new("the gate that was selected no longer waits");
            let next = format!("choose another one: {}, {}", shown(Command::Down), shown(Command::Up));
            return Err(gone.evidence("the newest look").next(next));
        }
        (None, _) if in_inbox && !model.inbox.is_empty() => {
            let (down, up) = (shown(Command::Down), shown(Command::Up));
            let next = format!("choose one: {down}, {up}; or leave the inbox: esc");
            return Err(Refusal::new("no gate is selected").next(next));
        }
        _ => {}
    }
    let of_gate = gate.filter(|_| in_inbox).map(|g| &g.value.key.run.service);
    let name = of_gate.or(model.selected.as_ref());
    let (name, service) = name.and_then(|name| Some((name, model.service(name)?))).ok_or_else(|| {
        Refusal::new("no service is selected")
            .evidence("the board")
            .next("choose one, or clear the filter (esc)")
    })?;
    let environment = gate
        .filter(|_| in_inbox)
        .and_then(|g| service.environment(g.value.environment.as_ref()?))
        .or_else(|| {
            model
                .environments
                .get(&service.name)
                .and_then(|i| service.environments.get(*i))
                .or_else(|| service.environments.last())
        });
    Ok(offer::Around {
        service,
        environment,
        assessment: model.assessment(name),
        gate: gate.map(|g| &g.value),
        world: &model.world,
        access: model.setup.access,
        now: model.now,
    })
}
