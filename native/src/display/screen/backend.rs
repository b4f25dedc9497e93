//! What ratatui draws, as bytes for the terminal. They are collected, so that a frame is written at once, and not while anything is
//! locked.

use std::convert::Infallible;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::queue;
use crossterm::style::{Attribute, Color as TermColor, Print, SetAttribute, SetBackgroundColor, SetForegroundColor};
use crossterm::terminal::{Clear, ClearType as TermClear};
use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};

use super::color::Colors;

/// A terminal that is written later.
#[derive(Debug)]
pub struct Bytes {
    pub size: Size,
    colors: Colors,
    bytes: Vec<u8>,
    position: Position,
}

/// Queues commands; a vector takes everything.
macro_rules! tell {
    ($bytes:expr, $($command:expr),+) => { queue!($bytes, $($command),+).expect("a vector grows") };
}

impl Bytes {
    pub fn new(size: Size, colors: Colors) -> Self {
        Self { size, colors, bytes: Vec::new(), position: Position::ORIGIN }
    }

    /// Everything since the last time.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Adds what only this terminal understands, at a place.
    pub fn add(&mut self, x: u16, y: u16, bytes: &[u8]) {
        tell!(self.bytes, MoveTo(x, y));
        self.bytes.extend(bytes);
    }

    fn style(&mut self, cell: &Cell) {
        tell!(self.bytes, SetAttribute(Attribute::Reset));
        let attributes = [
            (Modifier::BOLD, Attribute::Bold),
            (Modifier::DIM, Attribute::Dim),
            (Modifier::REVERSED, Attribute::Reverse),
            (Modifier::UNDERLINED, Attribute::Underlined),
        ];
        for (_, attribute) in attributes.iter().filter(|(modifier, _)| cell.modifier.contains(*modifier)) {
            tell!(self.bytes, SetAttribute(*attribute));
        }
        for (color, is_front) in [(cell.fg, true), (cell.bg, false)] {
            match (term_color(self.colors.closest(color)), is_front) {
                (TermColor::Reset, _) => {}
                (color, true) => tell!(self.bytes, SetForegroundColor(color)),
                (color, false) => tell!(self.bytes, SetBackgroundColor(color)),
            }
        }
    }
}

impl Backend for Bytes {
    type Error = Infallible;

    fn draw<'a, I>(&mut self, content: I) -> Result<(), Infallible>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut last: Option<(u16, u16, &Cell)> = None;
        for (x, y, cell) in content {
            if last.is_none_or(|(before, row, _)| (before + 1, row) != (x, y)) {
                tell!(self.bytes, MoveTo(x, y));
            }
            let same = |other: &Cell| (other.fg, other.bg, other.modifier) == (cell.fg, cell.bg, cell.modifier);
            if !last.is_some_and(|(.., other)| same(other)) {
                self.style(cell);
            }
            tell!(self.bytes, Print(cell.symbol()));
            last = Some((x, y, cell));
        }
        tell!(self.bytes, SetAttribute(Attribute::Reset));
        Ok(())
    }

    fn hide_cursor(&mut self) -> Result<(), Infallible> {
        tell!(self.bytes, Hide);
        Ok(())
    }

    fn show_cursor(&mut self) -> Result<(), Infallible> {
        tell!(self.bytes, Show);
        Ok(())
    }

    fn get_cursor_position(&mut self) -> Result<Position, Infallible> {
        Ok(self.position)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Result<(), Infallible> {
        self.position = position.into();
        tell!(self.bytes, MoveTo(self.position.x, self.position.y));
        Ok(())
    }

    fn clear(&mut self) -> Result<(), Infallible> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, region: ClearType) -> Result<(), Infallible> {
        let region = match region {
            ClearType::All => TermClear::All,
            ClearType::AfterCursor => TermClear::FromCursorDown,
            ClearType::BeforeCursor => TermClear::FromCursorUp,
            ClearType::CurrentLine => TermClear::CurrentLine,
            ClearType::UntilNewLine => TermClear::UntilNewLine,
        };
        tell!(self.bytes, Clear(region));
        Ok(())
    }

    fn size(&self) -> Result<Size, Infallible> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> Result<WindowSize, Infallible> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn term_color(color: Color) -> TermColor {
    match color {
        Color::Reset => TermColor::Reset,
        Color::Black => TermColor::Black,
        Color::Red => TermColor::DarkRed,
        Color::Green => TermColor::DarkGreen,
        Color::Yellow => TermColor::DarkYellow,
        Color::Blue => TermColor::DarkBlue,
        Color::Magenta => TermColor::DarkMagenta,
        Color::Cyan => TermColor::DarkCyan,
        Color::Gray => TermColor::Grey,
        Color::DarkGray => TermColor::DarkGrey,
        Color::LightRed => TermColor::Red,
        Color::LightGreen => TermColor::Green,
        Color::LightYellow => TermColor::Yellow,
        Color::LightBlue => TermColor::Blue,
        Color::LightMagenta => TermColor::Magenta,
        Color::LightCyan => TermColor::Cyan,
        Color::White => TermColor::White,
        Color::Rgb(r, g, b) => TermColor::Rgb { r, g, b },
        Color::Indexed(index) => TermColor::AnsiValue(index),
    }
}
