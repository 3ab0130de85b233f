//! Lists to choose from: the keys (`?`), the palette (`:`), what an action would do (`w`), what can be copied (`y`).
//! What is in a list is found anew from the model each time; what is chosen is kept by what it is, never by its row.

use super::command::{COMMANDS, Command, Entry, available};
use super::copy;
use super::deed::verb_of;
use super::dialog::InputText;
use super::filter::{self, Finder};
use super::model::{Model, Panel};
use super::views::View;
use crate::domain::{Refusal, SafeText, ServiceName};

/// How many lines a search finds at the most.
const MOST: usize = 200;

/// How many runs the history keeps.
pub const REMEMBERED: usize = 50;

/// What a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MenuKind {
    /// Every key, the live ones of the focus first; enter does what the key does.
    Keys,
    /// Every command, view and service by name.
    Palette,
    /// Every action; its key shows what it would do.
    WhatIf,
    /// What the selection has to copy.
    Copy,
}

/// A list on the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Menu {
    /// What it is for.
    pub kind: MenuKind,
    /// What was typed to find something in it.
    pub line: InputText,
    /// What is chosen, if it is not the first.
    pub chosen: Option<Pick>,
    /// Which run of the history the line shows, counted from the newest.
    pub recalled: Option<usize>,
}

/// One thing in a list, by what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// A command.
    Command(Command),
    /// A service, to be gone to.
    Service(ServiceName),
    /// Something to copy, by its label.
    Copy(&'static str),
}

/// One line of a list.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it is.
    pub pick: Pick,
    /// Its keys, as they are shown.
    pub keys: String,
    /// Its name.
    pub name: SafeText,
    /// What it does or holds.
    pub doc: SafeText,
    /// Why it can do nothing now, if so.
    pub able: Result<(), Refusal>,
    /// Under which heading it stands.
    pub group: Group,
}

/// The headings of a list, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// What the panel with the keyboard is about, and can act.
    Here,
    /// Whatever else can act.
    Elsewhere,
    /// What cannot act now.
    Off,
    /// A list without headings.
    Plain,
}

impl Menu {
    /// A list in which nothing was typed yet.
    #[must_use]
    pub fn new(kind: MenuKind) -> Self {
        Self { kind, line: InputText::default(), chosen: None, recalled: None }
    }

    /// What was typed.
    #[must_use]
    pub fn typed(&self) -> &str {
        self.line.0.value()
    }

    /// Where the chosen line is among `items`: it, else the first.
    #[must_use]
    pub fn row(&self, items: &[Item]) -> usize {
        items.iter().position(|item| Some(&item.pick) == self.chosen.as_ref()).unwrap_or(0)
    }

    /// What enter is about.
    #[must_use]
    pub fn at_hand(&self, items: &[Item]) -> Option<Pick> {
        items.get(self.row(items)).map(|item| item.pick.clone())
    }
}

/// What the list shows now.
#[must_use]
pub fn items(model: &Model, menu: &Menu) -> Vec<Item> {
    let typed = menu.typed().trim();
    match menu.kind {
        MenuKind::Keys => {
            let mut items: Vec<Item> = COMMANDS.iter().map(|entry| item_of(model, entry)).collect();
            items.sort_by_key(|item| item.group);
            found(items, typed)
        }
        MenuKind::Palette => palette(model, typed),
        MenuKind::WhatIf => {
            let deeds = COMMANDS.iter().filter(|entry| verb_of(entry.command).is_some());
            deeds.map(|entry| Item { group: Group::Plain, ..item_of(model, entry) }).collect()
        }
        MenuKind::Copy => {
            let things = copy::things(model);
            let items = things.into_iter().map(|thing| Item {
                pick: Pick::Copy(thing.label),
                keys: String::new(),
                name: thing.label.into(),
                doc: thing.text,
                able: Ok(()),
                group: Group::Plain,
            });
            items.collect()
        }
    }
}

fn item_of(model: &Model, entry: &Entry) -> Item {
    let able = available(entry.command, model);
    let group = match (&able, concerns(entry.command, model.focus)) {
        (Err(_), _) => Group::Off,
        (Ok(()), true) => Group::Here,
        (Ok(()), false) => Group::Elsewhere,
    };
    Item {
        pick: Pick::Command(entry.command),
        keys: model.setup.keys.all_shown(entry.command),
        name: entry.name.into(),
        doc: entry.doc.into(),
        able,
        group,
    }
}

