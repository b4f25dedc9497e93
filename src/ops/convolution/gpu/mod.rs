//! The three sums on graphics devices.

mod kernels;

use std::ops::Range;

use burn::backend::Cube;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Slice;
use burn_cubecl::cubecl;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::CubeDim;

use super::geometry::Geometry;
use super::{Convolution, ConvolutionBackend};
use crate::ops::gpu::{cubes, empty_like, input, output, software_plane, unit_per_value};
use kernels::{PACKED_LIMIT, Tile, WindowsLaunch, add_shares, product, product_in_registers};

/// Units that keep a device busy: where there are fewer, several cubes share a sum.
const BUSY_UNITS: usize = 1 << 16;
/// Cubes that do, where a processor imitates it.
const BUSY_IN_SOFTWARE: usize = 4;

/// What every device has at least for a cube to share.
const SHARED_BYTES: usize = 16 * 1024;

/// The least of a sum that is worth adding up by itself.
const SHARE: usize = 128;

/// Pixels of all images that one launch takes: a cube has at least 64 of them, and no device counts 65,536 cubes of a row.
const MOST_PIXELS: usize = 1 << 21;

impl ConvolutionBackend for Cube {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        convolve(x, weight, geometry, MOST_PIXELS)
    }

    fn convolve_transposed(y: FloatTensor<Self>, weight: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        convolve_transposed(y, weight, geometry, MOST_PIXELS)
    }

    fn correlate(x: FloatTensor<Self>, y: FloatTensor<Self>, geometry: Geometry) -> FloatTensor<Self> {
        correlate(x, y, geometry, MOST_PIXELS)
    }
}

fn convolve(x: CubeTensor, weight: CubeTensor, geometry: Geometry, most: usize) -> CubeTensor {
    if let Some(halves) = geometry.halves(most) {
        let part = |(images, half): (Range<usize>, _)| convolve(narrow(&x, images), weight.clone(), half, most);
        return Cube::float_cat(halves.map(part).into(), 0);
    }
    let y = empty_like(&x, geometry.output_shape());
    Product::forward(&geometry.as_product().unwrap_or(geometry)).launch(weight, x, &y);
    y
}

fn convolve_transposed(y: CubeTensor, weight: CubeTensor, geometry: Geometry, most: usize) -> CubeTensor {
    if let Some(halves) = geometry.halves(most) {
        let part =
            |(images, half): (Range<usize>, _)| convolve_transposed(narrow(&y, images), weight.clone(), half, most);
        return Cube::float_cat(halves.map(part).into(), 0);
    }
    let x = empty_like(&y, geometry.input_shape());
    Product::transposed(&geometry.as_product().unwrap_or(geometry)).launch(weight, y, &x);
    x
}

fn correlate(x: CubeTensor, y: CubeTensor, geometry: Geometry, most: usize) -> CubeTensor {
    if let Some(halves) = geometry.halves(most) {
        let part =
            |(images, half): (Range<usize>, _)| correlate(narrow(&x, images.clone()), narrow(&y, images), half, most);
        let [first, second] = halves.map(part);
        return Cube::float_add(first, second);
    }
    let gradient = empty_like(&x, geometry.weight_shape());
    Product::weight_gradient(&geometry.as_product().unwrap_or(geometry)).launch(y, x, &gradient);
    gradient
}

/// Some of the images of a tensor.
fn narrow(tensor: &CubeTensor, images: Range<usize>) -> CubeTensor {
    Cube::float_slice(tensor.clone(), &[Slice::from(images)])
}

/// One of the sums as `target[row][column] = Σ_k matrix[row][k] · windows[k][column]`. Digits, lowest first, are those of the
/// kernel's [`kernels::Windows`].
struct Product {
    geometry: Geometry,
    rows: usize,
    columns: usize,
    /// Of the sum; of one tap of it where there are phases.
    length: usize,
    /// How many values the lower digits of k have, row and column of a window; each phase has its own.
    k: [usize; 2],
    /// How many values the lower digits of a column have.
    column: [usize; 2],
    matrix_steps: [usize; 3],
    matrix_row: usize,
    window_step: i32,
    window_map: usize,
    column_step: usize,
    column_map: usize,
    origin: i32,
    /// Height and width of what windows are cut out of.
    map: [usize; 2],
    target_steps: [usize; 3],
    target_row: usize,
    /// Values from one group to the next: in the matrix, in the maps, in the target.
    group: [usize; 3],
    /// Height and width of the target, where a column is a pixel of one phase of it.
    phases: Option<[usize; 2]>,
    /// Values of the target.
    target: usize,
}

