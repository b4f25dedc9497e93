//! Colour or grey, and colour profiles.

/// What every pixel of a data set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// Three channels.
    Rgb,
    /// One channel.
    Grey,
}

impl Color {
    /// 3 or 1.
    pub fn channels(self) -> usize {
        match self {
            Color::Rgb => 3,
            Color::Grey => 1,
        }
    }
}

/// Brightness of an RGB pixel: `0.299 R + 0.587 G + 0.114 B` (ITU-R BT.601), rounded as Pillow's mode "L" does it.
///
/// Grey stays what it was, because the three weights add up to 1.
///
/// Source: Pillow, `src/libImaging/Convert.c` (`L24`, `rgb2l`).
pub(super) fn luma(rgb: [u8; 3]) -> u8 {
    let [r, g, b] = rgb.map(u32::from);
    ((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16) as u8
}

/// Whether an ICC profile describes another colour space than sRGB, the one assumed for a picture without a profile.
/// Profiles of sRGB contain its name, in ASCII or UTF-16.
pub(super) fn is_foreign(profile: &[u8]) -> bool {
    let has = |name: &[u8]| profile.windows(name.len()).any(|window| window == name);
    !has(b"sRGB") && !has(b"s\0R\0G\0B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luma_weighs_green_most_and_leaves_grey_alone() {
        assert_eq!([[255, 0, 0], [0, 255, 0], [0, 0, 255]].map(luma), [76, 150, 29]);
        assert_eq!(luma([200, 100, 50]), 124); // 59.8 + 58.7 + 5.7 = 124.2
        assert!((0..=255).all(|value| luma([value; 3]) == value));
    }
}
