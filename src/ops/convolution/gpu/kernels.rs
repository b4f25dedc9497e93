//! The inner loops on graphics devices: implicit matrix products (Chetlur et al. 2014, "cuDNN: Efficient Primitives for Deep
//! Learning", arXiv:1410.0759, section 3).
//!
//! All three sums of a convolution are `target[row][column] = Σ_k matrix[row][k] · windows[k][column]`, where a column is a
//! pixel and k a tap (or the other way round), and the windows are never written down: what they hold is found by
//! three-digit numbers. A cube makes one tile of the target, a unit a part of it, in registers.
//!
//! There are two ways. On hardware a cube brings pieces of both factors into its shared memory, from which every unit takes
//! what it needs ([`product`]). Where a processor imitates a graphics device, its own caches do that; there, what a read
//! costs is going from lane to lane, shared memory or not, so parts are large instead, and the units of a plane share what
//! they have read of the matrix ([`product_in_registers`]).

use super::cubecl;
use cubecl::prelude::*;

/// What [`product`] is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Rows and columns of the target that one unit sums.
    pub part: [usize; 2],
    /// Units below and beside each other in a cube.
    pub units: [usize; 2],
    /// How much of the sum is made at a time: see [`Tile::is_even`].
    pub depth: usize,
    /// Units of a plane, which tell each other what they have read of the matrix; only for [`product_in_registers`].
    pub lanes: usize,
    /// Whether it loops over what it writes.
    pub writes_in_loops: bool,
    /// Whether cubes of the third axis are phases: see [`Windows::stride`].
    pub has_phases: bool,
}

/// Values that [`product`] moves at once.
pub const QUAD: usize = 4;

/// Of [`product`].
impl Tile {
    pub fn rows(&self) -> usize {
        self.part[0] * self.units[0]
    }

    pub fn columns(&self) -> usize {
        self.part[1] * self.units[1]
    }

    pub fn all_units(&self) -> usize {
        self.units[0] * self.units[1]
    }

    /// Quads of a row or a column in shared memory, of which perhaps the last is not used: an odd number, so that units which
    /// read quads of neighbours find them in different banks.
    fn pitch(&self) -> usize {
        (self.depth / QUAD) | 1
    }

    /// Bytes of shared memory.
    pub fn shared_bytes(&self) -> usize {
        (self.rows() + self.columns()) * self.pitch() * QUAD * size_of::<f32>()
    }

    /// Rows of which a unit brings a quad of the matrix; some units bring one fewer.
    fn row_turns(&self) -> usize {
        (self.rows() * self.depth / QUAD).div_ceil(self.all_units())
    }

    /// Columns of which a unit brings windows.
    fn own_columns(&self) -> usize {
        (self.columns() / self.all_units()).max(1)
    }

    /// Quads of a column that units bring at once, and how often.
    fn quads_at_once(&self) -> usize {
        (self.all_units() / self.columns()).max(1)
    }

    fn quad_turns(&self) -> usize {
        self.depth / QUAD / self.quads_at_once()
    }

    /// Whether units can share the work: each quad of a piece of the windows is brought by one, and no quad of the matrix is
    /// by two.
    pub fn is_even(&self) -> bool {
        let (units, columns, quads) = (self.all_units(), self.columns(), self.depth / QUAD);
        self.depth.is_multiple_of(QUAD)
            && units.is_multiple_of(quads)
            && (units.is_multiple_of(columns) || columns.is_multiple_of(units))
            && quads.is_multiple_of(self.quads_at_once())
    }
}

