//! What the loop must know of how things look: whoever implements it knows themes; the loop does not.

use std::path::PathBuf;

use ratatui::Frame;

use crate::app::Model;
use crate::app::spot::Spot;

/// How the cockpit looks.
pub trait Face {
    /// Draws one frame.
    fn draw(&self, model: &Model, frame: &mut Frame<'_>);

    /// What is drawn at a column and a row.
    fn spot_at(&self, model: &Model, column: u16, row: u16) -> Option<Spot>;

    /// Whether it depends on the colour of the terminal's ground.
    fn asks_for_ground(&self) -> bool;

    /// The terminal's ground is of this colour: red, green, blue.
    fn ground(&mut self, colour: (u8, u8, u8));

    /// The file that it is read from, if from one: it is looked at while the cockpit runs.
    fn file(&self) -> Option<PathBuf>;

    /// The file reads so now.
    ///
    /// # Errors
    /// What is wrong with it, and where; the look stays as it was.
    fn reload(&mut self, text: &str) -> Result<(), String>;
}
