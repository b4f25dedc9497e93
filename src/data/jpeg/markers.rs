//! What the markers of a JPEG tell, without decoding it. Source: ITU-T T.81, annex B.

/// The most scans that are looked at: real files have ten or so.
const MAX_SCANS: usize = 1000;

/// Coefficients of a block.
const COEFFICIENTS: usize = 64;

/// Scan precision of a coefficient that no scan has told yet.
const UNKNOWN: u8 = u8::MAX;

/// The structure of the first picture in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Markers {
    /// Whether it is told in passes, from coarse to fine.
    pub is_progressive: bool,
    /// Parts in which the pixels are told, all together or each component or pass alone.
    pub scans: usize,
    /// Position of the marker that ends the picture; none if there is no such marker.
    pub end: Option<usize>,
    /// Blocks of all components for one unit (MCU), and the width and height of a unit in pixels.
    pub unit: (usize, [usize; 2]),
    /// Of each component, by its number: how many bits every coefficient still lacks.
    lacking: Vec<(u8, [u8; COEFFICIENTS])>,
}

impl Markers {
    /// Walks from marker to marker; none if that leads nowhere.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let mut found = Self::default();
        let mut at = 2;
        while let Some(marker) = next_marker(bytes, &mut at) {
            match marker {
                // Start of another picture, restarts and the like stand alone.
                0xd0..=0xd8 | 0x01 => continue,
                0xd9 => {
                    found.end = Some(at - 2);
                    break;
                }
                _ => {}
            }
            let length = usize::from(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
            let segment = bytes.get(at + 2..at + length)?;
            at += length;
            match marker {
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => found.frame(marker, segment)?,
                0xda => {
                    found.scan(segment)?;
                    found.scans += 1;
                    if found.scans > MAX_SCANS {
                        return None;
                    }
                }
                _ => {}
            }
        }
        Some(found)
    }

    /// Whether scans are missing that would tell the rest of what others began to tell.
    pub fn lacks_scans(&self) -> bool {
        self.is_progressive
            && self
                .lacking
                .iter()
                .any(|(_, lacking)| lacking[0] == UNKNOWN || lacking.iter().any(|bits| *bits != UNKNOWN && *bits > 0))
    }

    fn frame(&mut self, marker: u8, segment: &[u8]) -> Option<()> {
        self.is_progressive = matches!(marker, 0xc2 | 0xc6 | 0xca | 0xce);
        let (components, _) = segment.get(6..)?.as_chunks::<3>();
        let factors = components.iter().map(|[_, factors, _]| [usize::from(factors >> 4), usize::from(factors & 15)]);
        let most = factors.clone().fold([0; 2], |most: [usize; 2], [h, v]| [most[0].max(h), most[1].max(v)]);
        self.unit = (factors.map(|[h, v]| h * v).sum(), most.map(|factor| 8 * factor));
        self.lacking = components.iter().map(|[id, ..]| (*id, [UNKNOWN; COEFFICIENTS])).collect();
        Some(())
    }

    fn scan(&mut self, segment: &[u8]) -> Option<()> {
        let (count, rest) = segment.split_first()?;
        let (components, rest) = rest.split_at_checked(2 * usize::from(*count))?;
        let [first, last, precision] = *rest.first_chunk()?;
        for id in components.iter().step_by(2) {
            let component = self.lacking.iter_mut().find(|(own, _)| own == id);
            if let Some(told) = component.and_then(|(_, all)| all.get_mut(first.into()..=last.into())) {
                told.iter_mut().for_each(|bits| *bits = (*bits).min(precision & 15));
            }
        }
        Some(())
    }
}

/// The next marker, and the position behind it. Between them lie coded data, in which 255 is followed by 0, or stray bytes.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        *at += bytes.get(*at..)?.iter().position(|byte| *byte == 0xff)? + 1;
        // Any number of 255 may be in front of it.
        *at += bytes.get(*at..)?.iter().position(|byte| *byte != 0xff)? + 1;
        let marker = bytes[*at - 1];
        if marker != 0 {
            return Some(marker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each scan: components, first and last coefficient, bits that it lacks.
    fn file(frame: u8, scans: &[(&[u8], u8, u8, u8)], ending: &[u8]) -> Vec<u8> {
        let mut file = b"\xff\xd8\xff\xe1\0\x06\xff\xd9\xff\xd9".to_vec();
        file.extend([0xff, frame, 0, 17, 8, 0, 16, 0, 16, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
        for (components, first, last, lacking) in scans {
            file.extend([0xff, 0xda, 0, 6 + 2 * components.len() as u8, components.len() as u8]);
            components.iter().for_each(|id| file.extend([*id, 0]));
            file.extend([*first, *last, *lacking, 1, 2, 0xff, 0, 3, 0xff, 0xd0, 4]);
        }
        file.extend(ending);
        file
    }

    #[test]
    fn the_end_is_behind_the_scans_and_not_in_a_thumbnail() {
        let whole = file(0xc0, &[(&[1, 2, 3], 0, 63, 0)], b"\xff\xd9 and more \xff\xd9");
        let markers = Markers::of(&whole).unwrap();
        assert_eq!(markers.end, Some(whole.len() - 14));
        assert_eq!((markers.scans, markers.unit), (1, (6, [16, 16])));
        assert!(!markers.is_progressive && !markers.lacks_scans());
        assert_eq!(Markers::of(&file(0xc0, &[(&[1, 2, 3], 0, 63, 0)], b"")).unwrap().end, None);
        assert_eq!(Markers::of(b"\xff\xd8\xff\xe0\xff\xff"), None);
    }

    #[test]
    fn passes_that_are_missing_are_known_by_those_that_are_there() {
        let mut scans: Vec<(&[u8], u8, u8, u8)> =
            vec![(&[1, 2, 3], 0, 0, 1), (&[1], 1, 63, 2), (&[2], 1, 63, 0), (&[3], 1, 63, 0), (&[1], 1, 63, 0x21)];
        let lacks = |scans: &[_]| Markers::of(&file(0xc2, scans, b"\xff\xd9")).unwrap().lacks_scans();
        for count in 1..=scans.len() {
            assert!(lacks(&scans[..count]), "{count}");
        }
        scans.push((&[1, 2, 3], 0, 0, 0x10));
        assert!(lacks(&scans));
        scans.push((&[1], 1, 63, 0x10));
        assert!(!lacks(&scans));
    }
}
