//! The three sums as matrix products, and how they are launched.

use burn_cubecl::cubecl::prelude::CubeDim;
use burn_cubecl::tensor::CubeTensor;

use super::kernels::{
    Extent, ImplicitProduct, Operand, PACKED_LIMIT, Patches, Phases, SplitK, Strides, product_in_registers,
    product_in_shared_memory, reduce_splits,
};
use super::tile::Tile;
use crate::ops::convolution::geometry::Geometry;
use crate::ops::gpu::{cubes, element, empty_like, input, output, software_plane, stored_input, unit_per_value};

/// Units that keep a device busy. Where a product has fewer, its sums are split among several cubes (split-K).
const BUSY_UNITS: usize = 1 << 16;
/// Cubes that keep a software device busy.
const BUSY_SOFTWARE_CUBES: usize = 4;

/// What a device allows a cube.
#[derive(Clone, Copy, Debug)]
pub struct CubeLimits {
    units: usize,
    shared_bytes: usize,
}

impl CubeLimits {
    /// The least that tiles are made for. WebGPU promises twice as much: 256 units and 16 KiB.
    #[cfg(test)]
    pub const SMALLEST: Self = Self { units: 128, shared_bytes: 8 * 1024 };

    /// Those of the device of a tensor.
    pub fn of(tensor: &CubeTensor) -> Self {
        let hardware = &tensor.client.properties().hardware;
        let units = hardware.max_units_per_cube.min(hardware.max_cube_dim.0) as usize;
        Self { units, shared_bytes: hardware.max_shared_memory_size }
    }

    fn holds(&self, tile: &Tile) -> bool {
        tile.all_units() <= self.units && tile.shared_bytes() <= self.shared_bytes
    }
}

/// Values of k that a split has at least. Fewer are not worth another pass that adds the splits up.
const MIN_SPLIT: usize = 128;

/// One of the three sums, as `target[row][column] = Σ_k matrix[row][k] · patches[k][column]`: see [`super::kernels`].
pub struct Product {
    geometry: Geometry,
    /// The kernels' arguments, with sums that are not split.
    arguments: ImplicitProduct,
    /// Whether columns are pixels of one phase each.
    has_phases: bool,
    /// Values of the target.
    values: usize,
}

/// Pixels of a map.
fn area([height, width]: [usize; 2]) -> usize {
    height * width
}

/// As the kernels take it. They count in 32 bits.
fn number(number: usize) -> u32 {
    number as u32
}

fn strides([x, y, outer]: [usize; 3]) -> Strides {
    Strides { x: number(x), y: number(y), outer: number(outer) }
}

/// A sum of `length` values that is not split.
fn whole(length: usize, values: usize) -> SplitK {
    SplitK { length: number(length), count: 1, target: number(values) }
}

impl Product {
    /// Rows are channels of the output and columns its pixels. k is a value of the kernel.
    pub fn forward(geometry: &Geometry) -> Self {
        let Geometry { stride, padding, batch, channels, kernel, input, output, .. } = *geometry;
        let [depth, outputs] = geometry.group_channels();
        let length = depth * geometry.area();
        let values = geometry.output_shape().iter().product();
        let arguments = ImplicitProduct {
            rows: number(outputs),
            columns: number(batch * area(output)),
            length: number(length),
            split_k: whole(length, values),
            k: Extent::new(kernel),
            column: Extent::new(output),
            matrix: Operand {
                strides: strides([1, kernel[1], geometry.area()]),
                row: number(length),
                group: number(outputs * length),
            },
            patches: Patches {
                k_step: 1,
                k_outer: number(area(input)),
                column_step: number(stride),
                column_outer: number(channels[0] * area(input)),
                top: number(padding[0]).wrapping_neg(),
                left: number(padding[1]).wrapping_neg(),
                map: Extent::new(input),
                group: number(depth * area(input)),
            },
            target: Operand {
                strides: strides([1, output[1], channels[1] * area(output)]),
                row: number(area(output)),
                group: number(outputs * area(output)),
            },
            phases: phases(geometry, [0, 0]),
        };
        Self { geometry: *geometry, arguments, has_phases: false, values }
    }