/// Where [`product`] finds its factors, in values. Digits are lowest first: of k they are column and row of a window and a
/// map, or the like.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct Windows {
    /// Size of the target.
    pub rows: u32,
    pub columns: u32,
    /// Size of the sum, and how much of it one cube takes: a share is rounded up to a multiple of the tile's depth.
    pub length: u32,
    pub share: u32,
    pub shares: u32,
    /// How many values the two lower digits of k have.
    pub k_width: u32,
    pub k_height: u32,
    /// How many values the two lower digits of a column have.
    pub column_width: u32,
    pub column_height: u32,
    /// What a step of k's digits is in the matrix, and what a row is.
    pub matrix_k0: u32,
    pub matrix_k1: u32,
    pub matrix_k2: u32,
    pub matrix_row: u32,
    /// What a step of k's lower digits is in pixels, and of the highest one in values.
    pub window_step: u32,
    pub window_map: u32,
    /// What a step of a column's lower digits is in pixels, and of the highest one in values.
    pub column_step: u32,
    pub column_map: u32,
    /// Where the first window starts, in pixels from the first on both axes.
    pub origin: u32,
    /// Size of a map that windows are cut out of; what lies outside is 0.
    pub map_height: u32,
    pub map_width: u32,
    /// What a step of a column's digits is in the target, and what a row is.
    pub target_0: u32,
    pub target_1: u32,
    pub target_2: u32,
    pub target_row: u32,
    /// Values from one group to the next in the factors and the target, and from one share's sums to the next.
    pub matrix_group: u32,
    pub window_group: u32,
    pub target_group: u32,
    pub target_share: u32,
    /// With phases: a column is every `stride`-th pixel of the target on both axes, and meets every `stride`-th row and
    /// column of the kernel. `padding`, the kernel's and the target's size say which ones.
    pub stride: u32,
    pub padding: u32,
    pub kernel_height: u32,
    pub kernel_width: u32,
    pub target_height: u32,
    pub target_width: u32,
}

/// What the third axis of the cubes chooses: a group, and perhaps every `stride`-th pixel of its target.
#[derive(CubeType, Clone, Copy)]
struct Phase {
    group: u32,
    /// The first pixel of the target.
    row: u32,
    column: u32,
    /// How many values the lower digits of k have, and all of k.
    k_width: u32,
    k_height: u32,
    length: u32,
    /// Where the first value of the matrix lies, and the first window starts.
    matrix: u32,
    top: u32,
    left: u32,
}

#[cube]
fn phase_of(at: &Windows, cube: u32, #[comptime] has_phases: bool) -> Phase {
    if comptime!(has_phases) {
        let phases = at.stride * at.stride;
        let group = cube / phases;
        let row = cube % phases / at.stride;
        let column = cube % phases % at.stride;
        // The first row and column of the kernel that meet this phase; the others follow `stride` apart.
        let kernel_row = (row + at.padding) % at.stride;
        let kernel_column = (column + at.padding) % at.stride;
        let k_height = (at.kernel_height + at.stride - 1u32 - kernel_row) / at.stride;
        let k_width = (at.kernel_width + at.stride - 1u32 - kernel_column) / at.stride;
        Phase {
            group,
            row,
            column,
            k_width,
            k_height,
            length: at.length * k_height * k_width,
            matrix: group * at.matrix_group + kernel_row * at.kernel_width + kernel_column,
            top: (row + at.padding) / at.stride,
            left: (column + at.padding) / at.stride,
        }
    } else {
        Phase {
            group: cube,
            row: 0u32.runtime(),
            column: 0u32.runtime(),
            k_width: at.k_width,
            k_height: at.k_height,
            length: at.length,
            matrix: cube * at.matrix_group,
            top: at.origin,
            left: at.origin,
        }
    }
}

/// A column's windows: where they start in a map, and where that is in the first map. Negative places wrap around, and are
/// outside of every map; so are all of a column that there is not.
#[derive(CubeType, Clone, Copy)]
struct Window {
    top: u32,
    left: u32,
    place: u32,
}

/// Where nothing is: outside of every map, however far a window reaches from it.
const NOWHERE: u32 = 0x4000_0000;

#[cube]
fn window_of(at: &Windows, phase: &Phase, column: u32) -> Window {
    let rest = column / at.column_width;
    let top = rest % at.column_height * at.column_step + phase.top;
    let left = column % at.column_width * at.column_step + phase.left;
    let map = phase.group * at.window_group + rest / at.column_height * at.column_map;
    Window { top: select(column < at.columns, top, NOWHERE), left, place: map + top * at.map_width + left }
}

/// What a step from a window's start to its value at k is: on both axes, and in values.
#[derive(CubeType, Clone, Copy)]
struct Reach {
    down: u32,
    right: u32,
    values: u32,
}

/// The reach at k, or out of every map where `is_k` is not.
#[cube]
fn reach_of(at: &Windows, k: &Digits, is_k: bool) -> Reach {
    let down = k.middle * at.window_step;
    let right = k.low * at.window_step;
    Reach { down: select(is_k, down, NOWHERE), right, values: k.high * at.window_map + down * at.map_width + right }
}

