//! The kernel for software devices.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::super::tile::Tile;
use super::arguments::ImplicitProduct;
use super::im2col::{Phase, Position, following, patch_of, phase_of, position_of};
use super::target::write;

/// The patch of a column, packed so that one comparison tells whether a pixel lies in the map. The start is `column +
/// 65,536 row`, both below [`PACKED_LIMIT`]. A pixel before the map or behind it sets one of the [`GUARDS`].
#[derive(CubeType, Clone, Copy)]
struct PackedPatch {
    start: u32,
    /// Its first value.
    place: u32,
}

/// Rows and columns of a map must be fewer for [`product_in_registers`].
pub const PACKED_LIMIT: usize = 1 << 14;

/// A packed pixel outside of every map, also when it is added to itself or to a pixel of a map.
const PACKED_NOWHERE: u32 = 0xC000_0000;

/// The sign bits of column and row.
const GUARDS: u32 = 0x8000_8000;

/// One row, packed.
const ROW: u32 = 0x1_0000;

#[cube]
fn packed_patch_of(at: &ImplicitProduct, phase: &Phase, column: u32) -> PackedPatch {
    let patch = patch_of(at, phase, column);
    let start = patch.left + patch.top * ROW;
    PackedPatch { start: select(column < at.columns, start, PACKED_NOWHERE), place: patch.place }
}

/// The value of a patch, or 0 outside of the map. `offset` leads there in packed pixels and `values` in values; `last`
/// is the map's last pixel, packed. Browsers make branches of `&`, and a selection costs as much as three of the
/// operations here.
#[cube]
fn packed_value_of<P: Float>(maps: &[P], patch: &PackedPatch, offset: u32, values: u32, last: u32) -> f32 {
    let pixel = patch.start + offset;
    let is_there = (pixel | (last - pixel)) & GUARDS == 0u32;
    let keep = select(is_there, 0xFFFF_FFFFu32, 0u32);
    let value = f32::cast_from(maps[((patch.place + values) & keep) as usize]);
    f32::reinterpret(u32::reinterpret(value) & keep)
}

/// # Shapes
/// Cubes: as for [`product_in_shared_memory`](super::product_in_shared_memory).
#[cube(launch_unchecked)]
pub fn product_in_registers<M: Float, P: Float>(
    matrix: &[M],
    maps: &[P],
    target: &mut [f32],
    at: ImplicitProduct,
    #[comptime] tile: Tile,
    #[define(M, P)] _stored: [ElemType; 2],
) {
    let depth = comptime!(tile.depth as u32);
    let split = CUBE_POS_Z % at.split_k.count;
    let phase = phase_of(&at, CUBE_POS_Z / at.split_k.count, tile.has_phases);
    let first_row = CUBE_POS_Y * comptime!(tile.per_unit[0] as u32);
    let first_column = CUBE_POS_X * comptime!(tile.columns() as u32) + UNIT_POS_X;
    let last = at.patches.map.width - 1u32 + (at.patches.map.height - 1u32) * ROW;

    let mut patches = Sequence::<PackedPatch>::new();
    #[unroll]
    for j in 0..comptime!(tile.per_unit[1]) {
        patches.push(packed_patch_of(&at, &phase, first_column + comptime!((j * tile.units[1]) as u32)));
    }
    // All units of a plane need the same rows, and a read is a loop over the units. So each reads some rows for all of
    // them.
    let own = comptime!(tile.per_unit[0].div_ceil(tile.lanes));
    let mut own_rows = Sequence::<u32>::new();
    #[unroll]
    for i in 0..own {
        let row = u32::min(first_row + UNIT_POS_PLANE + comptime!((i * tile.lanes) as u32), at.rows - 1u32);
        own_rows.push(phase.matrix + row * at.matrix.row);
    }
    let mut sums = Sequence::<RuntimeCell<f32>>::new();
    #[unroll]
    for _ in 0..comptime!(tile.sums()) {
        sums.push(RuntimeCell::<f32>::new(0.0f32));
    }

    let begin = split * at.split_k.length;
    let end = u32::min(begin + at.split_k.length, phase.length);
    let start = position_of(begin, &phase);
    let x = RuntimeCell::<u32>::new(start.x);
    let y = RuntimeCell::<u32>::new(start.y);
    let outer = RuntimeCell::<u32>::new(start.outer);
    for piece in 0..select(end > begin, (end - begin).div_ceil(depth), 0u32) {
        let mut factors = Sequence::<f32>::new();
        let mut values = Sequence::<f32>::new();
        #[unroll]
        for k in 0..comptime!(tile.depth) {
            let is_k = begin + piece * depth + comptime!(k as u32) < end;
            let position = Position { x: x.read(), y: y.read(), outer: outer.read() };
            let place = position.x * at.matrix.strides.x
                + position.y * at.matrix.strides.y
                + position.outer * at.matrix.strides.outer;
            // Beyond the last k the patches are 0, so any value of the matrix will do.
            let place = select(is_k, place, 0u32);
            #[unroll]
            for i in 0..own {
                factors.push(f32::cast_from(matrix[(own_rows[i] + place) as usize]));
            }
            let (down, right) = (position.y * at.patches.k_step, position.x * at.patches.k_step);
            let offset = select(is_k, right + down * ROW, PACKED_NOWHERE);
            let further = position.outer * at.patches.k_outer + down * at.patches.map.width + right;
            #[unroll]
            for j in 0..comptime!(tile.per_unit[1]) {
                values.push(packed_value_of(maps, &patches[j], offset, further, last));
            }
            let next = following(&position, &phase);
            x.store(next.x);
            y.store(next.y);
            outer.store(next.outer);
        }
        #[unroll]
        for i in 0..comptime!(tile.per_unit[0]) {
            let mut row = Sequence::<f32>::new();
            #[unroll]
            for k in 0..comptime!(tile.depth) {
                let factor = factors[comptime!(k * own + i / tile.lanes)];
                row.push(plane_broadcast(factor, comptime!((i % tile.lanes) as u32)));
            }
            #[unroll]
            for j in 0..comptime!(tile.per_unit[1]) {
                let sum = &sums[comptime!(i * tile.per_unit[1] + j)];
                let mut partial = Sequence::<f32>::new();
                partial.push(sum.read());
                #[unroll]
                for k in 0..comptime!(tile.depth) {
                    partial.push(partial[k] + row[k] * values[comptime!(k * tile.per_unit[1] + j)]);
                }
                sum.store(partial[comptime!(tile.depth)]);
            }
        }
    }
    write(target, &sums, &at, &phase, split, first_row, first_column, tile);
}
