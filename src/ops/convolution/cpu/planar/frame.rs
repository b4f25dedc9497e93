//! Maps that are padded with zeros, and whose columns and rows are split by a stride.

/// A map inside a plane that pads it with zeros. With a stride, the plane has `stride²` parts, and a part holds every
/// `stride`-th pixel along both axes. All pixels that one tap meets are then neighbours in one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Height and width of a map.
    pub size: [usize; 2],
    /// Zeros above and on the left.
    pub before: [usize; 2],
    pub stride: usize,
    /// Height and width of one part. A map that does not fit is cut off.
    pub part: [usize; 2],
}

impl Frame {
    pub fn area(&self) -> usize {
        self.size[0] * self.size[1]
    }

    pub fn plane(&self) -> usize {
        self.stride * self.stride * self.part[0] * self.part[1]
    }

    /// The place of a tap's input for the first output pixel.
    pub fn place(&self, [y, x]: [usize; 2]) -> usize {
        let part = y % self.stride * self.stride + x % self.stride;
        (part * self.part[0] + y / self.stride) * self.part[1] + x / self.stride
    }

    /// The maps themselves, if they need no padding. Else padded copies in `planes`.
    pub fn pad<'a>(&self, maps: &'a [f32], planes: &'a mut Vec<f32>) -> &'a [f32] {
        if self.part == self.size && self.before == [0, 0] && self.stride == 1 {
            return maps;
        }
        planes.clear();
        planes.resize(maps.len() / self.area() * self.plane(), 0.0);
        for (map, plane) in maps.chunks(self.area()).zip(planes.chunks_mut(self.plane())) {
            self.copy(map, plane);
        }
        planes
    }

    /// Copies a map into a plane. Padding is left as it is: it must be 0 already.
    #[inline(always)]
    pub fn copy(&self, map: &[f32], plane: &mut [f32]) {
        let Self { size: [_, width], before: [above, left], stride, part: [rows, columns] } = *self;
        for (y, source) in map.chunks(width).enumerate() {
            let (row, first_row) = ((y + above) / stride, (y + above) % stride);
            if row >= rows {
                break;
            }
            for x in 0..stride.min(width) {
                let (column, first_column) = ((x + left) / stride, (x + left) % stride);
                let place = ((first_row * stride + first_column) * rows + row) * columns;
                let target = plane[place..][..columns].get_mut(column..).unwrap_or_default();
                every(stride, &source[x..], target);
            }
        }
    }
}

/// Copies every `stride`-th value, as many as there are and fit.
#[inline(always)]
fn every(stride: usize, source: &[f32], target: &mut [f32]) {
    let count = source.len().div_ceil(stride).min(target.len());
    let target = &mut target[..count];
    match stride {
        1 => target.copy_from_slice(&source[..count]),
        2 => {
            let (pairs, last) = source.as_chunks::<2>();
            let (values, others) = target.split_at_mut(count.min(pairs.len()));
            for (value, pair) in values.iter_mut().zip(pairs) {
                *value = pair[0];
            }
            others.copy_from_slice(&last[..others.len()]);
        }
        _ => {
            for (value, source) in target.iter_mut().zip(source.iter().step_by(stride)) {
                *value = *source;
            }
        }
    }
}