/// What a window has there, or 0 outside of the map. Browsers make branches of `&`, which cost more than what they avoid.
#[cube]
fn value_of(windows: &[f32], at: &Windows, window: &Window, reach: &Reach) -> f32 {
    let is_inside = window.left + reach.right < at.map_width;
    let is_there = select(window.top + reach.down < at.map_height, is_inside, false);
    let value = windows[select(is_there, window.place + reach.values, 0u32) as usize];
    select(is_there, value, 0.0f32)
}

/// A number whose two lower digits have as many values as a phase says.
#[derive(CubeType, Clone, Copy)]
struct Digits {
    low: u32,
    middle: u32,
    high: u32,
}

#[cube]
fn digits_of(number: u32, phase: &Phase) -> Digits {
    let rest = number / phase.k_width;
    Digits { low: number % phase.k_width, middle: rest % phase.k_height, high: rest / phase.k_height }
}

#[cube]
fn following(digits: &Digits, phase: &Phase) -> Digits {
    let low = digits.low + 1u32;
    let is_full = low == phase.k_width;
    let middle = digits.middle + select(is_full, 1u32, 0u32);
    let are_full = middle == phase.k_height;
    Digits {
        low: select(is_full, 0u32, low),
        middle: select(are_full, 0u32, middle),
        high: digits.high + select(are_full, 1u32, 0u32),
    }
}

/// A column of the target that a unit writes.
#[derive(CubeType, Clone, Copy)]
struct Column {
    /// Where its first row is.
    place: u32,
    /// Whether there is such a column.
    is_there: bool,
}

#[cube]
fn column_of(at: &Windows, phase: &Phase, share: u32, column: u32, #[comptime] has_phases: bool) -> Column {
    let rest = column / at.column_width;
    let (low, middle) = (column % at.column_width, rest % at.column_height);
    let mut place = low * at.target_0 + middle * at.target_1 + rest / at.column_height * at.target_2;
    let mut is_there = column < at.columns;
    if comptime!(has_phases) {
        let (row, column) = (middle * at.stride + phase.row, low * at.stride + phase.column);
        is_there &= (row < at.target_height) & (column < at.target_width);
        place += phase.row * at.target_width + phase.column;
    }
    Column { place: place + phase.group * at.target_group + share * at.target_share, is_there }
}

/// Writes what a unit has summed: rows from `first_row` on and columns from `first_column` on, `tile.units` apart. Loops have
/// to take the sums from memory, but are short to compile.
#[cube]
fn write(
    target: &mut [f32],
    totals: &Sequence<RuntimeCell<f32>>,
    at: &Windows,
    phase: &Phase,
    share: u32,
    first_row: u32,
    first_column: u32,
    #[comptime] tile: Tile,
) {
    if comptime!(tile.writes_in_loops) {
        let (rows, columns) = comptime!((tile.part[0] as u32, tile.part[1] as u32));
        let mut sums = Array::<f32>::new(comptime!(tile.part[0] * tile.part[1]));
        #[unroll]
        for i in 0..comptime!(tile.part[0] * tile.part[1]) {
            sums[i] = totals[i].read();
        }
        for j in 0..columns {
            let column = first_column + j * comptime!(tile.units[1] as u32);
            let column = column_of(at, phase, share, column, tile.has_phases);
            if column.is_there {
                for i in 0..rows {
                    let row = first_row + i * comptime!(tile.units[0] as u32);
                    if row < at.rows {
                        target[(column.place + row * at.target_row) as usize] = sums[(i * columns + j) as usize];
                    }
                }
            }
        }
    } else {
        #[unroll]
        for j in 0..comptime!(tile.part[1]) {
            let column = first_column + comptime!((j * tile.units[1]) as u32);
            let column = column_of(at, phase, share, column, tile.has_phases);
            if column.is_there {
                #[unroll]
                for i in 0..comptime!(tile.part[0]) {
                    let row = first_row + comptime!((i * tile.units[0]) as u32);
                    if row < at.rows {
                        let total = &totals[comptime!(i * tile.part[1] + j)];
                        target[(column.place + row * at.target_row) as usize] = total.read();
                    }
                }
            }
        }
    }
}

/// Four values of k, one after the other: shared memory is read and written by as many at once.
type Quad = Vector<f32, Const<QUAD>>;

/// Digits of a number that grows.
#[derive(CubeType, Clone)]
struct Counter {
    low: RuntimeCell<u32>,
    middle: RuntimeCell<u32>,
    high: RuntimeCell<u32>,
}

