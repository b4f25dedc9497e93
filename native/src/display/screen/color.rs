//! How many colours the terminal has, and which of them is meant.

use ratatui::style::Color;

/// The colours of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colors {
    /// None, as the variable `NO_COLOR` asks (<https://no-color.org>).
    None,
    /// Sixteen, which everybody sets differently.
    Named,
    /// 256, of which 216 are a cube.
    Cube,
    /// 24 bits.
    True,
}

impl Colors {
    pub fn of_this_process() -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        Self::of(&variable("NO_COLOR"), &variable("COLORTERM"), &variable("TERM"))
    }

    /// By these variables.
    fn of(no_color: &str, color_term: &str, term: &str) -> Self {
        const TRUE: [&str; 5] = ["kitty", "alacritty", "ghostty", "wezterm", "direct"];
        if !no_color.is_empty() {
            Self::None
        } else if matches!(color_term, "truecolor" | "24bit") || TRUE.iter().any(|name| term.contains(name)) {
            Self::True
        } else if term.contains("256color") {
            Self::Cube
        } else {
            Self::Named
        }
    }

    /// Whether pictures can be drawn in cells of two colours.
    pub fn have_pictures(self) -> bool {
        matches!(self, Self::Cube | Self::True)
    }

    /// The colour of the terminal that comes closest.
    pub fn closest(self, color: Color) -> Color {
        match (self, color) {
            (Self::None, _) => Color::Reset,
            (Self::Cube, Color::Rgb(r, g, b)) => Color::Indexed(in_cube(r, g, b)),
            (Self::Named, Color::Rgb(r, g, b)) if u32::from(r) + u32::from(g) + u32::from(b) > 382 => Color::White,
            (Self::Named, Color::Rgb(..)) => Color::Black,
            _ => color,
        }
    }
}

/// The closest of xterm's colours: its cube of six levels, or its 24 greys.
fn in_cube(r: u8, g: u8, b: u8) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let closest = |value: u8| (0..6).min_by_key(|level| LEVELS[*level].abs_diff(value)).unwrap_or_default();
    let distance = |other: [u8; 3]| -> u32 {
        [r, g, b].iter().zip(other).map(|(value, other)| u32::from(value.abs_diff(other)).pow(2)).sum()
    };
    let [i, j, k] = [r, g, b].map(closest);
    let mean = (u16::from(r) + u16::from(g) + u16::from(b)) / 3;
    let grey = (mean.saturating_sub(3) / 10).min(23) as u8;
    let is_grey = distance([8 + 10 * grey; 3]) < distance([LEVELS[i], LEVELS[j], LEVELS[k]]);
    if is_grey { 232 + grey } else { (16 + 36 * i + 6 * j + k) as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_say_which_colours_there_are() {
        assert_eq!(Colors::of("1", "truecolor", "xterm-kitty"), Colors::None);
        assert_eq!(Colors::of("", "truecolor", "xterm"), Colors::True);
        assert_eq!(Colors::of("", "", "xterm-kitty"), Colors::True);
        assert_eq!(Colors::of("", "", "screen-256color"), Colors::Cube);
        assert_eq!(Colors::of("", "", "linux"), Colors::Named);
    }

    #[test]
    fn colours_are_those_of_xterms_table() {
        assert_eq!([in_cube(0, 0, 0), in_cube(255, 255, 255), in_cube(255, 0, 0)], [16, 231, 196]);
        assert_eq!([in_cube(95, 135, 175), in_cube(8, 8, 8), in_cube(128, 128, 128)], [67, 232, 244]);
        assert_eq!(Colors::None.closest(Color::Red), Color::Reset);
        assert_eq!(Colors::Cube.closest(Color::Red), Color::Red);
        assert_eq!(Colors::True.closest(Color::Rgb(1, 2, 3)), Color::Rgb(1, 2, 3));
    }
}
