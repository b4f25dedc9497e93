//! Parts of a picture: the one at the centre, several side by side, the one around a box, or all of it. Those that are cut have
//! the shape of the prepared pictures, rounded to whole pixels.

use crate::config::Resolution;

/// A part of an upright picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Columns; at least one.
    pub width: usize,
    /// Rows; at least one.
    pub height: usize,
}

/// `side * to / from`, rounded to nearest, at least 1. In 64 bits, which the product of a long side needs.
fn in_proportion(side: usize, to: usize, from: usize) -> usize {
    let [side, to, from] = [side, to, from].map(|length| length as u64);
    ((side * to + from / 2) / from).max(1) as usize
}

/// Whether a picture of `width` x `height` is at least as wide as the shape.
pub(super) fn is_wide(width: usize, height: usize, shape: Resolution) -> bool {
    width as u64 * shape.height as u64 >= height as u64 * shape.width as u64
}

impl Area {
    /// The largest part of the shape of `shape`, at the centre of a picture of `width` x `height`; left and top are rounded down.
    pub fn center(width: usize, height: usize, shape: Resolution) -> Self {
        let (part_width, part_height) = if is_wide(width, height, shape) {
            (in_proportion(height, shape.width, shape.height).min(width), height)
        } else {
            (width, in_proportion(width, shape.height, shape.width).min(height))
        };
        Self { left: (width - part_width) / 2, top: (height - part_height) / 2, width: part_width, height: part_height }
    }

    /// As many parts of that shape side by side as fit into a picture of `width` x `height`, spread from edge to edge. Only one,
    /// at the centre, unless two of them fit. At most 16, so that no long picture fills a data set.
    pub fn tiles(width: usize, height: usize, shape: Resolution) -> Vec<Self> {
        const MOST: usize = 16;
        let center = Self::center(width, height, shape);
        let [across, down] = [width / center.width, height / center.height];
        let count = across.max(down).min(MOST);
        if count == 1 {
            return vec![center];
        }
        let rest = if across > 1 { width - center.width } else { height - center.height };
        let tile = |index: usize| {
            let along = (index * rest + (count - 1) / 2) / (count - 1);
            if across > 1 { Self { left: along, ..center } } else { Self { top: along, ..center } }
        };
        (0..count).map(tile).collect()
    }

    /// Whether it has the shape of `shape`, rounded to whole pixels.
    pub fn has_shape(self, shape: Resolution) -> bool {
        in_proportion(self.height, shape.width, shape.height) == self.width
            || in_proportion(self.width, shape.height, shape.width) == self.height
    }
}

/// A box around an object, in pixels from the picture's upper left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundingBox {
    /// Left edge.
    pub x_min: f64,
    /// Upper edge.
    pub y_min: f64,
    /// Right edge.
    pub x_max: f64,
    /// Lower edge.
    pub y_max: f64,
}

impl BoundingBox {
    /// The smallest side of a part, in pixels: there is nothing to learn from less.
    const MIN_SIDE: usize = 8;

    /// The part of the shape of `shape` around the box in a picture of `width` x `height`: with the same centre, and as small as
    /// the box allows.
    ///
    /// It lies inside the picture: near an edge it is moved inwards, and it is at most as large as the part at the picture's
    /// centre, which cuts off the ends of a very long box. None if less than 8 pixels of the box are in the picture.
    pub fn part(self, width: usize, height: usize, shape: Resolution) -> Option<Area> {
        let x = [self.x_min, self.x_max].map(|x| x.clamp(0.0, width as f64));
        let y = [self.y_min, self.y_max].map(|y| y.clamp(0.0, height as f64));
        let is_inside = x[0] < x[1] && y[0] < y[1]; // false for NaN
        if !is_inside {
            return None;
        }
        let (box_width, box_height) = (x[1] - x[0], y[1] - y[0]);
        let (across, down) = (shape.width as f64, shape.height as f64);
        let part = if box_width * down >= box_height * across {
            [box_width, box_width * down / across]
        } else {
            [box_height * across / down, box_height]
        };
        let [mut part_width, mut part_height] = part.map(|side| side.round() as usize);
        if part_width > width || part_height > height {
            Area { width: part_width, height: part_height, .. } = Area::center(width, height, shape);
        }
        // The cast to an unsigned number gives zero, the left or upper edge, for negative numbers.
        let start = |[min, max]: [f64; 2], side: usize, size: usize| {
            (((min + max - side as f64) / 2.0).round() as usize).min(size - side)
        };
        (part_width.min(part_height) >= Self::MIN_SIDE).then(|| Area {
            left: start(x, part_width, width),
            top: start(y, part_height, height),
            width: part_width,
            height: part_height,
        })
    }