#[cube]
impl Counter {
    fn new(number: u32, phase: &Phase) -> Counter {
        let digits = digits_of(number, phase);
        Counter {
            low: RuntimeCell::<u32>::new(digits.low),
            middle: RuntimeCell::<u32>::new(digits.middle),
            high: RuntimeCell::<u32>::new(digits.high),
        }
    }

    fn digits(&self) -> Digits {
        Digits { low: self.low.read(), middle: self.middle.read(), high: self.high.read() }
    }

    /// Adds another number.
    fn add(&self, step: &Digits, phase: &Phase) {
        let low = self.low.read() + step.low;
        let is_full = low >= phase.k_width;
        let middle = self.middle.read() + step.middle + select(is_full, 1u32, 0u32);
        let are_full = middle >= phase.k_height;
        self.low.store(select(is_full, low - phase.k_width, low));
        self.middle.store(select(are_full, middle - phase.k_height, middle));
        self.high.store(self.high.read() + step.high + select(are_full, 1u32, 0u32));
    }
}

/// The digits of [`QUAD`] numbers in order.
#[cube]
fn quad_of(first: Digits, phase: &Phase) -> Sequence<Digits> {
    let mut quad = Sequence::<Digits>::new();
    quad.push(first);
    #[unroll]
    for q in 0..comptime!(QUAD - 1) {
        let next = following(&quad[q], phase);
        quad.push(next);
    }
    quad
}

/// What a unit brings into shared memory at a time: quads of some rows of the matrix and of some columns of the windows.
#[derive(CubeType)]
struct Courier {
    at: Windows,
    phase: Phase,
    /// Where the sum ends, and the digits of how far it is from one piece to the next.
    end: u32,
    step: Digits,
    /// Its quad of the matrix, counted from a piece's first, and which k that is; the same of its quads of the windows.
    matrix_quad: u32,
    matrix_k: Counter,
    window_quad: u32,
    window_ks: Sequence<Counter>,
    /// Where its rows of the matrix begin, and whether there are such rows.
    rows: Sequence<u32>,
    are_rows: Sequence<bool>,
    windows: Sequence<Window>,
    /// What it has read, rows first.
    read: Sequence<RuntimeCell<f32>>,
}

#[cube]
impl Courier {
    fn new(
        at: Windows,
        phase: Phase,
        begin: u32,
        end: u32,
        first_row: u32,
        first_column: u32,
        #[comptime] tile: Tile,
    ) -> Courier {
        let quads = comptime!((tile.depth / QUAD) as u32);
        let units = comptime!(tile.all_units() as u32);
        let columns = comptime!(tile.columns() as u32);
        let matrix_quad = UNIT_POS_X % quads;
        let mut rows = Sequence::<u32>::new();
        let mut are_rows = Sequence::<bool>::new();
        #[unroll]
        for turn in 0..comptime!(tile.row_turns()) {
            let row = UNIT_POS_X / quads + comptime!(turn as u32) * (units / quads);
            rows.push(phase.matrix + (first_row + row) * at.matrix_row);
            are_rows.push(first_row + row < at.rows);
        }
        let mut windows = Sequence::<Window>::new();
        #[unroll]
        for turn in 0..comptime!(tile.own_columns()) {
            let column = UNIT_POS_X % columns + comptime!(turn as u32) * units;
            windows.push(window_of(&at, &phase, first_column + column));
        }
        let window_quad = UNIT_POS_X / columns;
        let mut window_ks = Sequence::<Counter>::new();
        #[unroll]
        for turn in 0..comptime!(tile.quad_turns()) {
            let quad = window_quad + comptime!((turn * tile.quads_at_once()) as u32);
            window_ks.push(Counter::new(begin + quad * comptime!(QUAD as u32), &phase));
        }
        let mut read = Sequence::<RuntimeCell<f32>>::new();
        #[unroll]
        for _ in 0..comptime!(QUAD * (tile.row_turns() + tile.own_columns() * tile.quad_turns())) {
            read.push(RuntimeCell::<f32>::new(0.0f32));
        }
        let matrix_k = Counter::new(begin + matrix_quad * comptime!(QUAD as u32), &phase);
        let step = digits_of(comptime!(tile.depth as u32), &phase);
        Courier { at, phase, end, step, matrix_quad, matrix_k, window_quad, window_ks, rows, are_rows, windows, read }
    }

