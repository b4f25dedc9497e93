//! From columns and values of k to places in the maps: im2col without its matrix.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::arguments::ImplicitProduct;

/// The group of channels that a cube computes, and its phase if there are any. The third axis of the cubes chooses both.
#[derive(CubeType, Clone, Copy)]
pub struct Phase {
    pub group: u32,
    /// Row and column of the phase's first pixel in the target.
    pub row: u32,
    pub column: u32,
    /// Size of k's inner axes.
    pub k_width: u32,
    pub k_height: u32,
    /// Values of k.
    pub length: u32,
    /// Where the matrix begins.
    pub matrix: u32,
    /// Where the first column's patch begins, in pixels.
    pub top: u32,
    pub left: u32,
}

#[cube]
pub fn phase_of(at: &ImplicitProduct, cube: u32, #[comptime] has_phases: bool) -> Phase {
    if comptime!(has_phases) {
        let phases = at.phases.stride * at.phases.stride;
        let group = cube / phases;
        let row = cube % phases / at.phases.stride;
        let column = cube % phases % at.phases.stride;
        // The first row and column of the kernel that meet this phase; the others follow `stride` apart.
        let kernel_row = (row + at.phases.top) % at.phases.stride;
        let kernel_column = (column + at.phases.left) % at.phases.stride;
        let k_height = (at.phases.kernel.height + at.phases.stride - 1u32 - kernel_row) / at.phases.stride;
        let k_width = (at.phases.kernel.width + at.phases.stride - 1u32 - kernel_column) / at.phases.stride;
        Phase {
            group,
            row,
            column,
            k_width,
            k_height,
            length: at.length * k_height * k_width,
            matrix: group * at.matrix.group + kernel_row * at.phases.kernel.width + kernel_column,
            top: (row + at.phases.top) / at.phases.stride,
            left: (column + at.phases.left) / at.phases.stride,
        }
    } else {
        Phase {
            group: cube,
            row: 0u32.runtime(),
            column: 0u32.runtime(),
            k_width: at.k.width,
            k_height: at.k.height,
            length: at.length,
            matrix: cube * at.matrix.group,
            top: at.patches.top,
            left: at.patches.left,
        }
    }
}

/// The patch of a column, without the outer axis of k.
#[derive(CubeType, Clone, Copy)]
pub struct Patch {
    /// Where it begins in a map, in pixels. Negative places wrap around, so they are outside of every map. So is every
    /// pixel of a patch beyond the last column.
    pub top: u32,
    pub left: u32,
    /// Its first value.
    pub place: u32,
}

/// A row outside of every map, however far k moves from it.
const NOWHERE: u32 = 0x4000_0000;

#[cube]
pub fn patch_of(at: &ImplicitProduct, phase: &Phase, column: u32) -> Patch {
    let rest = column / at.column.width;
    let top = rest % at.column.height * at.patches.column_step + phase.top;
    let left = column % at.column.width * at.patches.column_step + phase.left;
    let map = phase.group * at.patches.group + rest / at.column.height * at.patches.column_outer;
    Patch { top: select(column < at.columns, top, NOWHERE), left, place: map + top * at.patches.map.width + left }
}

/// The way from the beginning of a patch to its value at k.
#[derive(CubeType, Clone, Copy)]
pub struct Offset {
    /// In pixels.
    pub down: u32,
    pub right: u32,
    /// In values.
    pub values: u32,
}

/// The offset of k, or one that leads out of every map where `is_k` is false.
#[cube]
pub fn offset_of(at: &ImplicitProduct, k: &Position, is_k: bool) -> Offset {
    let down = k.y * at.patches.k_step;
    let right = k.x * at.patches.k_step;
    let values = k.outer * at.patches.k_outer + down * at.patches.map.width + right;
    Offset { down: select(is_k, down, NOWHERE), right, values }
}

/// The value of a patch at an offset in full precision, or 0 outside of the map. Browsers make branches of `&`, which cost more than what
/// they avoid.
#[cube]
pub fn value_of<P: Float>(maps: &[P], at: &ImplicitProduct, patch: &Patch, offset: &Offset) -> f32 {
    let is_inside = patch.left + offset.right < at.patches.map.width;
    let is_there = select(patch.top + offset.down < at.patches.map.height, is_inside, false);
    let value = f32::cast_from(maps[select(is_there, patch.place + offset.values, 0u32) as usize]);
    select(is_there, value, 0.0f32)
}

/// A value of k along its axes.
#[derive(CubeType, Clone, Copy)]
pub struct Position {
    pub x: u32,
    pub y: u32,
    pub outer: u32,
}

#[cube]
pub fn position_of(k: u32, phase: &Phase) -> Position {
    let rest = k / phase.k_width;
    Position { x: k % phase.k_width, y: rest % phase.k_height, outer: rest / phase.k_height }
}

/// The position of the next k.
#[cube]
pub fn following(position: &Position, phase: &Phase) -> Position {
    let x = position.x + 1u32;
    let is_row_full = x == phase.k_width;
    let y = position.y + select(is_row_full, 1u32, 0u32);
    let is_map_full = y == phase.k_height;
    Position {
        x: select(is_row_full, 0u32, x),
        y: select(is_map_full, 0u32, y),
        outer: position.outer + select(is_map_full, 1u32, 0u32),
    }
}
