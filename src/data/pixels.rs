//! Where the bytes of prepared pictures are: in memory, or, where there are more than that holds, in a file.

use std::borrow::Cow;
use std::io::{self, Read};

use crate::storage::RandomAccess;

/// Pictures of one size, as bytes.
#[derive(Debug)]
pub(super) struct Pixels {
    /// Bytes of one picture.
    stride: usize,
    /// Pictures.
    count: usize,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Every chunk but the last is full, so that pictures are never copied when the set grows.
    Memory(Vec<Vec<u8>>),
    File {
        file: Box<dyn RandomAccess>,
        /// The byte that the first picture in the file begins at.
        first: u64,
        /// Which picture of the file is which; empty if they lie in their order.
        order: Vec<u32>,
    },
}

impl Pixels {
    /// Pictures in a chunk of memory.
    pub const CHUNK: usize = 256;

    /// None yet, each of `stride` bytes; in memory.
    pub fn new(stride: usize) -> Self {
        Self { stride, count: 0, place: Place::Memory(Vec::new()) }
    }

    /// `count` pictures that lie in a file one after the other, from the byte `first` on.
    pub fn in_file(file: Box<dyn RandomAccess>, first: u64, stride: usize, count: usize) -> Self {
        Self { stride, count, place: Place::File { file, first, order: Vec::new() } }
    }

    /// Reads `count` pictures into memory.
    ///
    /// # Errors
    /// Those of `input`. Memory is taken only for bytes that are there.
    pub fn read(input: &mut impl Read, stride: usize, count: usize) -> io::Result<Self> {
        let mut chunks = Vec::new();
        for first in (0..count).step_by(Self::CHUNK) {
            let mut chunk = vec![0; Self::CHUNK.min(count - first) * stride];
            input.read_exact(&mut chunk)?;
            chunks.push(chunk);
        }
        Ok(Self { stride, count, place: Place::Memory(chunks) })
    }

    /// Moves the pictures from memory into `file`, and puts those to come there too.
    ///
    /// # Errors
    /// Those of the file. Then they stay where they are.
    pub fn move_into(&mut self, file: Box<dyn RandomAccess>) -> io::Result<()> {
        let mut at = 0;
        self.each_piece(|piece| {
            file.write_at(at, piece)?;
            at += piece.len() as u64;
            Ok(())
        })?;
        self.place = Place::File { file, first: 0, order: Vec::new() };
        Ok(())
    }

    /// Whether they are in memory.
    pub fn are_in_memory(&self) -> bool {
        matches!(self.place, Place::Memory(_))
    }

    /// Bytes of one picture.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Pictures.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Adds a picture.
    ///
    /// # Errors
    /// Those of the file. Then there is one less.
    pub fn push(&mut self, pixels: &[u8]) -> io::Result<()> {
        match &mut self.place {
            Place::Memory(chunks) => {
                if self.count.is_multiple_of(Self::CHUNK) {
                    chunks.push(Vec::with_capacity(Self::CHUNK * self.stride));
                }
                chunks.last_mut().expect("one was just pushed if there was none").extend_from_slice(pixels);
            }
            Place::File { file, first, .. } => {
                file.write_at(*first + self.count as u64 * self.stride as u64, pixels)?
            }
        }
        self.count += 1;
        Ok(())
    }

    /// Picture `index`.
    ///
    /// # Errors
    /// Those of the file.
    ///
    /// # Panics
    /// If there are not that many.
    pub fn get(&self, index: usize) -> io::Result<Cow<'_, [u8]>> {
        if let Place::Memory(chunks) = &self.place {
            let start = index % Self::CHUNK * self.stride;
            return Ok(Cow::Borrowed(&chunks[index / Self::CHUNK][start..start + self.stride]));
        }
        let mut pixels = vec![0; self.stride];
        self.copy(index, &mut pixels)?;
        Ok(Cow::Owned(pixels))
    }

    /// Writes picture `index` into `out`, which is as large.
    ///
    /// # Errors
    /// Those of the file.
    ///
    /// # Panics
    /// If there are not that many, or `out` has another size.
    pub fn copy(&self, index: usize, out: &mut [u8]) -> io::Result<()> {
        assert!(index < self.count, "picture {index} of {}", self.count);
        match &self.place {
            Place::Memory(_) => out.copy_from_slice(&self.get(index)?),
            Place::File { file, first, order } => {
                assert_eq!(out.len(), self.stride, "room for one picture");
                let place = order.get(index).map_or(index, |place| *place as usize);
                file.read_at(*first + place as u64 * self.stride as u64, out)?;
            }
        }
        Ok(())
    }

    /// Hands the bytes of all pictures to `take` in their order, in pieces of whole pictures.
    ///
    /// # Errors
    /// Those of the file and of `take`.
    pub fn each_piece(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match &self.place {
            Place::Memory(chunks) => chunks.iter().try_for_each(|chunk| take(chunk)),
            Place::File { .. } => {
                let mut pixels = vec![0; self.stride];
                (0..self.count).try_for_each(|index| {
                    self.copy(index, &mut pixels)?;
                    take(&pixels)
                })
            }
        }
    }

    /// Picture `order[i]` becomes picture `i`, for the first `kept`; the others are let go of. `order` is a permutation.
    pub fn arrange(&mut self, mut order: Vec<usize>, kept: usize) {
        self.count = kept;
        match &mut self.place {
            Place::Memory(chunks) => {
                permute(chunks, self.stride, &mut order);
                chunks.truncate(kept.div_ceil(Self::CHUNK));
                if let Some(last) = chunks.len().checked_sub(1) {
                    chunks[last].truncate((kept - last * Self::CHUNK) * self.stride);
                }
            }
            // What is left out stays in the file, which goes with the data set.
            Place::File { order: places, .. } => *places = order[..kept].iter().map(|place| *place as u32).collect(),
        }
    }

    /// Gives memory back that is not needed when no more pictures come.
    pub fn shrink(&mut self) {
        if let Place::Memory(chunks) = &mut self.place
            && let Some(last) = chunks.last_mut()
        {
            last.shrink_to_fit();
        }
    }
}

