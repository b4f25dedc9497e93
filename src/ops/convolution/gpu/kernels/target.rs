//! Writing the sums.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::super::tile::Tile;
use super::arguments::ImplicitProduct;
use super::im2col::Phase;

/// A column of the target that a unit writes.
#[derive(CubeType, Clone, Copy)]
struct Column {
    /// Where its first row is.
    place: u32,
    /// Whether the target has such a column.
    is_there: bool,
}

#[cube]
fn column_of(at: &ImplicitProduct, phase: &Phase, split: u32, column: u32, #[comptime] has_phases: bool) -> Column {
    let rest = column / at.column.width;
    let (x, y) = (column % at.column.width, rest % at.column.height);
    let outer = rest / at.column.height;
    let mut place = x * at.target.strides.x + y * at.target.strides.y + outer * at.target.strides.outer;
    let mut is_there = column < at.columns;
    if comptime!(has_phases) {
        let (row, column) = (y * at.phases.stride + phase.row, x * at.phases.stride + phase.column);
        is_there &= (row < at.phases.target.height) & (column < at.phases.target.width);
        place += phase.row * at.phases.target.width + phase.column;
    }
    Column { place: place + phase.group * at.target.group + split * at.split_k.target, is_there }
}

/// Writes what a unit has summed: rows from `first_row` and columns from `first_column` on, `tile.units` apart. With
/// loops the sums go through memory, but the kernel compiles sooner.
#[cube]
pub fn write(
    target: &mut [f32],
    sums: &Sequence<RuntimeCell<f32>>,
    at: &ImplicitProduct,
    phase: &Phase,
    split: u32,
    first_row: u32,
    first_column: u32,
    #[comptime] tile: Tile,
) {
    if comptime!(tile.writes_in_loops) {
        let (rows, columns) = comptime!((tile.per_unit[0] as u32, tile.per_unit[1] as u32));
        let mut stored = Array::<f32>::new(comptime!(tile.sums()));
        #[unroll]
        for i in 0..comptime!(tile.sums()) {
            stored[i] = sums[i].read();
        }
        for j in 0..columns {
            let column = first_column + j * comptime!(tile.units[1] as u32);
            let column = column_of(at, phase, split, column, tile.has_phases);
            if column.is_there {
                for i in 0..rows {
                    let row = first_row + i * comptime!(tile.units[0] as u32);
                    if row < at.rows {
                        target[(column.place + row * at.target.row) as usize] = stored[(i * columns + j) as usize];
                    }
                }
            }
        }
    } else {
        #[unroll]
        for j in 0..comptime!(tile.per_unit[1]) {
            let column = first_column + comptime!((j * tile.units[1]) as u32);
            let column = column_of(at, phase, split, column, tile.has_phases);
            if column.is_there {
                #[unroll]
                for i in 0..comptime!(tile.per_unit[0]) {
                    let row = first_row + comptime!((i * tile.units[0]) as u32);
                    if row < at.rows {
                        let sum = &sums[comptime!(i * tile.per_unit[1] + j)];
                        target[(column.place + row * at.target.row) as usize] = sum.read();
                    }
                }
            }
        }
    }
}

/// `target[i] = Σ_split parts[split][i]`
///
/// # Shapes
/// - `parts`: `[splits, count]`
/// - `target`: `[count]`
#[cube(launch_unchecked)]
pub fn reduce_splits(parts: &[f32], target: &mut [f32], count: u32, splits: u32) {
    if ABSOLUTE_POS < count as usize {
        let index = ABSOLUTE_POS as u32;
        let mut total = 0.0f32;
        for split in 0..splits {
            total += parts[(split * count + index) as usize];
        }
        target[index as usize] = total;
    }
}
