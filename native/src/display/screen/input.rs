//! What comes from the terminal: keys, and answers to what it was asked.

/// As much of an unfinished sequence is kept.
const LONGEST: usize = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key that has a character.
    Key(char),
    /// An answer of the terminal.
    Answer(Answer),
}

/// What a terminal says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It draws sixels.
    Sixels,
    /// It draws pictures in kitty's way.
    Kitty,
    /// The size of a cell in pixels.
    Cell { width: u16, height: u16 },
}

/// Bytes as they come, cut into keys and answers.
#[derive(Debug, Default)]
pub struct Inputs {
    rest: Vec<u8>,
    /// Whether what comes was pasted: that is for another window.
    is_pasted: bool,
}

impl Inputs {
    /// What these bytes bring.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Input> {
        self.rest.extend(bytes);
        let mut found = Vec::new();
        while let Some((length, input)) = first(&self.rest) {
            let taken: Vec<u8> = self.rest.drain(..length).collect();
            match taken.as_slice() {
                b"\x1b[200~" => self.is_pasted = true,
                b"\x1b[201~" => self.is_pasted = false,
                _ if self.is_pasted => {}
                _ => found.extend(input),
            }
        }
        if self.rest.len() > LONGEST {
            self.rest.clear();
        }
        found
    }

    /// Nothing has followed for a while: an escape that is still alone was the key.
    pub fn settle(&mut self) {
        if self.rest == [ESCAPE] {
            self.rest.clear();
        }
    }
}

const ESCAPE: u8 = 0x1b;

/// The length of what comes first, and what it is; none if its end is not there yet.
fn first(bytes: &[u8]) -> Option<(usize, Option<Input>)> {
    let found = |end: usize, input: Option<Answer>| Some((end, input.map(Input::Answer)));
    match bytes {
        [] | [ESCAPE] | [ESCAPE, b'O'] => None,
        // A control sequence: parameters, and a letter.
        [ESCAPE, b'[', rest @ ..] => {
            let end = rest.iter().position(|byte| (0x40..=0x7e).contains(byte))?;
            let parameters = std::str::from_utf8(&rest[..end]).unwrap_or_default();
            found(end + 3, control(parameters, rest[end]))
        }
        // A string for the program, up to its terminator.
        [ESCAPE, kind @ (b'_' | b'P' | b']' | b'^'), rest @ ..] => {
            let end = rest.windows(2).position(|pair| pair == [ESCAPE, b'\\'])?;
            let is_picture = *kind == b'_' && rest.starts_with(b"Gi=31") && rest[..end].ends_with(b";OK");
            found(end + 4, is_picture.then_some(Answer::Kitty))
        }
        // A function key, or a key with Alt.
        [ESCAPE, b'O', _, ..] => found(3, None),
        [ESCAPE, ..] => found(2, None),
        [key, ..] => Some((1, key.is_ascii().then(|| Input::Key(char::from(*key))))),
    }
}

fn control(parameters: &str, letter: u8) -> Option<Answer> {
    let numbers = |text: &str| -> Vec<u16> { text.split(';').filter_map(|number| number.parse().ok()).collect() };
    match (letter, parameters.strip_prefix('?')) {
        // Primary device attributes; 4 is for sixels.
        (b'c', Some(attributes)) => numbers(attributes).contains(&4).then_some(Answer::Sixels),
        // The answer to "16 t".
        (b't', None) => match numbers(parameters)[..] {
            [6, height, width] if width > 0 && height > 0 => Some(Answer::Cell { width, height }),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_answers_are_told_apart_however_they_are_cut() {
        let typed = b"p\x1b[A\x1bOPx\x1b[?62;4;22c\x1b_Gi=31;OK\x1b\\\x1b[6;20;10tq\xc3\xa4\x1b_Gi=31;ENOENT\x1b\\s";
        let expected = [
            Input::Key('p'),
            Input::Key('x'),
            Input::Answer(Answer::Sixels),
            Input::Answer(Answer::Kitty),
            Input::Answer(Answer::Cell { width: 10, height: 20 }),
            Input::Key('q'),
            Input::Key('s'),
        ];
        assert_eq!(Inputs::default().feed(typed), expected);
        for piece in [1, 2, 3, 7] {
            let mut inputs = Inputs::default();
            let found: Vec<_> = typed.chunks(piece).flat_map(|bytes| inputs.feed(bytes)).collect();
            assert_eq!(found, expected, "in pieces of {piece}");
        }
        assert!(Inputs::default().feed(b"\x1b[?62c\x1b[6;0;0t\x1b[4;100;200t").is_empty());
    }

    #[test]
    fn pasted_text_presses_no_keys() {
        let typed = b"p\x1b[200~quit\r\x1b[201~s";
        assert_eq!(Inputs::default().feed(typed), [Input::Key('p'), Input::Key('s')]);
    }

    #[test]
    fn an_escape_alone_swallows_no_key_that_comes_later() {
        let mut inputs = Inputs::default();
        assert!(inputs.feed(b"\x1b").is_empty());
        inputs.settle();
        assert_eq!(inputs.feed(b"q"), [Input::Key('q')]);
        assert!(inputs.feed(&[b"\x1b_", &[b'x'; 5000][..]].concat()).is_empty());
        assert_eq!(inputs.feed(b"q"), [Input::Key('q')], "what never ends is forgotten");
    }
}