/// Pixels of a map.
fn area([height, width]: [usize; 2]) -> usize {
    height * width
}

impl Product {
    /// Rows are channels of the output, columns its pixels; k is a value of the kernel.
    fn forward(geometry: &Geometry) -> Self {
        let Geometry { convolution: Convolution { stride, padding, .. }, batch, channels, kernel, input, output } =
            *geometry;
        let [depth, outputs] = geometry.group_channels();
        let length = depth * geometry.area();
        Self {
            geometry: *geometry,
            rows: outputs,
            columns: batch * area(output),
            length,
            k: kernel,
            column: output,
            matrix_steps: [1, kernel[1], geometry.area()],
            matrix_row: length,
            window_step: 1,
            window_map: area(input),
            column_step: stride,
            column_map: channels[0] * area(input),
            origin: -(padding as i32),
            map: input,
            target_steps: [1, output[1], channels[1] * area(output)],
            target_row: area(output),
            group: [outputs * length, depth * area(input), outputs * area(output)],
            phases: None,
            target: geometry.output_shape().iter().product(),
        }
    }

    /// Rows are channels of the input, columns its pixels; k is a value of the kernel that meets them.
    fn transposed(geometry: &Geometry) -> Self {
        let Geometry { convolution: Convolution { stride, .. }, batch, channels, kernel, input, output } = *geometry;
        let [depth, outputs] = geometry.group_channels();
        let phase = input.map(|length| length.div_ceil(stride));
        Self {
            geometry: *geometry,
            rows: depth,
            columns: batch * area(phase),
            length: outputs,
            k: [0, 0],
            column: phase,
            matrix_steps: [stride, stride * kernel[1], depth * geometry.area()],
            matrix_row: geometry.area(),
            window_step: -1,
            window_map: area(output),
            column_step: 1,
            column_map: channels[1] * area(output),
            origin: 0,
            map: output,
            target_steps: [stride, stride * input[1], channels[0] * area(input)],
            target_row: area(input),
            group: [outputs * depth * geometry.area(), outputs * area(output), depth * area(input)],
            phases: Some(input),
            target: geometry.input_shape().iter().product(),
        }
    }

    /// Rows are channels of the output, columns values of the kernel; k is a pixel of the output.
    fn weight_gradient(geometry: &Geometry) -> Self {
        let Geometry { convolution: Convolution { stride, padding, .. }, batch, channels, kernel, input, output } =
            *geometry;
        let [depth, outputs] = geometry.group_channels();
        let columns = depth * geometry.area();
        Self {
            geometry: *geometry,
            rows: outputs,
            columns,
            length: batch * area(output),
            k: output,
            column: kernel,
            matrix_steps: [1, output[1], channels[1] * area(output)],
            matrix_row: area(output),
            window_step: stride as i32,
            window_map: channels[0] * area(input),
            column_step: 1,
            column_map: area(input),
            origin: -(padding as i32),
            map: input,
            target_steps: [1, kernel[1], geometry.area()],
            target_row: columns,
            group: [outputs * area(output), depth * area(input), outputs * columns],
            phases: None,
            target: geometry.weight_shape().iter().product(),
        }
    }

    /// Units and what they do, for devices with shared memory of their own: at most 16 KiB of it, which all have.
    fn tile_in_shared_memory(&self) -> Tile {
        let (part, units) = match (self.rows, self.columns) {
            (65.., 65..) => ([8, 8], [16, 16]),
            (33.., _) => ([8, 8], [8, 8]),
            (17.., 129..) => ([8, 8], [4, 16]),
            (17.., _) => ([4, 8], [8, 8]),
            (9.., 193..) => ([4, 8], [4, 32]),
            (9.., _) => ([4, 8], [4, 8]),
            (rows, _) => ([rows.next_power_of_two(), 4], [1, 64]),
        };
        Tile { part, units, depth: 8, lanes: 1, writes_in_loops: false, has_phases: self.phases.is_some() }
    }

