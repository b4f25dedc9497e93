//! The kernel for hardware.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::super::tile::{QUAD, Tile};
use super::arguments::ImplicitProduct;
use super::im2col::{Patch, Phase, Position, following, offset_of, patch_of, phase_of, position_of, value_of};
use super::target::write;

/// Values of [`QUAD`] neighbouring k. Shared memory is read and written in these, in the precision in which they are stored.
type Quad<T> = Vector<T, Const<QUAD>>;

/// The position of a k that grows.
#[derive(CubeType, Clone)]
struct Counter {
    x: RuntimeCell<u32>,
    y: RuntimeCell<u32>,
    outer: RuntimeCell<u32>,
}

#[cube]
impl Counter {
    fn new(k: u32, phase: &Phase) -> Counter {
        let position = position_of(k, phase);
        Counter {
            x: RuntimeCell::<u32>::new(position.x),
            y: RuntimeCell::<u32>::new(position.y),
            outer: RuntimeCell::<u32>::new(position.outer),
        }
    }

    fn position(&self) -> Position {
        Position { x: self.x.read(), y: self.y.read(), outer: self.outer.read() }
    }

    /// Adds another position, axis by axis with carry.
    fn add(&self, step: &Position, phase: &Phase) {
        let x = self.x.read() + step.x;
        let is_row_full = x >= phase.k_width;
        let y = self.y.read() + step.y + select(is_row_full, 1u32, 0u32);
        let is_map_full = y >= phase.k_height;
        self.x.store(select(is_row_full, x - phase.k_width, x));
        self.y.store(select(is_map_full, y - phase.k_height, y));
        self.outer.store(self.outer.read() + step.outer + select(is_map_full, 1u32, 0u32));
    }
}

/// The positions of [`QUAD`] neighbouring k.
#[cube]
fn quad_of(first: Position, phase: &Phase) -> Sequence<Position> {
    let mut quad = Sequence::<Position>::new();
    quad.push(first);
    #[unroll]
    for q in 0..comptime!(QUAD - 1) {
        let next = following(&quad[q], phase);
        quad.push(next);
    }
    quad
}

/// One unit's share of loading a piece of the factors into shared memory: quads of some rows of the matrix and of some
/// columns of the patches. The values wait in registers between the two halves, [`Loader::load`] and [`Loader::store`].
#[derive(CubeType)]
struct Loader {
    at: ImplicitProduct,
    phase: Phase,
    /// Where the sum ends, in values of k.
    end: u32,
    /// From one piece to the next.
    step: Position,
    /// Which of a piece's quads of the matrix the unit loads, and its k.
    matrix_quad: u32,
    matrix_k: Counter,
    /// The first of a piece's quads of the patches that the unit loads, and the k of all of them.
    patch_quad: u32,
    patch_ks: Sequence<Counter>,
    /// Where its rows of the matrix begin, and whether the matrix has such rows.
    rows: Sequence<u32>,
    are_rows: Sequence<bool>,
    patches: Sequence<Patch>,
    /// The values that wait, those of the matrix first.
    loaded: Sequence<RuntimeCell<f32>>,
}

