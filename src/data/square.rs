//! Parts of a picture: the square at the centre, several squares side by side, the square around a box, or all of it.

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

impl From<Square> for Area {
    fn from(Square { left, top, side }: Square) -> Self {
        Self { left, top, width: side, height: side }
    }
}

/// A square within an upright picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Square {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Columns and rows; at least one.
    pub side: usize,
}

impl Square {
    /// The largest one, at the centre of a picture of `width` x `height`; left and top are rounded down.
    pub fn center(width: usize, height: usize) -> Self {
        let side = width.min(height);
        Self { left: (width - side) / 2, top: (height - side) / 2, side }
    }

    /// As many squares side by side as fit into a picture of `width` x `height`, spread from edge to edge. Only one, at
    /// the centre, unless the picture is at least twice as long as it is short. At most 16, so that no long picture
    /// fills a data set.
    pub fn tiles(width: usize, height: usize) -> Vec<Self> {
        const MOST: usize = 16;
        let center = Self::center(width, height);
        let rest = width.max(height) - center.side;
        let count = (width.max(height) / center.side).min(MOST);
        if count == 1 {
            return vec![center];
        }
        let tile = |index: usize| {
            let along = (index * rest + (count - 1) / 2) / (count - 1);
            if width > height { Self { left: along, ..center } } else { Self { top: along, ..center } }
        };
        (0..count).map(tile).collect()
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
    /// The smallest side of a square, in pixels: there is nothing to learn from less.
    const MIN_SIDE: usize = 8;

    /// The square around the box in a picture of `width` x `height`, with the same centre and the side of the longer
    /// edge.
    ///
    /// It lies inside the picture: near an edge it is moved inwards, and it is at most as large as the picture's
    /// shorter side, which cuts off the ends of a very long box. None if less than 8 pixels of the box are in the
    /// picture.
    pub fn square(self, width: usize, height: usize) -> Option<Square> {
        let x = [self.x_min, self.x_max].map(|x| x.clamp(0.0, width as f64));
        let y = [self.y_min, self.y_max].map(|y| y.clamp(0.0, height as f64));
        let is_inside = x[0] < x[1] && y[0] < y[1]; // false for NaN
        if !is_inside {
            return None;
        }
        let longer = (x[1] - x[0]).max(y[1] - y[0]).round() as usize;
        let side = longer.min(width).min(height);
        // The cast to an unsigned number gives zero, the left or upper edge, for negative numbers.
        let start =
            |[min, max]: [f64; 2], size: usize| (((min + max - side as f64) / 2.0).round() as usize).min(size - side);
        (side >= Self::MIN_SIDE).then(|| Square { left: start(x, width), top: start(y, height), side })
    }

    /// The same box in a picture scaled by `by` (width, height).
    pub fn scaled(self, by: (f64, f64)) -> Self {
        Self { x_min: self.x_min * by.0, y_min: self.y_min * by.1, x_max: self.x_max * by.0, y_max: self.y_max * by.1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(edges: [i32; 4], width: usize, height: usize) -> Option<[usize; 3]> {
        let [x_min, y_min, x_max, y_max] = edges.map(f64::from);
        let square = BoundingBox { x_min, y_min, x_max, y_max }.square(width, height)?;
        Some([square.left, square.top, square.side])
    }

    #[test]
    fn the_square_is_centred_on_the_box_and_stays_inside() {
        assert_eq!(square([40, 30, 60, 70], 100, 100), Some([30, 30, 40]), "as high as the box, wider");
        assert_eq!(square([0, 30, 20, 70], 100, 100), Some([0, 30, 40]), "moved off the left edge");
        assert_eq!(square([90, 95, 100, 100], 100, 100), Some([90, 90, 10]), "moved off the lower edge");
        assert_eq!(square([10, 10, 190, 60], 200, 80), Some([60, 0, 80]), "no larger than the picture is high");
        assert_eq!(square([-50, -50, 50, 20], 100, 100), Some([0, 0, 50]), "what is outside does not count");
    }

    #[test]
    fn tiles_reach_from_edge_to_edge() {
        let lefts = |width| Square::tiles(width, 10).iter().map(|tile| tile.left).collect::<Vec<_>>();
        assert_eq!(lefts(19), [4], "the one at the centre");
        assert_eq!(lefts(20), [0, 10]);
        assert_eq!(lefts(35), [0, 13, 25]);
        assert_eq!(Square::tiles(10, 35)[1], Square { left: 0, top: 13, side: 10 });
        assert_eq!(lefts(10_000).len(), 16);
    }

    #[test]
    fn nothing_is_made_of_a_box_that_holds_nothing() {
        assert_eq!(square([60, 10, 40, 50], 100, 100), None, "its right edge is left of its left one");
        assert_eq!(square([200, 10, 240, 50], 100, 100), None, "beside the picture");
        assert_eq!(square([10, 10, 14, 17], 100, 100), None, "a speck");
        assert_eq!(BoundingBox { x_min: f64::NAN, y_min: 0.0, x_max: 50.0, y_max: 50.0 }.square(100, 100), None);
    }
}
