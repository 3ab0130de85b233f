//! A small frame that shows what a theme looks like: one of everything that must be told apart.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::panel::{self, Edge, Keyboard, Title};
use super::sheet::{Sheet, Words};
use crate::theme::{Glyphs, Role, Sign, Theme};

/// Columns and rows of it.
const SIZE: (u16, u16) = (78, 7);

/// Draws it.
#[must_use]
pub fn sample(theme: &Theme) -> Buffer {
    let area = Rect::new(0, 0, SIZE.0, SIZE.1);
    let mut buf = Buffer::empty(area);
    let mut sheet = Sheet::new(&mut buf, area);
    sheet.clear(theme.style(Role::Base));
    let words = || Words::new(theme);
    let title = Title::new(theme, "services").right(words().sign(Sign::Alive).say(Role::Muted, " 3 s"));
    let mut inside = panel::frame(&mut sheet, theme, Edge::Box, Keyboard::Here, title);
    let rows = [
        (Sign::Waiting, "checkout", "v2.14.2", Role::Waiting, "HOLD   ", "approval, you · 4 min"),
        (Sign::Good, "ledger", "v1.9.0", Role::Go, "GO     ", "nothing"),
        (Sign::Bad, "search", "v4.2.0", Role::NoGo, "NO-GO  ", "error rate 4.1 % above 2 %"),
    ];
    for (y, (sign, name, version, role, verdict, why)) in (0..).zip(rows) {
        let line = words()
            .gap(2)
            .say(Role::Strong, format!("{name:<10}"))
            .say(Role::Accent, format!("{version:<9}"));
        let line = line.sign(Sign::Running).gap(1).sign(sign).gap(2).say(role, verdict);
        inside.line(y, &line.say(Role::Muted, why).line());
    }
    inside.select(0, theme, theme.style(Role::Focus));
    let keys = words().gap(1).say(Role::Key, "a").say(Role::Base, " approve  ");
    let keys = keys.say(Role::KeyOff, "r roll back  ").say(Role::Stale, "41 s old").gap(2);
    let keys = keys.say(Role::Badge, " PRODUCTION ").gap(1).say(Role::ButtonFocus, " Approve ").gap(1);
    inside.line(4, &keys.say(Role::Button, " Cancel ").gap(1).say(Role::Problem, " refused ").line());
    if theme.glyphs == Glyphs::Ascii {
        super::to_ascii(&mut buf, area);
    }
    buf
}