/// Whether a command is about what the panel shows.
fn concerns(command: Command, panel: Panel) -> bool {
    use Command::*;
    let list = matches!(command, Open | Down | Up | Top | Bottom | Copy);
    let deed = verb_of(command).is_some() || command == WhatIf;
    match panel {
        Panel::Board => list || deed || matches!(command, Filter | Worst | Changes | Reasons | Left | Right),
        Panel::Inbox => {
            list || matches!(
                command,
                Approve | Reject | Resume | PromoteFully | Abort | RollBack | WhatIf | Filter | Changes
            )
        }
        Panel::Pipeline => list || matches!(command, Rerun | Cancel | WhatIf | Changes),
        Panel::Environments => {
            list || matches!(
                command,
                Left | Right
                    | WhatIf
                    | Promote
                    | RollBack
                    | Pause
                    | Resume
                    | PromoteFully
                    | Abort
                    | Retry
                    | Restart
                    | Changes
            )
        }
        Panel::Health => {
            matches!(
                command,
                Down | Up | Zoom | Reasons | RollBack | Restart | Pause | Abort | WhatIf | Left | Right
            )
        }
        Panel::Activity => matches!(command, Down | Up | Top | Bottom | Filter | Follow | Zoom),
        Panel::Revisions => list || matches!(command, RollBack | WhatIf | Filter | Changes),
        Panel::Wall => list || deed || matches!(command, Filter | Worst | Reasons | Left | Right),
        Panel::Journal => list || matches!(command, Refresh),
        Panel::Log => {
            list || matches!(command, Filter | NextTrouble | PreviousTrouble | Wrap | Left | Right | Zoom)
        }
        Panel::Sources => matches!(command, Down | Up | Top | Bottom | Refresh),
    }
}

/// The items whose name, keys or doc hold the text; by name first.
fn found(items: Vec<Item>, typed: &str) -> Vec<Item> {
    if typed.is_empty() {
        return items;
    }
    let wanted = typed.to_lowercase();
    let holds = |text: &str| text.to_lowercase().contains(&wanted);
    let mut fitting: Vec<(bool, Item)> = items
        .into_iter()
        .filter_map(|item| {
            let named = holds(item.name.as_str()) || item.keys.split(' ').any(|key| key == typed);
            (named || holds(item.doc.as_str())).then_some((!named, item))
        })
        .collect();
    fitting.sort_by_key(|(other, item)| (*other, item.group));
    fitting.into_iter().map(|(_, item)| Item { group: Group::Plain, ..item }).collect()
}

/// Without a text: every command. With one: what is named like it, the nearest first, then what speaks of it.
fn palette(model: &Model, typed: &str) -> Vec<Item> {
    let plain = |entry: &Entry| Item {
        name: SafeText::new(&entry.id()),
        group: Group::Plain,
        ..item_of(model, entry)
    };
    if typed.is_empty() {
        return COMMANDS.iter().map(plain).collect();
    }
    let mut finder = Finder::new(typed);
    let exact = |name: &str| name.eq_ignore_ascii_case(typed);
    let wanted = typed.to_lowercase();
    let mut scored: Vec<(u32, Item)> = Vec::new();
    for entry in COMMANDS {
        let id = entry.id();
        let short = match entry.command {
            Command::View(view) => Some(view.title()),
            _ => None,
        };
        let names = short.into_iter().chain([id.as_str()]);
        let by_name = names.filter_map(|name| score(&mut finder, name, exact(name))).max();
        if let Some(score) = by_name.or_else(|| entry.doc.to_lowercase().contains(&wanted).then_some(0)) {
            scored.push((score, plain(entry)));
        }
    }
    for service in &model.setup.services {
        let name = service.name.as_str();
        if let Some(score) = score(&mut finder, name, exact(name)) {
            scored.push((score, service_item(&service.name)));
        }
    }
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().take(MOST).map(|(_, item)| item).collect()
}

/// What is named exactly so comes first.
fn score(finder: &mut Finder, name: &str, exact: bool) -> Option<u32> {
    finder.score(name).map(|score| if exact { u32::MAX } else { score.saturating_add(1_000) })
}

fn service_item(name: &ServiceName) -> Item {
    Item {
        pick: Pick::Service(name.clone()),
        keys: String::new(),
        name: name.0.clone(),
        doc: "go to this service in depth".into(),
        able: Ok(()),
        group: Group::Plain,
    }
}

/// The name that tab completes the line to.
#[must_use]
pub fn completion(model: &Model, menu: &Menu) -> Option<SafeText> {
    let items = items(model, menu);
    items.get(menu.row(&items)).map(|item| item.name.clone())
}

/// What the view with the keyboard is for, in a few words: the doc of the command that goes there.
#[must_use]
pub fn about(view: View) -> &'static str {
    let entry = COMMANDS.iter().find(|entry| entry.command == Command::View(view));
    entry.map_or("", |entry| entry.doc.strip_prefix("go to ").unwrap_or(entry.doc))
}

/// Whether something can be filtered where the keyboard is.
///
/// # Errors
/// Why not.
pub fn filterable(model: &Model) -> Result<(), Refusal> {
    filter::target(model).map(|_| ()).ok_or_else(|| {
        Refusal::new("nothing here is a list that can be filtered")
            .next("services, inbox, revisions and activity are")
    })
}
