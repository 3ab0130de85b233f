//! The first screen: what this is, and three ways to go on. Below 60 columns or 16 rows as much of it as fits.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::text;
use crate::app::welcome::{Page, Welcome};
use crate::theme::{Role, Theme};

/// A piece of text with its look.
type Piece = (Role, String);

/// Columns that text may have: longer lines are hard to read.
const WIDEST: u16 = 100;

/// Draws it.
pub fn draw(welcome: &Welcome, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    render(welcome, theme, area, frame.buffer_mut());
}

/// One frame of the given size, without a terminal.
#[must_use]
pub fn still(welcome: &Welcome, theme: &Theme, width: u16, height: u16) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    render(welcome, theme, area, &mut buf);
    buf
}

fn render(welcome: &Welcome, theme: &Theme, area: Rect, buf: &mut Buffer) {
    buf.set_style(area, theme.style(Role::Base));
    let width = area.width.min(WIDEST);
    let left = area.x + (area.width - width) / 2 + u16::from(width > 4) * 2;
    let room = usize::from(width.saturating_sub(4)).max(1);
    let body = match welcome.page {
        Page::Choices => choices(welcome, room),
        Page::Found => found(welcome, room),
        Page::Docs => docs(welcome, room),
    };
    let last = area.height.saturating_sub(1);
    // The first page stands in the upper third, the others begin at the top.
    let top = if welcome.page == Page::Choices {
        let free = usize::from(last).saturating_sub(body.len());
        u16::try_from(free / 3).unwrap_or_default()
    } else {
        u16::from(area.height > 10)
    };
    let visible = usize::from(last.saturating_sub(top));
    let most = body.len().saturating_sub(visible);
    let shown = body.iter().skip(welcome.scroll.min(most)).take(visible);
    for (y, line) in (area.y + top..).zip(shown) {
        put(buf, theme, (left, y), line, area.right());
    }
    if area.height > 0 {
        put(buf, theme, (left, area.y + last), &footer(welcome, most > 0), area.right());
    }
}

fn put(buf: &mut Buffer, theme: &Theme, (mut x, y): (u16, u16), line: &[Piece], right: u16) {
    for (role, said) in line {
        let room = usize::from(right.saturating_sub(x));
        let style = theme.style(Role::Base).patch(theme.style(*role));
        x = buf.set_stringn(x, y, said, room, style).0;
    }
}

fn footer(welcome: &Welcome, scrolls: bool) -> Vec<Piece> {
    let mut keys: Vec<(&str, &str)> = match welcome.page {
        Page::Choices => vec![],
        Page::Found if welcome.can_write() => vec![("w", "write it"), ("esc", "back")],
        Page::Found | Page::Docs => vec![("esc", "back")],
    };
    if scrolls {
        keys.push(("j/k", "scroll"));
    }
    keys.extend([("d", "demo"), ("q", "leave")]);
    if welcome.page == Page::Choices {
        keys = vec![("q", "leave")];
    }
    let pieces = keys
        .into_iter()
        .flat_map(|(key, what)| [(Role::Key, format!(" {key} ")), (Role::Muted, format!(" {what}   "))]);
    pieces.collect()
}

fn choices(welcome: &Welcome, room: usize) -> Vec<Vec<Piece>> {
    let mut lines = vec![
        vec![(Role::Title, "gonogo".to_owned()), (Role::Muted, "  the release cockpit".to_owned())],
        vec![],
    ];
    say(
        &mut lines,
        Role::Strong,
        "One screen that answers GO or NO-GO, and keys that are safe to press.",
        room,
    );
    lines.push(vec![]);
    say(
        &mut lines,
        Role::Muted,
        &format!("There is no config at {} yet. Three ways to go on:", welcome.path),
        room,
    );
    lines.push(vec![]);
    let setup = match &welcome.proposal {
        None => "looking around: git remotes, CI files, logins, clusters…".to_owned(),
        Some(proposal) => match (&proposal.problem, proposal.found.len()) {
            (Some(problem), _) => problem.to_string(),
            (None, 0) => "nothing was found; it would be the commented example".to_owned(),
            (None, 1) => "one thing was found; you see it before anything is written".to_owned(),
            (None, n) => format!("{n} things were found; you see them before anything is written"),
        },
    };
    for (key, what, more) in [
        (
            "d",
            "see the demo",
            "a release day on this machine: no account, no network, nothing is real".to_owned(),
        ),
        ("i", "set up from this repository", setup),
        ("r", "read the docs", "a page about how it works, and where its files are".to_owned()),
    ] {
        lines.push(vec![(Role::Key, format!(" {key} ")), (Role::Strong, format!("  {what}"))]);
        for part in text::wrap(&more, room.saturating_sub(5).max(1)) {
            lines.push(vec![(Role::Muted, format!("     {part}"))]);
        }
        lines.push(vec![]);
    }
    lines
}