    /// Rows are channels of the input and columns pixels of one of its phases. k is a value of the kernel that meets
    /// them.
    pub fn transposed(geometry: &Geometry) -> Self {
        let Geometry { stride, batch, channels, kernel, input, output, .. } = *geometry;
        let [depth, outputs] = geometry.group_channels();
        // The largest phase: others may have a row or a column less.
        let phase = input.map(|length| length.div_ceil(stride));
        let values = geometry.input_shape().iter().product();
        let arguments = ImplicitProduct {
            rows: number(depth),
            columns: number(batch * area(phase)),
            length: number(outputs),
            split_k: whole(outputs, values),
            k: Extent::new([0, 0]),
            column: Extent::new(phase),
            matrix: Operand {
                strides: strides([stride, stride * kernel[1], depth * geometry.area()]),
                row: number(geometry.area()),
                group: number(outputs * depth * geometry.area()),
            },
            patches: Patches {
                k_step: 1_u32.wrapping_neg(),
                k_outer: number(area(output)),
                column_step: 1,
                column_outer: number(channels[1] * area(output)),
                top: 0,
                left: 0,
                map: Extent::new(output),
                group: number(outputs * area(output)),
            },
            target: Operand {
                strides: strides([stride, stride * input[1], channels[0] * area(input)]),
                row: number(area(input)),
                group: number(depth * area(input)),
            },
            phases: phases(geometry, input),
        };
        Self { geometry: *geometry, arguments, has_phases: true, values }
    }

    /// Rows are channels of the output and columns values of the kernel. k is a pixel of the output.
    pub fn weight_gradient(geometry: &Geometry) -> Self {
        let Geometry { stride, padding, batch, channels, kernel, input, output, .. } = *geometry;
        let [depth, outputs] = geometry.group_channels();
        let columns = depth * geometry.area();
        let length = batch * area(output);
        let values = geometry.weight_shape().iter().product();
        let arguments = ImplicitProduct {
            rows: number(outputs),
            columns: number(columns),
            length: number(length),
            split_k: whole(length, values),
            k: Extent::new(output),
            column: Extent::new(kernel),
            matrix: Operand {
                strides: strides([1, output[1], channels[1] * area(output)]),
                row: number(area(output)),
                group: number(outputs * area(output)),
            },
            patches: Patches {
                k_step: number(stride),
                k_outer: number(channels[0] * area(input)),
                column_step: 1,
                column_outer: number(area(input)),
                top: number(padding[0]).wrapping_neg(),
                left: number(padding[1]).wrapping_neg(),
                map: Extent::new(input),
                group: number(depth * area(input)),
            },
            target: Operand {
                strides: strides([1, kernel[1], geometry.area()]),
                row: number(columns),
                group: number(outputs * columns),
            },
            phases: phases(geometry, [0, 0]),
        };
        Self { geometry: *geometry, arguments, has_phases: false, values }
    }

    fn rows(&self) -> usize {
        self.arguments.rows as usize
    }

    fn columns(&self) -> usize {
        self.arguments.columns as usize
    }

    /// For hardware: the largest tile that is worth its units, if a cube may have so many and so much shared memory.
    fn tile_in_shared_memory(&self, cube: CubeLimits) -> Tile {
        let tile = |per_unit, units| Tile {
            per_unit,
            units,
            depth: 8,
            lanes: 1,
            writes_in_loops: false,
            has_phases: self.has_phases,
        };
        let wanted = match (self.rows(), self.columns()) {
            (65.., 65..) => tile([8, 8], [16, 16]),
            (33.., _) => tile([8, 8], [8, 8]),
            (17.., 129..) => tile([8, 8], [4, 16]),
            (17.., _) => tile([4, 8], [8, 8]),
            (9.., 193..) => tile([4, 8], [4, 32]),
            (9.., _) => tile([4, 8], [4, 8]),
            (rows, _) => tile([rows.next_power_of_two(), 4], [1, 64]),
        };
        if cube.holds(&wanted) {
            return wanted;
        }
        match self.rows() {
            33.. => tile([8, 8], [8, 8]),
            9.. => tile([4, 8], [4, 8]),
            rows => tile([rows.next_power_of_two(), 4], [1, 32]),
        }
    }

