//! What a key can mean: one table of name, keys, doc and availability. Footer, help and keymap derive from it.

use super::deed::verb_of;
use super::key::Key;
use super::model::{Model, Panel};
use super::views::{self, View};
use crate::action::{barred, offer};
use crate::domain::Refusal;

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
    /// Run failed jobs again.
    Rerun,
    /// Stop the run.
    Cancel,
    /// Show the change set.
    Changes,
    /// Show the reasons of the verdict.
    Reasons,
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
    /// Copy what the selection is called.
    Copy,
    /// Show the keys.
    Help,
    /// Close, clear, zoom out.
    Back,
    /// Leave.
    Quit,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The command.
    pub command: Command,
    /// Its name.
    pub name: &'static str,
    /// Keys that mean it; the first is shown.
    pub keys: &'static [Key],
    /// What it does, in one sentence.
    pub doc: &'static str,
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
        Command::Changes,
        "changes",
        &[Key::Char('d')],
        "show what would ship: commits, tickets, migrations",
    ),
    entry(Command::Reasons, "why", &[Key::Char('w')], "show why the verdict is what it is"),
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
        "show only services whose name or verdict holds the text",
    ),
    entry(Command::Help, "keys", &[Key::Char('?')], "show all keys, and why some do nothing now"),
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
    entry(Command::Down, "down", &[Key::Char('j'), Key::Down], "next line"),
    entry(Command::Up, "up", &[Key::Char('k'), Key::Up], "previous line"),
    entry(Command::Left, "left", &[Key::Char('h'), Key::Left], "previous environment"),
    entry(Command::Right, "right", &[Key::Char('l'), Key::Right], "next environment"),
    entry(Command::Top, "top", &[Key::Char('g'), Key::Home], "first line"),
    entry(Command::Bottom, "bottom", &[Key::Char('G'), Key::End], "last line"),
    entry(Command::Pause, "pause", &[Key::Char('P')], "hold the rollout in the selected environment"),
    entry(Command::Resume, "resume", &[Key::Char('R')], "let a held rollout go on"),
    entry(Command::Rerun, "rerun", &[Key::Char('F')], "run the failed jobs of the newest run again"),
    entry(Command::Cancel, "cancel run", &[Key::Char('C')], "stop the newest run"),
    entry(Command::Follow, "follow", &[Key::Char('f')], "follow the newest action to its outcome"),
    entry(Command::Refresh, "look now", &[Key::Char('u')], "look at all sources now"),
    entry(Command::Copy, "copy", &[Key::Char('y')], "copy version, revision or address of the selection"),
    entry(Command::Back, "back", &[Key::Esc], "close what is on top, clear the filter, zoom out"),
];

/// The command that `key` means.
#[must_use]
pub fn command_of(key: Key) -> Option<Command> {
    COMMANDS.iter().find(|e| e.keys.contains(&key)).map(|e| e.command)
}

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
        Command::Follow => (!model.actions.is_empty())
            .then_some(())
            .ok_or_else(|| Refusal::new("nothing was done yet in this session")),
        Command::View(View::Log) => (views::job_at_hand(model).is_some() || model.log.job.is_some())
            .then_some(())
            .ok_or_else(|| Refusal::new("no job of the selected service is known")),
        Command::NextTrouble | Command::PreviousTrouble | Command::Wrap => (model.focus == Panel::Log)
            .then_some(())
            .ok_or_else(|| Refusal::new("no log is looked at").next("go to the log of a job: 7, L")),
        _ => match verb_of(command) {
            Some(verb) => {
                let around = model_surroundings(model)?;
                barred(&offer(verb, around)?, around).map_err(|refused| refused.refusal)
            }
            None => Ok(()),
        },
    }
}

/// What the action rules look at, from the model.
///
/// # Errors
/// A refusal when nothing is selected.
pub fn model_surroundings(model: &Model) -> Result<offer::Around<'_>, Refusal> {
    if let Some(fault) = &model.journal_fault {
        return Err(Refusal::new(format!("the journal cannot be written: {fault}"))
            .evidence("tried for the last action")
            .next("actions are off until it can: mend it, then look now (u)"));
    }
    let gate = model.gate_at_hand();
    // In the inbox the selected gate says where, not the board.
    let in_inbox = model.focus == Panel::Inbox;
    match (&model.gate, gate) {
        (Some(_), None) if in_inbox => {
            let gone = Refusal::new("the gate that was selected no longer waits");
            return Err(gone.evidence("the newest look").next("choose another one: j, k"));
        }
        (None, _) if in_inbox && !model.inbox.is_empty() => {
            return Err(Refusal::new("no gate is selected").next("choose one: j, k; or leave the inbox: esc"));
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