fn found(welcome: &Welcome, room: usize) -> Vec<Vec<Piece>> {
    let mut lines = vec![vec![(Role::Title, "set up from this repository".to_owned())], vec![]];
    let Some(proposal) = &welcome.proposal else {
        say(&mut lines, Role::Muted, "looking around…", room);
        return lines;
    };
    for found in &proposal.found {
        say(&mut lines, Role::Base, found.as_str(), room);
    }
    if let Some(problem) = &proposal.problem {
        say(&mut lines, Role::Problem, problem.as_str(), room);
        return lines;
    }
    lines.push(vec![]);
    let says = format!("w writes this to {}; nothing else is changed, nothing is overwritten.", welcome.path);
    say(&mut lines, Role::Strong, &says, room);
    lines.push(vec![]);
    for line in &proposal.config {
        let role = if line.as_str().trim_start().starts_with('#') { Role::Muted } else { Role::Accent };
        lines.push(vec![(role, text::cut(line.as_str(), room))]);
    }
    lines
}

const DOCS: &[(&str, &str)] = &[
    (
        "What it does",
        "It looks at your CI, your clusters and your metrics, and says for every service whether to go on: GO, HOLD, NO-GO, \
         or UNKNOWN where there is no evidence. What waits for a human stands on top.",
    ),
    (
        "Why its keys are safe",
        "A key that changes something first shows the very requests that would be sent, and what they rest on. Nothing is \
         sent before you confirm; nothing is sent twice; done is said only after a later look proved it. --read-only \
         sends nothing at all.",
    ),
    (
        "The first keys",
        "? lists the keys that work where you are, with why others do not. a approves what waits, r rolls back, w shows what \
         would happen, / filters, q leaves.",
    ),
    (
        "Setting it up",
        "gonogo init writes a commented config of what it finds. gonogo doctor checks every source, each problem with what \
         mends it. gonogo schema helps your editor. docs/config.md holds every key, docs/providers what each source reads \
         and which permissions it needs.",
    ),
    (
        "For scripts",
        "gonogo status --json tells the same in a stable form and exits by the verdict: 0 GO, 3 HOLD, 4 NO-GO. gonogo journal \
         verify proves that the record of every action is whole.",
    ),
];

fn docs(welcome: &Welcome, room: usize) -> Vec<Vec<Piece>> {
    let mut lines = vec![vec![(Role::Title, "how it works".to_owned())], vec![]];
    for (title, said) in DOCS {
        lines.push(vec![(Role::Strong, (*title).to_owned())]);
        say(&mut lines, Role::Base, said, room);
        lines.push(vec![]);
    }
    lines.push(vec![(Role::Strong, "Where its files are".to_owned())]);
    let wide = welcome.places.iter().map(|(what, _)| what.len()).max().unwrap_or(0);
    for (what, place) in &welcome.places {
        let place = text::cut(place.as_str(), room.saturating_sub(wide + 2).max(1));
        lines.push(vec![(Role::Muted, format!("{what:<wide$}  ")), (Role::Accent, place)]);
    }
    lines
}

fn say(lines: &mut Vec<Vec<Piece>>, role: Role, said: &str, room: usize) {
    lines.extend(text::wrap(said, room).into_iter().map(|part| vec![(role, part)]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::welcome::Proposal;

    fn text_of(welcome: &Welcome, width: u16, height: u16) -> String {
        let theme = Theme::built_in("dark").unwrap();
        let buf = still(welcome, &theme, width, height);
        (0..height).map(|y| (0..width).map(|x| buf[(x, y)].symbol()).collect::<String>() + "\n").collect()
    }

    fn welcome() -> Welcome {
        Welcome {
            path: "/home/ada/.config/gonogo/config.toml".into(),
            places: vec![("config", "/home/ada/.config/gonogo/config.toml".into())],
            ..Welcome::default()
        }
    }

    #[test]
    fn the_three_choices_are_there_on_every_usual_size() {
        for (width, height) in [(160, 50), (80, 24), (60, 20)] {
            let text = text_of(&welcome(), width, height);
            for choice in
                [" d   see the demo", " i   set up from this repository", " r   read the docs", " q  leave"]
            {
                assert!(text.contains(choice), "{width}x{height} {choice}\n{text}");
            }
        }
    }

    #[test]
    fn what_would_be_written_is_shown_with_its_place() {
        let proposal = Proposal {
            found: vec!["remote acme/checkout".into()],
            config: vec!["# a comment".into(), "[ui]".into()],
            problem: None,
        };
        let shown = Welcome { page: Page::Found, proposal: Some(proposal), ..welcome() };
        let text = text_of(&shown, 80, 24);
        for part in
            ["remote acme/checkout", "w writes this to /home/ada", "# a comment", "[ui]", " w  write it"]
        {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn no_size_and_no_page_stops_it() {
        for page in [Page::Choices, Page::Found, Page::Docs] {
            for (width, height) in [(0, 0), (1, 1), (3, 40), (400, 1), (5, 5), (400, 120)] {
                text_of(&Welcome { page, scroll: 1_000, ..welcome() }, width, height);
            }
        }
    }
}