    /// Reads its part of the piece that begins at `first_k`, and turns to the next one.
    fn fetch(&self, matrix: &[f32], windows: &[f32], first_k: u32, #[comptime] tile: Tile) {
        let digits = quad_of(self.matrix_k.digits(), &self.phase);
        #[unroll]
        for q in 0..QUAD {
            let digits = &digits[q];
            let is_k = first_k + self.matrix_quad * comptime!(QUAD as u32) + comptime!(q as u32) < self.end;
            let place =
                digits.low * self.at.matrix_k0 + digits.middle * self.at.matrix_k1 + digits.high * self.at.matrix_k2;
            #[unroll]
            for turn in 0..comptime!(tile.row_turns()) {
                let is_there = select(is_k, self.are_rows[turn], false);
                let value = matrix[select(is_there, self.rows[turn] + place, 0u32) as usize];
                self.read[comptime!(turn * QUAD + q)].store(select(is_there, value, 0.0f32));
            }
        }
        self.matrix_k.add(&self.step, &self.phase);
        #[unroll]
        for turn in 0..comptime!(tile.quad_turns()) {
            let quad = self.window_quad + comptime!((turn * tile.quads_at_once()) as u32);
            let digits = quad_of(self.window_ks[turn].digits(), &self.phase);
            #[unroll]
            for q in 0..QUAD {
                let is_k = first_k + quad * comptime!(QUAD as u32) + comptime!(q as u32) < self.end;
                let reach = reach_of(&self.at, &digits[q], is_k);
                #[unroll]
                for column in 0..comptime!(tile.own_columns()) {
                    let value = value_of(windows, &self.at, &self.windows[column], &reach);
                    let slot = comptime!(QUAD * (tile.row_turns() + turn * tile.own_columns() + column) + q);
                    self.read[slot].store(value);
                }
            }
            self.window_ks[turn].add(&self.step, &self.phase);
        }
    }

    /// Puts what it has read into shared memory.
    fn deliver(&self, matrix_piece: &mut Shared<[Quad]>, window_piece: &mut Shared<[Quad]>, #[comptime] tile: Tile) {
        let quads = comptime!((tile.depth / QUAD) as u32);
        let units = comptime!(tile.all_units() as u32);
        let columns = comptime!(tile.columns() as u32);
        let pitch = comptime!(tile.pitch() as u32);
        #[unroll]
        for turn in 0..comptime!(tile.row_turns()) {
            let row = UNIT_POS_X / quads + comptime!(turn as u32) * (units / quads);
            let quad = self.quad(comptime!(turn * QUAD));
            if row < comptime!(tile.rows() as u32) {
                matrix_piece[(row * pitch + self.matrix_quad) as usize] = quad;
            }
        }
        #[unroll]
        for turn in 0..comptime!(tile.quad_turns()) {
            #[unroll]
            for column in 0..comptime!(tile.own_columns()) {
                let place = UNIT_POS_X % columns + comptime!(column as u32) * units;
                let quad = self.window_quad + comptime!((turn * tile.quads_at_once()) as u32);
                let slot = comptime!(QUAD * (tile.row_turns() + turn * tile.own_columns() + column));
                window_piece[(place * pitch + quad) as usize] = self.quad(slot);
            }
        }
    }

    fn quad(&self, #[comptime] slot: usize) -> Quad {
        let mut quad = Quad::new(0.0f32);
        #[unroll]
        for q in 0..QUAD {
            quad.insert(q, self.read[comptime!(slot + q)].read());
        }
        quad
    }
}

