//! Draws the screen: what has changed since it was last drawn, and the samples in pixels where the terminal has them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::layout::{Rect, Size};
use whelp::data::Grid;

use super::RHYTHM;
use super::backend::Bytes;
use super::color::Colors;
use super::graphics::{Graphics, QUESTIONS};
use super::input::Answer;
use super::layout;
use super::picture;
use super::state::State;
use super::terminal;

/// A picture in pixels has at most so many along each side: a slow line takes a while for more.
const MOST_PIXELS: usize = 640;

/// The least side of one of its samples.
const LEAST_SIDE: usize = 48;

/// Without anything new the screen is drawn this often.
const IDLE: Duration = Duration::from_secs(5);

/// What is drawn, but for samples in pixels: those, and where they are.
pub struct Drawn(Option<(Arc<Grid>, Rect)>);

pub struct Painter {
    terminal: Terminal<Bytes>,
    colors: Colors,
    graphics: Option<Graphics>,
    /// Of a cell, in pixels, if the terminal says so.
    cell: Option<Size>,
    /// Whether the terminal is to be asked what it has.
    asks: bool,
    /// The samples that were told in pixels, and where they are.
    told: Option<(Arc<Grid>, Rect)>,
    drawn: Option<Instant>,
}

impl Painter {
    pub fn new() -> Self {
        let colors = Colors::of_this_process();
        let (size, cell) = terminal::size();
        let Ok(terminal) = Terminal::new(Bytes::new(size, colors));
        // The Linux console prints such questions.
        let asks = colors != Colors::None && !std::env::var("TERM").is_ok_and(|term| term == "linux");
        Self { terminal, colors, graphics: None, cell, asks, told: None, drawn: None }
    }

    /// The screen is empty now.
    pub fn begin(&mut self) {
        let Ok(()) = self.terminal.clear();
        (self.told, self.drawn) = (None, None);
        if std::mem::take(&mut self.asks) {
            self.terminal.backend_mut().add(0, 0, QUESTIONS);
        }
    }

    /// The terminal has said something of itself.
    pub fn hear(&mut self, answer: &Answer) {
        match answer {
            Answer::Kitty => {
                terminal::has_pictures();
                self.graphics = Some(Graphics::Kitty);
            }
            Answer::Sixels => self.graphics = self.graphics.or(Some(Graphics::Sixels)),
            Answer::Cell { width, height } => self.cell = Some(Size::new(*width, *height)),
        }
        (self.told, self.drawn) = (None, None);
    }

    /// Draws; none if nothing has changed, or if the last time was a moment ago. [`Self::encode`] has to follow.
    pub fn draw(&mut self, state: &mut State) -> Option<Drawn> {
        let (size, cell) = terminal::size();
        let is_resized = std::mem::replace(&mut self.terminal.backend_mut().size, size) != size;
        let since = self.drawn.map(|drawn| drawn.elapsed());
        let is_due = since.is_none_or(|since| since >= IDLE || (state.is_new && since >= RHYTHM));
        if !is_due && !is_resized {
            return None;
        }
        if is_resized {
            // A cell may have another size now, and what was told in pixels is gone.
            (self.cell, self.told) = (cell.or(self.cell), None);
        }
        (state.is_new, self.drawn) = (false, Some(Instant::now()));
        let (colors, has_pixels) = (self.colors, self.graphics.is_some() && self.cell.is_some());
        let mut place = None;
        let Ok(_) = self.terminal.draw(|frame| place = layout::draw(frame, state, colors, has_pixels));
        let grid = state.samples.as_ref().map(|samples| samples.grid.clone());
        Some(Drawn(grid.zip(place)))
    }

    /// What to write. Pictures take a while, so the state should be free by now.
    pub fn encode(&mut self, drawn: Drawn) -> Option<Vec<u8>> {
        if let (Some((grid, place)), Some((graphics, cell))) = (drawn.0, self.graphics.zip(self.cell)) {
            self.tell_samples(grid, place, graphics, cell);
        }
        Some(self.terminal.backend_mut().take()).filter(|bytes| !bytes.is_empty())
    }

    /// Tells the samples in pixels, if they are new or have another place.
    fn tell_samples(&mut self, grid: Arc<Grid>, place: Rect, graphics: Graphics, cell: Size) {
        let is_told = self.told.as_ref().is_some_and(|(told, area)| Arc::ptr_eq(told, &grid) && *area == place);
        if is_told || place.is_empty() {
            return;
        }
        let pixels = |cells: u16, pixels: u16| (usize::from(cells) * usize::from(pixels)).min(MOST_PIXELS);
        let (width, height) = (pixels(place.width, cell.width), pixels(place.height, cell.height));
        let Some(pixels) = picture::fit(&grid, width, height, LEAST_SIDE) else { return };
        let cells = |pixels: usize, side: u16| pixels.div_ceil(usize::from(side)) as u16;
        let taken = Size::new(cells(pixels.width, cell.width), cells(pixels.height, cell.height));
        let backend = self.terminal.backend_mut();
        let blank = " ".repeat(usize::from(place.width));
        (place.top()..place.bottom()).for_each(|y| backend.add(place.x, y, blank.as_bytes()));
        backend.add(place.x, place.y, &graphics.picture(&pixels, taken));
        self.told = Some((grid, place));
    }
}
