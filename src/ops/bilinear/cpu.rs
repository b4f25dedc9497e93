//! Resizing on flex: rows are combined first, in vectors, and then the columns of the result.

use std::mem::MaybeUninit;

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;

use super::{BilinearBackend, Resizing};
use crate::ops::flex::{tensor, values};
use crate::ops::parallel::{map_by_map, vectorized};

/// A linear map along one axis: for each position of the result, the positions that it is made of and their weights.
struct Axis(Vec<Vec<(usize, f32)>>);

impl Axis {
    /// From `from` to `to` positions.
    fn resize(from: usize, to: usize) -> Self {
        let step = from as f32 / to as f32;
        let last = from - 1;
        let terms = |at: usize| {
            let source = ((at as f32 + 0.5) * step - 0.5).clamp(0.0, last as f32);
            let first = source as usize;
            let weight = source - first as f32;
            if weight > 0.0 { vec![(first, 1.0 - weight), (last.min(first + 1), weight)] } else { vec![(first, 1.0)] }
        };
        Self((0..to).map(terms).collect())
    }

    /// The transpose of [`Self::resize`]`(from, to)`.
    fn resize_back(from: usize, to: usize) -> Self {
        let mut terms = vec![Vec::new(); from];
        for (at, sources) in Self::resize(from, to).0.into_iter().enumerate() {
            for (source, weight) in sources {
                terms[source].push((at, weight));
            }
        }
        Self(terms)
    }
}

/// How the columns of a row are combined. Rows have one value more on each side, which repeats the value beside it.
enum Columns {
    /// Twice as many: every value becomes two, a quarter of the way to either neighbour.
    Double,
    /// The transpose of [`Self::Double`].
    DoubleBack,
    Any(Axis),
}

impl Columns {
    fn resize(from: usize, to: usize) -> Self {
        if to == 2 * from { Self::Double } else { Self::Any(Axis::resize(from, to)) }
    }

    fn resize_back(from: usize, to: usize) -> Self {
        if to == 2 * from { Self::DoubleBack } else { Self::Any(Axis::resize_back(from, to)) }
    }

    #[inline(always)]
    fn write(&self, source: &[f32], offset: f32, row: &mut [MaybeUninit<f32>]) {
        match self {
            Self::Double => {
                let neighbours = source.iter().zip(&source[1..]).zip(&source[2..]);
                for (pair, ((left, here), right)) in row.as_chunks_mut::<2>().0.iter_mut().zip(neighbours) {
                    pair[0].write(0.25 * left + 0.75 * here + offset);
                    pair[1].write(0.25 * right + 0.75 * here + offset);
                }
            }
            Self::DoubleBack => {
                let pairs = source.as_chunks::<2>().0.iter().zip(source[2..].as_chunks::<2>().0);
                for (value, (before, after)) in row.iter_mut().zip(pairs) {
                    value.write(0.25 * (before[0] + after[1]) + 0.75 * (before[1] + after[0]) + offset);
                }
            }
            Self::Any(Axis(terms)) => {
                for (value, terms) in row.iter_mut().zip(terms) {
                    value.write(terms.iter().map(|(at, weight)| weight * source[1 + at]).sum::<f32>() + offset);
                }
            }
        }
    }
}

/// A linear map of pictures along rows and columns.
struct Map {
    rows: Axis,
    columns: Columns,
    /// Height and width before and after.
    from: [usize; 2],
    to: [usize; 2],
    scale: f32,
    offset: f32,
}

impl Map {
    /// Of all pictures and channels of `x`, which is `[batch, channels, from[0], from[1]]`.
    fn of(&self, x: &FlexTensor) -> FlexTensor {
        let [batch, channels, _, _] = x.layout().shape().dims();
        let x = x.to_contiguous();
        let [from, to] = [self.from, self.to].map(|[height, width]| height * width);
        let map = |source: &[f32], map: &mut [MaybeUninit<f32>], row: &mut [f32]| {
            vectorized(|| self.of_one(source, map, row));
        };
        // SAFETY: the columns of all rows are written.
        let y = unsafe { map_by_map(values(&x), from, to, self.from[1] + 2, map) };
        tensor(y, [batch, channels, self.to[0], self.to[1]])
    }

    /// `row` has room for a row of the source and two values more.
    #[inline(always)]
    fn of_one(&self, source: &[f32], map: &mut [MaybeUninit<f32>], row: &mut [f32]) {
        let Self { rows: Axis(rows), columns, from: [_, width], to: [_, new_width], scale, offset } = self;
        for (target, terms) in map.chunks_mut(*new_width).zip(rows) {
            let (values, last) = row[1..].split_at_mut(*width);
            let row_of = |(at, weight): (usize, f32)| (&source[at * width..][..*width], weight * scale);
            match **terms {
                [first, second] => {
                    let ((first, first_weight), (second, second_weight)) = (row_of(first), row_of(second));
                    for (value, (first, second)) in values.iter_mut().zip(first.iter().zip(second)) {
                        *value = first_weight * first + second_weight * second;
                    }
                }
                _ => {
                    values.fill(0.0);
                    for (source, weight) in terms.iter().copied().map(row_of) {
                        for (value, source) in values.iter_mut().zip(source) {
                            *value += weight * source;
                        }
                    }
                }
            }
            last[0] = values[width - 1];
            row[0] = row[1];
            columns.write(row, *offset, target);
        }
    }
}

impl BilinearBackend for Flex {
    fn bilinear(x: FloatTensor<Self>, resizing: Resizing) -> FloatTensor<Self> {
        let Resizing { from, to, scale, offset } = resizing;
        let (rows, columns) = (Axis::resize(from[0], to[0]), Columns::resize(from[1], to[1]));
        Map { rows, columns, from, to, scale, offset }.of(&x)
    }

    fn bilinear_back(gradient: FloatTensor<Self>, resizing: Resizing) -> FloatTensor<Self> {
        let Resizing { from, to, scale, .. } = resizing;
        let (rows, columns) = (Axis::resize_back(from[0], to[0]), Columns::resize_back(from[1], to[1]));
        Map { rows, columns, from: to, to: from, scale, offset: 0.0 }.of(&gradient)
    }
}
