//! Between graphics devices' tensors and kernels.

use burn::tensor::{DType, Shape};
use burn_cubecl::cubecl;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Units that share the sums of one channel, a power of two.
pub const UNITS: usize = 128;

/// A new tensor of floats on the device of another.
pub fn empty_like(tensor: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    empty_device_contiguous_dtype(tensor.client.clone(), tensor.device.clone(), shape.into(), DType::F32)
}

/// What a kernel reads, row-major.
pub fn input(tensor: CubeTensor) -> BufferArg {
    into_contiguous(tensor).into_buffer_arg()
}

/// What a kernel writes.
pub fn output(tensor: &CubeTensor) -> BufferArg {
    tensor.clone().into_buffer_arg()
}

/// Cubes of a launch.
pub fn cubes([x, y, z]: [usize; 3]) -> CubeCount {
    CubeCount::Static(x as u32, y as u32, z as u32)
}

/// As many units as `tensor` has values, and perhaps more: a kernel has to look.
pub fn unit_per_value(tensor: &CubeTensor) -> (CubeCount, CubeDim) {
    let units = tensor.meta.num_elements();
    let cube = CubeDim::new(&tensor.client, units);
    (cubecl::calculate_cube_count_elemwise(&tensor.client, units, cube), cube)
}

/// Pixels of a map, values of a channel in all images, channels: of `[batch, channels, height, width]`.
pub fn channel_sizes(tensor: &CubeTensor) -> [u32; 3] {
    let [batch, channels, height, width] = tensor.meta.shape().dims();
    [height * width, batch * height * width, channels].map(|size| size as u32)
}

/// How many units a plane of the tensor's device has if a processor imitates the device: fewer than on any hardware, and
/// always as many.
pub fn software_plane(tensor: &CubeTensor) -> Option<usize> {
    const HARDWARE: u32 = 16;
    let hardware = &tensor.client.properties().hardware;
    let plane = hardware.plane_size_max;
    (plane < HARDWARE && plane == hardware.plane_size_min).then_some(plane as usize)
}

/// A cube for each channel: of [`UNITS`], or of one plane where waiting for other planes costs more than they do.
pub fn cube_per_channel(tensor: &CubeTensor, channels: u32) -> (CubeCount, CubeDim) {
    let units = software_plane(tensor).unwrap_or(UNITS);
    (CubeCount::Static(channels, 1, 1), CubeDim::new_1d(units as u32))
}

/// Where a channel's value `at` lies, counted through all images.
#[cube]
pub fn place_in_channel(at: u32, channel: u32, area: u32, channels: u32) -> usize {
    ((at / area * channels + channel) * area + at % area) as usize
}

/// The sum of what all units of a cube hold, for all of them. `parts` has room for [`UNITS`].
#[cube]
pub fn add_up(value: f32, parts: &mut Shared<[f32]>) -> f32 {
    sync_cube();
    parts[UNIT_POS_X as usize] = value;
    sync_cube();
    let mut half = CUBE_DIM_X / 2;
    while half > 0 {
        if UNIT_POS_X < half {
            parts[UNIT_POS_X as usize] += parts[(UNIT_POS_X + half) as usize];
        }
        sync_cube();
        half /= 2;
    }
    parts[0]
}
