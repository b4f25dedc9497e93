//! How a matrix product is divided among a device's units.

/// The tile of the target that one cube computes, and how its units share the work. Kernels are compiled for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Rows and columns of the target that one unit sums.
    pub per_unit: [usize; 2],
    /// Units of a cube, along the rows and along the columns.
    pub units: [usize; 2],
    /// Values of k that are loaded at a time: see [`Tile::is_even`].
    pub depth: usize,
    /// Units of a plane, which share what they load of the matrix. Only for `product_in_registers`.
    pub lanes: usize,
    /// Whether the sums are written in loops instead of one after the other.
    pub writes_in_loops: bool,
    /// Whether the third axis of the cubes counts phases: see [`Phases`](super::kernels::Phases).
    pub has_phases: bool,
}

/// Values of a vector. `product_in_shared_memory` reads and writes its shared memory in these.
pub const QUAD: usize = 4;

impl Tile {
    pub fn rows(&self) -> usize {
        self.per_unit[0] * self.units[0]
    }

    pub fn columns(&self) -> usize {
        self.per_unit[1] * self.units[1]
    }

    pub fn all_units(&self) -> usize {
        self.units[0] * self.units[1]
    }

    /// Products that a unit adds up.
    pub fn sums(&self) -> usize {
        self.per_unit[0] * self.per_unit[1]
    }
}

/// For `product_in_shared_memory`, which keeps `depth` values of each row and column of the tile in shared memory.
impl Tile {
    /// Quads from one row or column to the next in shared memory. An odd number, so that units that read neighbouring
    /// rows find them in different banks; the last quad may be unused.
    pub fn pitch(&self) -> usize {
        (self.depth / QUAD) | 1
    }

    /// Bytes of shared memory.
    pub fn shared_bytes(&self) -> usize {
        (self.rows() + self.columns()) * self.pitch() * QUAD * size_of::<f32>()
    }

    /// Rows of which a unit loads a quad of the matrix. Some units have one row less.
    pub fn rows_per_unit(&self) -> usize {
        (self.rows() * self.depth / QUAD).div_ceil(self.all_units())
    }

    /// Columns of which a unit loads patches.
    pub fn columns_per_unit(&self) -> usize {
        (self.columns() / self.all_units()).max(1)
    }

    /// Quads of a column that different units load at the same time.
    pub fn quads_at_once(&self) -> usize {
        (self.all_units() / self.columns()).max(1)
    }

    /// Quads of a column that one unit loads.
    pub fn quads_per_unit(&self) -> usize {
        self.depth / QUAD / self.quads_at_once()
    }

    /// Whether the units can divide the loads: every quad of the patches is loaded by exactly one unit, and none of the
    /// matrix by two.
    pub fn is_even(&self) -> bool {
        let (units, columns, quads) = (self.all_units(), self.columns(), self.depth / QUAD);
        self.depth.is_multiple_of(QUAD)
            && units.is_multiple_of(quads)
            && (units.is_multiple_of(columns) || columns.is_multiple_of(units))
            && quads.is_multiple_of(self.quads_at_once())
    }
}