    /// For a software device whose planes have `lanes` units. Every read is a loop over the lanes there, so a unit
    /// makes many products of what it has read. Larger tiles are faster still, but compiling them takes longer than
    /// they save in the first minutes.
    fn tile_in_registers(&self, lanes: usize) -> Tile {
        const UNITS: usize = 16;
        const LARGEST: [usize; 2] = [32, 8];
        let size = |axis: usize, length: usize| length.next_power_of_two().min(LARGEST[axis]);
        let per_unit = [size(0, self.rows()), size(1, self.columns().div_ceil(UNITS))];
        // SwiftShader, whose planes have 4 units, compiles loops much sooner than as many single writes. LLVM takes
        // longer.
        let writes_in_loops = lanes < 8;
        Tile { per_unit, units: [1, UNITS], depth: 4, lanes, writes_in_loops, has_phases: self.has_phases }
    }

    /// Computes `target` with the kernel for its device.
    pub fn launch(&self, matrix: CubeTensor, maps: CubeTensor, target: &CubeTensor) {
        self.launch_for(software_plane(target), CubeLimits::of(target), matrix, maps, target);
    }

    /// With the kernel for software devices whose planes have `software` units, or with the one for hardware.
    pub fn launch_for(
        &self,
        software: Option<usize>,
        cube: CubeLimits,
        matrix: CubeTensor,
        maps: CubeTensor,
        target: &CubeTensor,
    ) {
        let Geometry { stride, groups, kernel, input: map_in, output: map_out, .. } = self.geometry;
        let client = target.client.clone();
        let (tile, busy) = match software {
            None => {
                let tile = self.tile_in_shared_memory(cube);
                (tile, BUSY_UNITS / tile.all_units())
            }
            Some(lanes) => (self.tile_in_registers(lanes), BUSY_SOFTWARE_CUBES),
        };
        debug_assert!(software.is_some() || tile.is_even() && cube.holds(&tile), "{tile:?}");
        let map = if self.has_phases { map_out } else { map_in };
        debug_assert!(software.is_none() || map.iter().all(|length| *length < PACKED_LIMIT), "{map:?}");
        // Taps of the largest phase.
        let taps = if self.has_phases { area(kernel.map(|length| length.div_ceil(stride))) } else { 1 };
        let length = self.arguments.length as usize * taps;
        let tile_rows = self.rows().div_ceil(tile.rows());
        let tile_columns = self.columns().div_ceil(tile.columns());
        let planes = groups * if self.has_phases { stride * stride } else { 1 };
        let splits = (busy / (tile_rows * tile_columns * planes)).clamp(1, length.div_ceil(MIN_SPLIT));
        let split = length.div_ceil(splits).next_multiple_of(tile.depth);
        let splits = length.div_ceil(split);

        let split_k = SplitK { length: number(split), count: number(splits), ..self.arguments.split_k };
        let arguments = ImplicitProduct { split_k, ..self.arguments }.to_launch();
        let parts = if splits == 1 { target.clone() } else { empty_like(target, [splits, self.values]) };
        let count = cubes([tile_columns, tile_rows, planes * splits]);
        let units = CubeDim::new_1d(number(tile.all_units()));
        let stored = [&matrix, &maps].map(element);
        let (matrix, maps, to) = (stored_input(matrix), stored_input(maps), output(&parts));
        // SAFETY: the shapes are the geometry's, and the kernels read and write within the tensors only.
        unsafe {
            if software.is_none() {
                product_in_shared_memory::launch_unchecked(
                    &client, count, units, matrix, maps, to, arguments, tile, stored,
                );
            } else {
                product_in_registers::launch_unchecked(
                    &client, count, units, matrix, maps, to, arguments, tile, stored,
                );
            }
            if splits > 1 {
                let (count, cube) = unit_per_value(target);
                let (parts, to) = (input(parts), output(target));
                let (values, splits) = (number(self.values), number(splits));
                reduce_splits::launch_unchecked(&client, count, cube, parts, to, values, splits);
            }
        }
    }
}

fn phases(geometry: &Geometry, target: [usize; 2]) -> Phases {
    Phases {
        stride: number(geometry.stride),
        top: number(geometry.padding[0]),
        left: number(geometry.padding[1]),
        kernel: Extent::new(geometry.kernel),
        target: Extent::new(target),
    }
}
