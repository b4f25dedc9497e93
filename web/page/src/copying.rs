//! Which of the loaded pictures drawn ones come nearest to.

use js_sys::Uint8Array;
use leptos::prelude::*;
use std::sync::Arc;
use whelp::data::Grid;
use whelp::latent::PictureSpec;
use whelp::metrics::Copies;
use whelp::session::Request;

use super::play::{Drawn, Shown};
use super::store::{Device, Store};

/// Pictures that are drawn to look for copies.
const COUNT: u64 = 100;

/// Pairs side by side.
const COLUMNS: usize = 5;

/// How far a search is.
#[derive(Clone, Debug)]
pub enum Copying {
    Idle,
    /// These are being drawn.
    Drawing(Vec<PictureSpec>),
    Looking(Search),
    Found(Arc<Pairs>),
}

/// A search under way.
#[derive(Clone, Debug)]
pub struct Search {
    /// What was drawn for it.
    drawn: Arc<Drawn>,
    /// What is searched, for use in a sentence.
    among: String,
    /// Of the loaded pictures so many have been looked at, of so many.
    pub done: usize,
    pub total: usize,
}

/// What was found.
#[derive(Debug)]
pub struct Pairs {
    pub copies: Copies,
    /// Whether the network is known to have been trained on them.
    pub are_trainings: bool,
    /// The closest pairs: in the first row drawn pictures, below each the one it comes nearest to, and so on.
    pub grid: Grid,
    pub columns: usize,
    /// What was searched, for use in a sentence.
    pub among: String,
}

impl Store {
    /// Looks for copies among many pictures, of the seed that is chosen.
    pub fn look_for_copies(self) {
        let seed = self.play.seed.get_untracked();
        self.find_originals((0..COUNT).map(|index| PictureSpec::of_seed(seed, index)).collect());
    }

    /// Looks for the loaded picture that the open one comes nearest to.
    pub fn find_nearest(self) {
        if self.can_compare()
            && self.play.shown.get_untracked() == Shown::Picture
            && let Some(open) = self.play.open.get_untracked()
        {
            self.find_originals(vec![open]);
        }
    }

    /// Whether there is something to compare with.
    pub fn can_compare(self) -> bool {
        untrack(move || matches!(self.device.get(), Device::Ready(_)) && self.data.with(Option::is_some))
    }

    fn find_originals(self, specs: Vec<PictureSpec>) {
        self.play.copying.set(Copying::Drawing(specs.clone()));
        self.want(self.play.compared, specs);
    }

    /// Compares what has been drawn for it.
    pub fn compare_drawn(self, drawn: Arc<Drawn>) {
        let is_wanted = match self.play.copying.get_untracked() {
            Copying::Drawing(specs) => specs == drawn.specs,
            Copying::Idle | Copying::Looking(_) | Copying::Found(_) => false,
        };
        if !is_wanted {
            return;
        }
        let id = self.play.new_id();
        self.play.wants_copies.set_value(Some(id));
        let (among, total) = self
            .data
            .with_untracked(|data| data.as_ref().map(|data| (data.name(), data.summary.count)))
            .unwrap_or_default();
        self.play.copying.set(Copying::Looking(Search { drawn: drawn.clone(), among, done: 0, total }));
        let bytes = Uint8Array::from(drawn.grid.pixels.as_slice()).buffer();
        let grid = Grid { pixels: Vec::new(), ..drawn.grid.clone() };
        self.post(&Request::FindCopies { id, grid, held_out: self.held_out() }, Some(&bytes), None);
    }

    pub(super) fn comparing(self, id: u32, done: usize, total: usize) {
        if self.play.wants_copies.get_value() == Some(id) {
            self.play.copying.update(|copying| {
                if let Copying::Looking(search) = copying {
                    (search.done, search.total) = (done, total);
                }
            });
        }
    }

    pub(super) fn copies_found(self, id: u32, copies: Copies, are_trainings: bool, originals: &Grid) {
        if self.play.wants_copies.get_value() != Some(id) {
            return;
        }
        let Copying::Looking(Search { drawn, among, .. }) = self.play.copying.get_untracked() else { return };
        let numbers: Vec<usize> = copies.closest.iter().map(|pair| pair.picture).collect();
        let (grid, columns) = side_by_side(&drawn.grid, &numbers, originals);
        self.play.copying.set(Copying::Found(Arc::new(Pairs { copies, are_trainings, grid, columns, among })));
    }
}

/// Rows of some pictures of `drawn`, and below each row the `originals` of its pictures, all of them in colour; and how many are in a
/// row. What is missing in the last rows is black.
fn side_by_side(drawn: &Grid, numbers: &[usize], originals: &Grid) -> (Grid, usize) {
    let (tile, columns) = (originals.tile, COLUMNS.min(numbers.len()).max(1));
    let plane = tile.pixels();
    let mut pixels = Vec::with_capacity(2 * numbers.len() * plane * 3);
    let empty = |count: usize| vec![0; count * plane * 3];
    for (row, numbers) in numbers.chunks(columns).enumerate() {
        for number in numbers {
            let picture = &drawn.pixels[number * plane * drawn.channels..][..plane * drawn.channels];
            match drawn.channels {
                1 => pixels.extend(picture.iter().flat_map(|grey| [*grey; 3])),
                _ => pixels.extend_from_slice(picture),
            }
        }
        pixels.extend(empty(columns - numbers.len()));
        let first = row * columns * plane * 3;
        pixels.extend_from_slice(&originals.pixels[first..first + numbers.len() * plane * 3]);
        pixels.extend(empty(columns - numbers.len()));
    }
    let count = pixels.len() / (plane * 3).max(1);
    (Grid { tile, columns: 1, count, channels: 3, pixels }, columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_picture_stands_above_its_original() {
        let grid = |channels: usize, pixels: Vec<u8>| {
            let count = pixels.len() / channels;
            Grid { tile: 1.into(), columns: 1, count, channels, pixels }
        };
        let drawn = grid(1, (0..8).collect());
        let originals = grid(3, (100..121).collect());
        let (pairs, columns) = side_by_side(&drawn, &[7, 1, 2, 3, 4, 5, 6], &originals);
        assert_eq!((columns, pairs.count), (5, 20));
        let reds: Vec<u8> = pairs.pixels.chunks(3).map(|pixel| pixel[0]).collect();
        assert_eq!(reds, [7, 1, 2, 3, 4, 100, 103, 106, 109, 112, 5, 6, 0, 0, 0, 115, 118, 0, 0, 0]);
        let (one, columns) = side_by_side(&grid(3, vec![1, 2, 3]), &[0], &grid(3, vec![4, 5, 6]));
        assert_eq!((columns, one.pixels), (1, vec![1, 2, 3, 4, 5, 6]));
    }
}