/// # Shapes
/// Cubes: columns, rows, groups times shares times phases.
#[cube(launch_unchecked)]
pub fn product(matrix: &[f32], windows: &[f32], target: &mut [f32], at: Windows, #[comptime] tile: Tile) {
    let depth = comptime!(tile.depth as u32);
    let pitch = comptime!(tile.pitch() as u32);
    let share = CUBE_POS_Z % at.shares;
    let phase = phase_of(&at, CUBE_POS_Z / at.shares, tile.has_phases);
    let first_row = CUBE_POS_Y * comptime!(tile.rows() as u32);
    let first_column = CUBE_POS_X * comptime!(tile.columns() as u32);
    let begin = share * at.share;
    let end = u32::min(begin + at.share, phase.length);

    // What it sums. Not an array: indices would put it into memory.
    let unit_row = UNIT_POS_X / comptime!(tile.units[1] as u32);
    let unit_column = UNIT_POS_X % comptime!(tile.units[1] as u32);
    let mut totals = Sequence::<RuntimeCell<f32>>::new();
    #[unroll]
    for _ in 0..comptime!(tile.part[0] * tile.part[1]) {
        totals.push(RuntimeCell::<f32>::new(0.0f32));
    }

    let mut matrix_piece = Shared::<[Quad]>::new_slice(comptime!(tile.rows() * tile.pitch()));
    let mut window_piece = Shared::<[Quad]>::new_slice(comptime!(tile.columns() * tile.pitch()));
    let courier = Courier::new(at, phase, begin, end, first_row, first_column, tile);
    courier.fetch(matrix, windows, begin, tile);
    for piece in 0..select(end > begin, (end - begin).div_ceil(depth), 0u32) {
        courier.deliver(&mut matrix_piece, &mut window_piece, tile);
        sync_cube();
        // The next piece comes while this one is multiplied.
        courier.fetch(matrix, windows, begin + (piece + 1u32) * depth, tile);
        for quad in 0..comptime!((tile.depth / QUAD) as u32) {
            let mut factors = Sequence::<Quad>::new();
            #[unroll]
            for i in 0..comptime!(tile.part[0]) {
                let row = unit_row + comptime!((i * tile.units[0]) as u32);
                factors.push(matrix_piece[(row * pitch + quad) as usize]);
            }
            #[unroll]
            for j in 0..comptime!(tile.part[1]) {
                let column = unit_column + comptime!((j * tile.units[1]) as u32);
                let values = window_piece[(column * pitch + quad) as usize];
                #[unroll]
                for q in 0..QUAD {
                    #[unroll]
                    for i in 0..comptime!(tile.part[0]) {
                        let total = &totals[comptime!(i * tile.part[1] + j)];
                        total.store(fma(factors[i].extract(q), values.extract(q), total.read()));
                    }
                }
            }
        }
        sync_cube();
    }
    write(target, &totals, &courier.at, &courier.phase, share, first_row + unit_row, first_column + unit_column, tile);
}

/// A column's windows for units that cannot afford many comparisons: where they start in a map, and where that is in the first
/// map. The start is `column + 65,536 row`, both below [`PACKED_LIMIT`]: what is before a map or behind it sets one of
/// [`GUARDS`].
#[derive(CubeType, Clone, Copy)]
struct PackedWindow {
    start: u32,
    place: u32,
}

/// How many rows and columns a map may have for [`product_in_registers`].
pub const PACKED_LIMIT: usize = 1 << 14;

/// A row, packed, where nothing is: outside of every map even if it is added to itself or to a place in a map.
const PACKED_NOWHERE: u32 = 0xC000_0000;

/// The signs of column and row.
const GUARDS: u32 = 0x8000_8000;

const ROW: u32 = 0x1_0000;

#[cube]
fn packed_window_of(at: &Windows, phase: &Phase, column: u32) -> PackedWindow {
    let window = window_of(at, phase, column);
    let start = window.left + window.top * ROW;
    PackedWindow { start: select(column < at.columns, start, PACKED_NOWHERE), place: window.place }
}

/// What a window has at a reach, or 0 outside of the map whose last pixel is `last`, packed. Browsers make branches of `&`, and
/// a selection costs as much as three of the operations here.
#[cube]
fn packed_value_of(windows: &[f32], window: &PackedWindow, reach: u32, values: u32, last: u32) -> f32 {
    let pixel = window.start + reach;
    let is_there = (pixel | (last - pixel)) & GUARDS == 0u32;
    let keep = select(is_there, 0xFFFF_FFFFu32, 0u32);
    let value = windows[((window.place + values) & keep) as usize];
    f32::reinterpret(u32::reinterpret(value) & keep)
}