    /// What pays where every read is a loop over the plane's units: many products for each. Larger parts are faster, but take
    /// longer to compile than they save in the first minutes.
    fn tile_in_registers(&self, lanes: usize) -> Tile {
        const UNITS: usize = 16;
        const LARGEST: [usize; 2] = [32, 8];
        let size = |axis: usize, length: usize| length.next_power_of_two().min(LARGEST[axis]);
        let part = [size(0, self.rows), size(1, self.columns.div_ceil(UNITS))];
        // SwiftShader, whose planes are of 4, compiles loops much sooner than as many writes; LLVM takes longer.
        let writes_in_loops = lanes < 8;
        Tile { part, units: [1, UNITS], depth: 4, lanes, writes_in_loops, has_phases: self.phases.is_some() }
    }

    fn launch(&self, matrix: CubeTensor, windows: CubeTensor, target: &CubeTensor) {
        self.launch_for(software_plane(target), matrix, windows, target);
    }

    fn launch_for(&self, software: Option<usize>, matrix: CubeTensor, windows: CubeTensor, target: &CubeTensor) {
        let Geometry { convolution: Convolution { stride, padding, groups }, kernel, .. } = self.geometry;
        let client = target.client.clone();
        let (tile, busy) = match software {
            None => {
                let tile = self.tile_in_shared_memory();
                (tile, BUSY_UNITS / tile.all_units())
            }
            Some(lanes) => (self.tile_in_registers(lanes), BUSY_IN_SOFTWARE),
        };
        debug_assert!(software.is_some() || tile.is_even() && tile.shared_bytes() <= SHARED_BYTES, "{tile:?}");
        debug_assert!(software.is_none() || self.map.iter().all(|length| *length < PACKED_LIMIT));
        // The longest of any phase.
        let taps = if self.phases.is_some() { area(kernel.map(|length| length.div_ceil(stride))) } else { 1 };
        let length = self.length * taps;
        let [rows, columns] = [(self.rows, 0), (self.columns, 1)]
            .map(|(length, axis)| length.div_ceil(tile.part[axis] * tile.units[axis]));
        let planes = groups * if self.phases.is_some() { stride * stride } else { 1 };
        let shares = (busy / (rows * columns * planes)).clamp(1, length.div_ceil(SHARE));
        let share = length.div_ceil(shares).next_multiple_of(tile.depth);
        let shares = length.div_ceil(share);

        let [target_height, target_width] = self.phases.unwrap_or_default();
        let number = |number: usize| number as u32;
        let windows_of = WindowsLaunch::new(
            number(self.rows),
            number(self.columns),
            number(self.length),
            number(share),
            number(shares),
            number(self.k[1]),
            number(self.k[0]),
            number(self.column[1]),
            number(self.column[0]),
            number(self.matrix_steps[0]),
            number(self.matrix_steps[1]),
            number(self.matrix_steps[2]),
            number(self.matrix_row),
            self.window_step as u32,
            number(self.window_map),
            number(self.column_step),
            number(self.column_map),
            self.origin as u32,
            number(self.map[0]),
            number(self.map[1]),
            number(self.target_steps[0]),
            number(self.target_steps[1]),
            number(self.target_steps[2]),
            number(self.target_row),
            number(self.group[0]),
            number(self.group[1]),
            number(self.group[2]),
            number(self.target),
            number(stride),
            number(padding),
            number(kernel[0]),
            number(kernel[1]),
            number(target_height),
            number(target_width),
        );
        let parts = if shares == 1 { target.clone() } else { empty_like(target, [shares, self.target]) };
        let (count, cube) = (cubes([columns, rows, planes * shares]), CubeDim::new_1d(number(area(tile.units))));
        let (matrix, windows, to) = (input(matrix), input(windows), output(&parts));
        // SAFETY: the kernels read and write what lies within the tensors only, whose shapes are the geometry's.
        unsafe {
            if software.is_none() {
                product::launch_unchecked(&client, count, cube, matrix, windows, to, windows_of, tile);
            } else {
                product_in_registers::launch_unchecked(&client, count, cube, matrix, windows, to, windows_of, tile);
            }
            if shares > 1 {
                let (count, cube) = unit_per_value(target);
                let (parts, to) = (input(parts), output(target));
                add_shares::launch_unchecked(&client, count, cube, parts, to, number(self.target), number(shares));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use burn::tensor::{DType, Shape};
    use burn_cubecl::kernel::into_contiguous;
    use futures_lite::future::block_on;

    use super::*;
    use crate::device::{DeviceChoice, open};
    use crate::random::{Random, Stream};

    fn tensor(shape: [usize; 4], position: u64) -> CubeTensor {
        let values = Random::new(8, Stream::Init, position).normals(shape.iter().product());
        let device = burn_cubecl::CubeDevice::default();
        let client = device.client();
        let handle = client.create_from_slice(bytemuck::cast_slice(&values));
        CubeTensor::new_contiguous(client, device, Shape::from(shape), handle, DType::F32)
    }

    fn values(tensor: CubeTensor) -> Vec<f32> {
        let tensor = into_contiguous(tensor);
        let bytes = tensor.client.read_one_unchecked(tensor.handle.clone());
        bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    }

    /// Opens the graphics device, which a program can do once.
    fn has_device() -> bool {
        static OPENED: LazyLock<Result<(), String>> =
            LazyLock::new(|| block_on(open(DeviceChoice::Wgpu)).map(|_| ()).map_err(|error| error.to_string()));
        if let Err(error) = &*OPENED {
            assert!(std::env::var_os("WHELP_REQUIRE_GPU").is_none(), "{error}");
        }
        OPENED.is_ok()
    }

    /// Larger batches than tests have time for are computed by halves, here of a few images.
    #[test]
    fn halves_of_a_batch_make_the_whole() {
        if !has_device() {
            return;
        }
        let (x_shape, weight_shape) = ([7, 6, 8, 8], [5, 6, 4, 4]);
        let geometry = Geometry::forward(x_shape, weight_shape, Convolution { stride: 2, padding: 1, groups: 1 });
        let [x, weight, y] = [x_shape, weight_shape, geometry.output_shape()].map(|shape| tensor(shape, 1));
        let [whole, parts] = [MOST_PIXELS, 100].map(|most| {
            [
                convolve(x.clone(), weight.clone(), geometry, most),
                convolve_transposed(y.clone(), weight.clone(), geometry, most),
                correlate(x.clone(), y.clone(), geometry, most),
            ]
            .map(values)
        });
        for (whole, parts) in whole.iter().zip(&parts) {
            assert_eq!(whole.len(), parts.len());
            let largest = whole.iter().fold(0_f32, |largest, value| largest.max(value.abs()));
            assert!(whole.iter().zip(parts).all(|(whole, part)| (whole - part).abs() <= 1e-5 * largest));
        }
    }

    /// Tests run on a software device, which never chooses the kernel for hardware by itself. The one it chooses is held to
    /// burn's in `tests/library/convolution.rs`.
    #[test]
    fn kernels_agree() {
        if !has_device() {
            return;
        }
        for (kernel, stride, padding) in [(3, 1, 1), (4, 2, 1), (1, 2, 0)] {
            for (groups, depth, outputs) in [(1, 3, 70), (2, 17, 20), (2, 16, 12), (1, 40, 5), (4, 1, 1)] {
                let convolution = Convolution { stride, padding, groups };
                let x_shape = [5, groups * depth, 11, 9];
                let weight_shape = [groups * outputs, depth, kernel, kernel];
                let geometry = Geometry::forward(x_shape, weight_shape, convolution);
                let [x, weight, y] = [x_shape, weight_shape, geometry.output_shape()].map(|shape| tensor(shape, 1));
                let cases = [
                    ("forward", Product::forward(&geometry), &weight, &x, &y),
                    ("transposed", Product::transposed(&geometry), &weight, &y, &x),
                    ("weight gradient", Product::weight_gradient(&geometry), &y, &x, &weight),
                ];
                for (name, product, matrix, windows, like) in cases {
                    let [hardware, wide, narrow] = [None, Some(8), Some(4)].map(|software| {
                        let target = empty_like(like, like.meta.shape().clone());
                        product.launch_for(software, matrix.clone(), windows.clone(), &target);
                        values(target)
                    });
                    let largest = wide.iter().fold(0_f32, |largest, value| largest.max(value.abs()));
                    for ((hardware, wide), narrow) in hardware.iter().zip(&wide).zip(&narrow) {
                        let error = (hardware - wide).abs().max((narrow - wide).abs());
                        assert!(error <= 1e-5 * largest, "{name} of {geometry:?}: {hardware}, {wide} and {narrow}");
                    }
                }
            }
        }
    }
}