    /// The same box in a picture scaled by `by` (width, height).
    pub fn scaled(self, by: (f64, f64)) -> Self {
        Self { x_min: self.x_min * by.0, y_min: self.y_min * by.1, x_max: self.x_max * by.0, y_max: self.y_max * by.1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: Resolution = Resolution::square(64);
    const TALL: Resolution = Resolution { width: 64, height: 96 };

    fn part(edges: [i32; 4], [width, height]: [usize; 2], shape: Resolution) -> Option<[usize; 4]> {
        let [x_min, y_min, x_max, y_max] = edges.map(f64::from);
        let Area { left, top, width, height } =
            BoundingBox { x_min, y_min, x_max, y_max }.part(width, height, shape)?;
        Some([left, top, width, height])
    }

    #[test]
    fn the_part_at_the_centre_is_the_largest_of_its_shape() {
        let center = |width, height, shape| {
            let Area { left, top, width, height } = Area::center(width, height, shape);
            [left, top, width, height]
        };
        assert_eq!(center(5, 2, SQUARE), [1, 0, 2, 2]);
        assert_eq!(center(100, 150, TALL), [0, 0, 100, 150]);
        assert_eq!(center(300, 150, TALL), [100, 0, 100, 150]);
        assert_eq!(center(100, 200, TALL), [0, 25, 100, 150]);
        assert_eq!(center(10, 14, TALL), [0, 0, 9, 14], "9.33 columns");
        assert_eq!(center(1, 1000, Resolution { width: 256, height: 16 }), [0, 499, 1, 1]);
        for (width, height) in [(10, 14), (11, 14), (101, 152), (1, 1)] {
            assert!(Area::center(width, height, TALL).has_shape(TALL), "{width} x {height}");
        }
        assert!(!Area { left: 0, top: 0, width: 64, height: 64 }.has_shape(TALL));
    }

    #[test]
    fn the_part_is_centred_on_the_box_and_stays_inside() {
        let square = |edges, size| part(edges, size, SQUARE).map(|[left, top, width, _]| [left, top, width]);
        assert_eq!(square([40, 30, 60, 70], [100, 100]), Some([30, 30, 40]), "as high as the box, wider");
        assert_eq!(square([0, 30, 20, 70], [100, 100]), Some([0, 30, 40]), "moved off the left edge");
        assert_eq!(square([90, 95, 100, 100], [100, 100]), Some([90, 90, 10]), "moved off the lower edge");
        assert_eq!(square([10, 10, 190, 60], [200, 80]), Some([60, 0, 80]), "no larger than the picture is high");
        assert_eq!(square([-50, -50, 50, 20], [100, 100]), Some([0, 0, 50]), "what is outside does not count");
        assert_eq!(part([40, 40, 60, 60], [200, 200], TALL), Some([40, 35, 20, 30]), "higher than the box");
        assert_eq!(part([40, 40, 50, 100], [200, 200], TALL), Some([25, 40, 40, 60]), "wider than the box");
        assert_eq!(part([0, 0, 200, 90], [200, 90], TALL), Some([70, 0, 60, 90]), "the part at the centre");
    }

    #[test]
    fn tiles_reach_from_edge_to_edge() {
        let lefts = |width| Area::tiles(width, 10, SQUARE).iter().map(|tile| tile.left).collect::<Vec<_>>();
        assert_eq!(lefts(19), [4], "the one at the centre");
        assert_eq!(lefts(20), [0, 10]);
        assert_eq!(lefts(35), [0, 13, 25]);
        assert_eq!(Area::tiles(10, 35, SQUARE)[1], Area { left: 0, top: 13, width: 10, height: 10 });
        assert_eq!(lefts(10_000).len(), 16);
        let tall: Vec<usize> = Area::tiles(70, 45, TALL).iter().map(|tile| tile.left).collect();
        assert_eq!(tall, [0, 40], "30 columns each");
        assert_eq!(Area::tiles(30, 100, TALL).iter().map(|tile| tile.top).collect::<Vec<_>>(), [0, 55]);
    }

    #[test]
    fn nothing_is_made_of_a_box_that_holds_nothing() {
        let square = |edges, size| part(edges, size, SQUARE);
        assert_eq!(square([60, 10, 40, 50], [100, 100]), None, "its right edge is left of its left one");
        assert_eq!(square([200, 10, 240, 50], [100, 100]), None, "beside the picture");
        assert_eq!(square([10, 10, 14, 17], [100, 100]), None, "a speck");
        let odd = BoundingBox { x_min: f64::NAN, y_min: 0.0, x_max: 50.0, y_max: 50.0 };
        assert_eq!(odd.part(100, 100, SQUARE), None);
    }
}