/// # Shapes
/// Cubes: as for [`product`].
#[cube(launch_unchecked)]
pub fn product_in_registers(matrix: &[f32], windows: &[f32], target: &mut [f32], at: Windows, #[comptime] tile: Tile) {
    let depth = comptime!(tile.depth as u32);
    let share = CUBE_POS_Z % at.shares;
    let phase = phase_of(&at, CUBE_POS_Z / at.shares, tile.has_phases);
    let first_row = CUBE_POS_Y * comptime!(tile.part[0] as u32);
    let first_column = CUBE_POS_X * comptime!((tile.part[1] * tile.units[1]) as u32) + UNIT_POS_X;
    let last = at.map_width - 1u32 + (at.map_height - 1u32) * ROW;

    let mut own_windows = Sequence::<PackedWindow>::new();
    #[unroll]
    for j in 0..comptime!(tile.part[1]) {
        own_windows.push(packed_window_of(&at, &phase, first_column + comptime!((j * tile.units[1]) as u32)));
    }
    // All units of a plane need the same rows, and a read is a loop over them: each reads some rows for all.
    let own = comptime!(tile.part[0].div_ceil(tile.lanes));
    let mut own_rows = Sequence::<u32>::new();
    #[unroll]
    for i in 0..own {
        let row = u32::min(first_row + UNIT_POS_PLANE + comptime!((i * tile.lanes) as u32), at.rows - 1u32);
        own_rows.push(phase.matrix + row * at.matrix_row);
    }
    let mut totals = Sequence::<RuntimeCell<f32>>::new();
    #[unroll]
    for _ in 0..comptime!(tile.part[0] * tile.part[1]) {
        totals.push(RuntimeCell::<f32>::new(0.0f32));
    }

    let begin = share * at.share;
    let end = u32::min(begin + at.share, phase.length);
    let start = digits_of(begin, &phase);
    let low = RuntimeCell::<u32>::new(start.low);
    let middle = RuntimeCell::<u32>::new(start.middle);
    let high = RuntimeCell::<u32>::new(start.high);
    for piece in 0..select(end > begin, (end - begin).div_ceil(depth), 0u32) {
        let mut factors = Sequence::<f32>::new();
        let mut values = Sequence::<f32>::new();
        #[unroll]
        for k in 0..comptime!(tile.depth) {
            let is_k = begin + piece * depth + comptime!(k as u32) < end;
            let digits = Digits { low: low.read(), middle: middle.read(), high: high.read() };
            // Any value of the matrix will do where windows have 0.
            let place = digits.low * at.matrix_k0 + digits.middle * at.matrix_k1 + digits.high * at.matrix_k2;
            let place = select(is_k, place, 0u32);
            #[unroll]
            for i in 0..own {
                factors.push(matrix[(own_rows[i] + place) as usize]);
            }
            let (down, right) = (digits.middle * at.window_step, digits.low * at.window_step);
            let reach = select(is_k, right + down * ROW, PACKED_NOWHERE);
            let further = digits.high * at.window_map + down * at.map_width + right;
            #[unroll]
            for j in 0..comptime!(tile.part[1]) {
                values.push(packed_value_of(windows, &own_windows[j], reach, further, last));
            }
            let next = following(&digits, &phase);
            low.store(next.low);
            middle.store(next.middle);
            high.store(next.high);
        }
        #[unroll]
        for i in 0..comptime!(tile.part[0]) {
            let mut row = Sequence::<f32>::new();
            #[unroll]
            for k in 0..comptime!(tile.depth) {
                let factor = factors[comptime!(k * own + i / tile.lanes)];
                row.push(plane_broadcast(factor, comptime!((i % tile.lanes) as u32)));
            }
            #[unroll]
            for j in 0..comptime!(tile.part[1]) {
                let total = &totals[comptime!(i * tile.part[1] + j)];
                let mut sums = Sequence::<f32>::new();
                sums.push(total.read());
                #[unroll]
                for k in 0..comptime!(tile.depth) {
                    sums.push(sums[k] + row[k] * values[comptime!(k * tile.part[1] + j)]);
                }
                total.store(sums[comptime!(tile.depth)]);
            }
        }
    }
    write(target, &totals, &at, &phase, share, first_row, first_column, tile);
}

/// `target[i] = Σ_share parts[share][i]`
///
/// # Shapes
/// - `parts`: `[shares, count]`
/// - `target`: `[count]`
#[cube(launch_unchecked)]
pub fn add_shares(parts: &[f32], target: &mut [f32], count: u32, shares: u32) {
    if ABSOLUTE_POS < count as usize {
        let index = ABSOLUTE_POS as u32;
        let mut total = 0.0f32;
        for share in 0..shares {
            total += parts[(share * count + index) as usize];
        }
        target[index as usize] = total;
    }
}
