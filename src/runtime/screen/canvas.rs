//! The terminal as a canvas: a frame is composed in memory and its difference is written in one piece. Knows no model.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal};

use crate::runtime::{mishap, terminal};

/// Where frames are composed before they are written in one piece.
#[derive(Clone, Default)]
struct Paper(Rc<RefCell<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The terminal as a canvas.
pub(super) struct Canvas {
    terminal: Terminal<CrosstermBackend<Paper>>,
    paper: Paper,
    /// What an empty difference writes: nothing worth sending.
    nothing: Vec<u8>,
}

impl Canvas {
    pub(super) fn new() -> io::Result<Self> {
        mishap::fail("canvas")?;
        let paper = Paper::default();
        let mut terminal = Terminal::new(CrosstermBackend::new(paper.clone()))?;
        paper.0.borrow_mut().clear();
        terminal.flush()?;
        let nothing = paper.0.take();
        Ok(Self { terminal, paper, nothing })
    }

    /// Takes the terminal's size; what is on it is drawn anew.
    pub(super) fn fit(&mut self) -> io::Result<(u16, u16)> {
        let (columns, rows) = terminal::size()?;
        self.terminal.resize(Rect::new(0, 0, columns, rows))?;
        Ok((columns, rows))
    }

    /// Draws one frame and writes the difference, framed as one synchronised update.
    pub(super) fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        mishap::crash("draw");
        render(&mut self.terminal.get_frame());
        self.terminal.flush()?;
        self.terminal.swap_buffers();
        let difference = self.paper.0.take();
        if difference.is_empty() || difference == self.nothing {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        out.write_all(b"\x1b[?2026h")?;
        out.write_all(&difference)?;
        out.write_all(b"\x1b[?2026l")?;
        out.flush()
    }
}