/// Moves picture `order[i]` to place `i`, in place. `order` is a permutation, and is overwritten.
fn permute(chunks: &mut [Vec<u8>], stride: usize, order: &mut [usize]) {
    for start in 0..order.len() {
        // Follow the cycle of the permutation that contains `start`.
        let mut place = start;
        while order[place] != place {
            let from = std::mem::replace(&mut order[place], place);
            if order[from] != from {
                swap_pictures(chunks, stride, place, from);
            }
            place = from;
        }
    }
}

fn swap_pictures(chunks: &mut [Vec<u8>], stride: usize, a: usize, b: usize) {
    let (a, b) = (a.min(b), a.max(b));
    let range = |index: usize| {
        let start = index % Pixels::CHUNK * stride;
        start..start + stride
    };
    let (low, high) = (a / Pixels::CHUNK, b / Pixels::CHUNK);
    if low == high {
        let (left, right) = chunks[low].split_at_mut(range(b).start);
        left[range(a)].swap_with_slice(&mut right[..stride]);
    } else {
        let (left, right) = chunks.split_at_mut(high);
        left[low][range(a)].swap_with_slice(&mut right[0][range(b)]);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::storage::memory::MemoryFile;

    const STRIDE: usize = 6;

    fn picture(index: usize) -> [u8; STRIDE] {
        std::array::from_fn(|k| (index * 7 + k) as u8)
    }

    fn filled(mut pixels: Pixels, count: usize) -> Pixels {
        (0..count).for_each(|index| pixels.push(&picture(index)).unwrap());
        pixels
    }

    fn both(count: usize) -> [Pixels; 2] {
        let mut in_file = Pixels::new(STRIDE);
        in_file.move_into(Box::new(Arc::new(MemoryFile::default()))).unwrap();
        [filled(Pixels::new(STRIDE), count), filled(in_file, count)]
    }

    /// Some in memory, which then move into a file.
    fn moved(count: usize) -> Pixels {
        let mut pixels = filled(Pixels::new(STRIDE), count / 2);
        pixels.move_into(Box::new(Arc::new(MemoryFile::default()))).unwrap();
        (count / 2..count).for_each(|index| pixels.push(&picture(index)).unwrap());
        pixels
    }

    #[test]
    fn a_file_holds_what_memory_would_in_the_same_order() {
        for mut pixels in both(600).into_iter().chain([moved(600)]) {
            // Every third picture goes, and the others come from the last to the first.
            let is_kept = |index: &usize| !index.is_multiple_of(3);
            let kept: Vec<usize> = (0..600).rev().filter(is_kept).collect();
            let order = kept.iter().copied().chain((0..600).filter(|index| !is_kept(index))).collect();
            pixels.arrange(order, kept.len());
            pixels.shrink();
            assert_eq!(pixels.count(), 400);
            for (index, was) in kept.iter().enumerate() {
                assert_eq!(*pixels.get(index).unwrap(), picture(*was), "{index}");
            }
            let mut all = Vec::new();
            pixels.each_piece(|piece| io::Write::write_all(&mut all, piece)).unwrap();
            assert_eq!(all, kept.iter().flat_map(|was| picture(*was)).collect::<Vec<u8>>());
        }
    }

    #[test]
    fn a_full_file_takes_no_picture_and_keeps_the_others() {
        let file = Arc::new(MemoryFile { room: Some(3 * STRIDE as u64 + 2), ..MemoryFile::default() });
        let mut pixels = Pixels::new(STRIDE);
        pixels.move_into(Box::new(file.clone())).unwrap();
        let mut pixels = filled(pixels, 3);
        assert_eq!(pixels.push(&picture(3)).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!((pixels.count(), &*pixels.get(2).unwrap()), (3, &picture(2)[..]));
        file.bytes.lock().unwrap().truncate(STRIDE);
        assert!(pixels.get(0).is_ok() && pixels.get(1).is_err());
    }
}