#[cube]
impl Loader {
    fn new(
        at: ImplicitProduct,
        phase: Phase,
        begin: u32,
        end: u32,
        first_row: u32,
        first_column: u32,
        #[comptime] tile: Tile,
    ) -> Loader {
        let quads = comptime!((tile.depth / QUAD) as u32);
        let units = comptime!(tile.all_units() as u32);
        let columns = comptime!(tile.columns() as u32);
        let matrix_quad = UNIT_POS_X % quads;
        let mut rows = Sequence::<u32>::new();
        let mut are_rows = Sequence::<bool>::new();
        #[unroll]
        for turn in 0..comptime!(tile.rows_per_unit()) {
            let row = UNIT_POS_X / quads + comptime!(turn as u32) * (units / quads);
            rows.push(phase.matrix + (first_row + row) * at.matrix.row);
            are_rows.push(first_row + row < at.rows);
        }
        let mut patches = Sequence::<Patch>::new();
        #[unroll]
        for turn in 0..comptime!(tile.columns_per_unit()) {
            let column = UNIT_POS_X % columns + comptime!(turn as u32) * units;
            patches.push(patch_of(&at, &phase, first_column + column));
        }
        let patch_quad = UNIT_POS_X / columns;
        let mut patch_ks = Sequence::<Counter>::new();
        #[unroll]
        for turn in 0..comptime!(tile.quads_per_unit()) {
            let quad = patch_quad + comptime!((turn * tile.quads_at_once()) as u32);
            patch_ks.push(Counter::new(begin + quad * comptime!(QUAD as u32), &phase));
        }
        let mut loaded = Sequence::<RuntimeCell<f32>>::new();
        #[unroll]
        for _ in 0..comptime!(QUAD * (tile.rows_per_unit() + tile.columns_per_unit() * tile.quads_per_unit())) {
            loaded.push(RuntimeCell::<f32>::new(0.0f32));
        }
        let matrix_k = Counter::new(begin + matrix_quad * comptime!(QUAD as u32), &phase);
        let step = position_of(comptime!(tile.depth as u32), &phase);
        Loader { at, phase, end, step, matrix_quad, matrix_k, patch_quad, patch_ks, rows, are_rows, patches, loaded }
    }

    /// Reads the unit's share of the piece that begins at `first_k` into registers, and moves on to the next piece.
    fn load<M: Float, P: Float>(&self, matrix: &[M], maps: &[P], first_k: u32, #[comptime] tile: Tile) {
        let positions = quad_of(self.matrix_k.position(), &self.phase);
        #[unroll]
        for q in 0..QUAD {
            let position = &positions[q];
            let is_k = first_k + self.matrix_quad * comptime!(QUAD as u32) + comptime!(q as u32) < self.end;
            let place = position.x * self.at.matrix.strides.x
                + position.y * self.at.matrix.strides.y
                + position.outer * self.at.matrix.strides.outer;
            #[unroll]
            for turn in 0..comptime!(tile.rows_per_unit()) {
                let is_there = select(is_k, self.are_rows[turn], false);
                let value = f32::cast_from(matrix[select(is_there, self.rows[turn] + place, 0u32) as usize]);
                self.loaded[comptime!(turn * QUAD + q)].store(select(is_there, value, 0.0f32));
            }
        }
        self.matrix_k.add(&self.step, &self.phase);
        #[unroll]
        for turn in 0..comptime!(tile.quads_per_unit()) {
            let quad = self.patch_quad + comptime!((turn * tile.quads_at_once()) as u32);
            let positions = quad_of(self.patch_ks[turn].position(), &self.phase);
            #[unroll]
            for q in 0..QUAD {
                let is_k = first_k + quad * comptime!(QUAD as u32) + comptime!(q as u32) < self.end;
                let offset = offset_of(&self.at, &positions[q], is_k);
                #[unroll]
                for column in 0..comptime!(tile.columns_per_unit()) {
                    let value = value_of(maps, &self.at, &self.patches[column], &offset);
                    let slot = comptime!(QUAD * (tile.rows_per_unit() + turn * tile.columns_per_unit() + column) + q);
                    self.loaded[slot].store(value);
                }
            }
            self.patch_ks[turn].add(&self.step, &self.phase);
        }
    }

    /// Writes what was loaded into shared memory.
    fn store<M: Float, P: Float>(
        &self,
        matrix_piece: &mut Shared<[Quad<M>]>,
        patch_piece: &mut Shared<[Quad<P>]>,
        #[comptime] tile: Tile,
    ) {
        let quads = comptime!((tile.depth / QUAD) as u32);
        let units = comptime!(tile.all_units() as u32);
        let columns = comptime!(tile.columns() as u32);
        let pitch = comptime!(tile.pitch() as u32);
        #[unroll]
        for turn in 0..comptime!(tile.rows_per_unit()) {
            let row = UNIT_POS_X / quads + comptime!(turn as u32) * (units / quads);
            let quad = self.quad::<M>(comptime!(turn * QUAD));
            if row < comptime!(tile.rows() as u32) {
                matrix_piece[(row * pitch + self.matrix_quad) as usize] = quad;
            }
        }
        #[unroll]
        for turn in 0..comptime!(tile.quads_per_unit()) {
            #[unroll]
            for column in 0..comptime!(tile.columns_per_unit()) {
                let place = UNIT_POS_X % columns + comptime!(column as u32) * units;
                let quad = self.patch_quad + comptime!((turn * tile.quads_at_once()) as u32);
                let slot = comptime!(QUAD * (tile.rows_per_unit() + turn * tile.columns_per_unit() + column));
                patch_piece[(place * pitch + quad) as usize] = self.quad::<P>(slot);
            }
        }
    }

