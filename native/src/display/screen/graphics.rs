//! Pictures in pixels, for terminals that have them: kitty's graphics and sixels.
//!
//! ratatui-image has both, too. It asks the terminal on stdout, from a thread that goes on reading keys if nothing answers, changes
//! tmux's settings, and brings twenty packages for sixels along.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ratatui::layout::Size;

use super::picture::Pixels;

/// Asks whether there are kitty's graphics, how large a cell is, and what else the terminal has. All terminals answer the last.
///
/// Sources: <https://sw.kovidgoyal.net/kitty/graphics-protocol/>, xterm's `ctlseqs` (`CSI 16 t`, `CSI c`).
pub const QUESTIONS: &[u8] = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[16t\x1b[c";

/// How a terminal is told pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graphics {
    Kitty,
    Sixels,
}

impl Graphics {
    /// A picture at the cursor, over `cells` at most.
    pub fn picture(self, pixels: &Pixels, cells: Size) -> Vec<u8> {
        match self {
            Self::Kitty => kitty(pixels, cells),
            Self::Sixels => sixels(pixels),
        }
    }
}

/// The number of our only picture; the next one takes its place.
const PICTURE: u32 = 7;

/// The longest piece of a picture that the protocol allows.
const LONGEST_PIECE: usize = 4096;

fn kitty(pixels: &Pixels, cells: Size) -> Vec<u8> {
    let data = STANDARD.encode(&pixels.rgb);
    let pieces = data.as_bytes().chunks(LONGEST_PIECE);
    let last = pieces.len().saturating_sub(1);
    let mut told = Vec::with_capacity(data.len() + data.len() / 100 + 100);
    for (number, piece) in pieces.enumerate() {
        let more = u8::from(number < last);
        let (Pixels { width, height, .. }, Size { width: columns, height: rows }) = (pixels, cells);
        let keys = match number {
            // Transmit and place, without an answer, and without moving the cursor.
            0 => format!("a=T,f=24,i={PICTURE},p=1,q=2,C=1,s={width},v={height},c={columns},r={rows},m={more}"),
            _ => format!("m={more},q=2"),
        };
        told.extend(b"\x1b_G");
        told.extend(keys.as_bytes());
        told.push(b';');
        told.extend(piece);
        told.extend(b"\x1b\\");
    }
    told
}

/// Levels of red, green and blue: 252 colours, of the 256 that every terminal with sixels has.
const LEVELS: [usize; 3] = [6, 7, 6];

/// Thresholds of ordered dithering (Bayer 1973), in sixteenths.
const BAYER: [[usize; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];

/// Rows of a band.
const BAND: usize = 6;

fn sixels(pixels: &Pixels) -> Vec<u8> {
    let [reds, greens, blues] = LEVELS;
    let mut told = format!("\x1bP0;1;0q\"1;1;{};{}", pixels.width, pixels.height);
    for color in 0..reds * greens * blues {
        let percent = |level: usize, levels: usize| level * 100 / (levels - 1);
        let (r, g, b) = (color / (greens * blues), color / blues % greens, color % blues);
        told += &format!("#{color};2;{};{};{}", percent(r, reds), percent(g, greens), percent(b, blues));
    }
    let colors: Vec<usize> = (0..pixels.width * pixels.height).map(|place| color_at(pixels, place)).collect();
    for band in colors.chunks(BAND * pixels.width) {
        let mut used: Vec<usize> = band.to_vec();
        used.sort_unstable();
        used.dedup();
        for color in used {
            told += &format!("#{color}");
            let column = |x: usize| -> u8 {
                let rows = band.iter().skip(x).step_by(pixels.width).enumerate();
                rows.filter(|(_, other)| **other == color).map(|(row, _)| 1 << row).sum()
            };
            let mut x = 0;
            while x < pixels.width {
                let bits = column(x);
                let run = (x..pixels.width).take_while(|next| column(*next) == bits).count();
                let sixel = char::from(b'?' + bits);
                told += &if run > 3 { format!("!{run}{sixel}") } else { sixel.to_string().repeat(run) };
                x += run;
            }
            told.push('$');
        }
        told.push('-');
    }
    told += "\x1b\\";
    told.into_bytes()
}

/// The number of a pixel's colour, dithered.
fn color_at(pixels: &Pixels, place: usize) -> usize {
    let threshold = BAYER[place / pixels.width % 4][place % pixels.width % 4];
    (0..3).fold(0, |number, channel| {
        let value = usize::from(pixels.rgb[3 * place + channel]);
        // In sixteenths of a level, rounded up where the threshold is low.
        let level = (value * (LEVELS[channel] - 1) * 16 + 255 * threshold) / (255 * 16);
        number * LEVELS[channel] + level
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(width: usize, height: usize, color: impl Fn(usize, usize) -> [u8; 3]) -> Pixels {
        let rgb = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| color(x, y)).collect();
        Pixels { width, height, rgb }
    }

    /// Draws sixels as a terminal does, by VT340's manual: the colours of all pixels, in percent.
    fn drawn(told: &str, width: usize, height: usize) -> Vec<[usize; 3]> {
        let body = told.strip_prefix("\x1bP0;1;0q\"1;1;").unwrap().strip_suffix("\x1b\\").unwrap();
        let (size, body) = body.split_at(body.find('#').unwrap());
        assert_eq!(size, format!("{width};{height}"));
        let (mut palette, mut color) = (std::collections::HashMap::new(), 0);
        let (mut x, mut band, mut repeat) = (0, 0, 1);
        let mut found = vec![[usize::MAX; 3]; width * height];
        let mut rest = body;
        while let Some(word) = rest.chars().next() {
            rest = &rest[1..];
            let numbers = |rest: &mut &str| -> Vec<usize> {
                let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(rest.len());
                let (head, tail) = rest.split_at(end);
                *rest = tail;
                head.split(';').map(|number| number.parse().unwrap()).collect()
            };
            match word {
                '#' => match numbers(&mut rest)[..] {
                    [number] => color = number,
                    [number, 2, r, g, b] => drop(palette.insert(number, [r, g, b])),
                    ref other => panic!("{other:?}"),
                },
                '!' => repeat = numbers(&mut rest)[0],
                '$' => x = 0,
                '-' => (x, band) = (0, band + 1),
                sixel => {
                    let bits = sixel as u8 - b'?';
                    for _ in 0..std::mem::replace(&mut repeat, 1) {
                        for row in (0..6).filter(|row| bits >> row & 1 == 1) {
                            found[(6 * band + row) * width + x] = palette[&color];
                        }
                        x += 1;
                    }
                }
            }
        }
        found
    }

    #[test]
    fn sixels_draw_every_pixel_in_its_colour() {
        let corner = |x, y| {
            if (x, y) == (12, 7) {
                [0, 0, 255]
            } else if x < 9 {
                [255, 0, 0]
            } else {
                [255; 3]
            }
        };
        let told = String::from_utf8(sixels(&pixels(13, 8, corner))).unwrap();
        let expected =
            (0..8).flat_map(|y| (0..13).map(move |x| corner(x, y).map(|value| usize::from(value) * 100 / 255)));
        assert_eq!(drawn(&told, 13, 8), expected.collect::<Vec<_>>());
        assert!(told.contains("!9~"), "runs are told as runs");
    }

    #[test]
    fn what_lies_between_the_levels_is_dithered_to_its_mean() {
        let grey = pixels(16, 16, |_, _| [100, 150, 30]);
        let told = String::from_utf8(sixels(&grey)).unwrap();
        let found = drawn(&told, 16, 16);
        for (channel, value) in [100.0, 150.0, 30.0].into_iter().enumerate() {
            let mean = found.iter().map(|color| color[channel] as f64).sum::<f64>() / 256.0;
            // A sixteenth of a level of 20 %.
            assert!((mean - value / 2.55).abs() < 1.3, "{mean} for {value}");
        }
    }

    #[test]
    fn kitty_is_told_whole_pixels_in_pieces() {
        let picture = pixels(50, 40, |x, y| [x as u8, y as u8, 7]);
        let told = String::from_utf8(kitty(&picture, Size::new(5, 2))).unwrap();
        let pieces: Vec<&str> = told.split("\x1b\\").filter(|piece| !piece.is_empty()).collect();
        assert_eq!(pieces.len(), 2);
        let (keys, first) = pieces[0].strip_prefix("\x1b_G").unwrap().split_once(';').unwrap();
        assert_eq!(keys, "a=T,f=24,i=7,p=1,q=2,C=1,s=50,v=40,c=5,r=2,m=1");
        let (keys, second) = pieces[1].strip_prefix("\x1b_G").unwrap().split_once(';').unwrap();
        assert_eq!((keys, first.len()), ("m=0,q=2", 4096));
        assert_eq!(STANDARD.decode(first.to_owned() + second).unwrap(), picture.rgb);
    }
}