    fn quad<T: Float>(&self, #[comptime] slot: usize) -> Quad<T> {
        let mut quad = Quad::<f32>::new(0.0f32);
        #[unroll]
        for q in 0..QUAD {
            quad.insert(q, self.loaded[comptime!(slot + q)].read());
        }
        Quad::<T>::cast_from(quad)
    }
}

/// # Shapes
/// Cubes: tiles of columns, tiles of rows, `groups · phases · splits` with the splits innermost.
#[cube(launch_unchecked)]
pub fn product_in_shared_memory<M: Float, P: Float>(
    matrix: &[M],
    maps: &[P],
    target: &mut [f32],
    at: ImplicitProduct,
    #[comptime] tile: Tile,
    #[define(M, P)] _stored: [ElemType; 2],
) {
    let depth = comptime!(tile.depth as u32);
    let pitch = comptime!(tile.pitch() as u32);
    let split = CUBE_POS_Z % at.split_k.count;
    let phase = phase_of(&at, CUBE_POS_Z / at.split_k.count, tile.has_phases);
    let first_row = CUBE_POS_Y * comptime!(tile.rows() as u32);
    let first_column = CUBE_POS_X * comptime!(tile.columns() as u32);
    let begin = split * at.split_k.length;
    let end = u32::min(begin + at.split_k.length, phase.length);

    // The unit's sums. Not an array: one that is indexed would not stay in registers.
    let unit_row = UNIT_POS_X / comptime!(tile.units[1] as u32);
    let unit_column = UNIT_POS_X % comptime!(tile.units[1] as u32);
    let mut sums = Sequence::<RuntimeCell<f32>>::new();
    #[unroll]
    for _ in 0..comptime!(tile.sums()) {
        sums.push(RuntimeCell::<f32>::new(0.0f32));
    }

    let mut matrix_piece = Shared::<[Quad<M>]>::new_slice(comptime!(tile.rows() * tile.pitch()));
    let mut patch_piece = Shared::<[Quad<P>]>::new_slice(comptime!(tile.columns() * tile.pitch()));
    let loader = Loader::new(at, phase, begin, end, first_row, first_column, tile);
    loader.load(matrix, maps, begin, tile);
    for piece in 0..select(end > begin, (end - begin).div_ceil(depth), 0u32) {
        loader.store(&mut matrix_piece, &mut patch_piece, tile);
        sync_cube();
        // The next piece is loaded while this one is multiplied.
        loader.load(matrix, maps, begin + (piece + 1u32) * depth, tile);
        for quad in 0..comptime!((tile.depth / QUAD) as u32) {
            let mut factors = Sequence::<Quad<f32>>::new();
            #[unroll]
            for i in 0..comptime!(tile.per_unit[0]) {
                let row = unit_row + comptime!((i * tile.units[0]) as u32);
                factors.push(Quad::<f32>::cast_from(matrix_piece[(row * pitch + quad) as usize]));
            }
            #[unroll]
            for j in 0..comptime!(tile.per_unit[1]) {
                let column = unit_column + comptime!((j * tile.units[1]) as u32);
                let values = Quad::<f32>::cast_from(patch_piece[(column * pitch + quad) as usize]);
                #[unroll]
                for q in 0..QUAD {
                    #[unroll]
                    for i in 0..comptime!(tile.per_unit[0]) {
                        let sum = &sums[comptime!(i * tile.per_unit[1] + j)];
                        sum.store(fma(factors[i].extract(q), values.extract(q), sum.read()));
                    }
                }
            }
        }
        sync_cube();
    }
    write(target, &sums, &loader.at, &loader.phase, split, first_row + unit_row, first_column + unit_column, tile);
}
