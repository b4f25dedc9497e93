//! From the tensors of graphics devices to the arguments of kernels, and what several kernels share.

use burn::tensor::{DType, Shape};
use burn_cubecl::cubecl;
use burn_cubecl::kernel::{cast, into_contiguous};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::FloatKind;
use cubecl::prelude::*;

/// Units that add up one channel or one picture together. A power of two.
pub const UNITS: usize = 128;

/// A new tensor of floats on the device of another. Its values are not initialised.
pub fn empty_like(tensor: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    empty_stored_as(DType::F32, tensor, shape)
}

/// The same for values that are stored as `dtype`.
pub fn empty_stored_as(dtype: DType, tensor: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    empty_device_contiguous_dtype(tensor.client.clone(), tensor.device.clone(), shape.into(), dtype)
}

/// Two new vectors in one buffer, on the device of another tensor: the buffer as a kernel writes it, the vectors, and where in
/// the buffer the second begins.
pub fn pair_like(tensor: &CubeTensor, length: usize) -> (CubeTensor, [CubeTensor; 2], usize) {
    const FLOAT: usize = size_of::<f32>();
    // A buffer can only be bound from certain places on.
    let alignment = tensor.client.properties().memory.alignment as usize;
    let second = length.next_multiple_of((alignment / FLOAT).max(1));
    let both = empty_like(tensor, [second + length]);
    let bytes = |values: usize| (values * FLOAT) as u64;
    let vector = |handle| {
        let (client, device) = (tensor.client.clone(), tensor.device.clone());
        CubeTensor::new_contiguous(client, device, Shape::from([length]), handle, DType::F32)
    };
    let first = vector(both.handle.clone().offset_end(bytes(second)));
    let last = vector(both.handle.clone().offset_start(bytes(second)));
    (both, [first, last], second)
}

/// A tensor that a kernel reads, row-major: floats in full precision, and whole numbers as they are.
pub fn input(tensor: CubeTensor) -> BufferArg {
    stored_input(if tensor.dtype == DType::F16 { cast(tensor, DType::F32) } else { tensor })
}

/// A tensor that a kernel reads, row-major, in the precision in which it is stored: see [`element`].
pub fn stored_input(tensor: CubeTensor) -> BufferArg {
    into_contiguous(tensor).into_buffer_arg()
}

/// What the values of a tensor of floats are: `f32` or `f16`.
pub fn element(tensor: &CubeTensor) -> ElemType {
    ElemType::Float(if tensor.dtype == DType::F16 { FloatKind::F16 } else { FloatKind::F32 })
}

/// A tensor that a kernel writes.
pub fn output(tensor: &CubeTensor) -> BufferArg {
    tensor.clone().into_buffer_arg()
}

/// The cubes of a launch.
pub fn cubes([x, y, z]: [usize; 3]) -> CubeCount {
    CubeCount::Static(x as u32, y as u32, z as u32)
}

/// A unit for each value of `tensor`. There may be more units than values: a kernel must check.
pub fn unit_per_value(tensor: &CubeTensor) -> (CubeCount, CubeDim) {
    let units = tensor.meta.num_elements();
    let cube = CubeDim::new(&tensor.client, units);
    (cubecl::calculate_cube_count_elemwise(&tensor.client, units, cube), cube)
}

/// Sizes of a tensor `[batch, channels, height, width]` that is taken channel by channel.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct ChannelSizes {
    /// Pixels of a map.
    pub area: u32,
    /// Values of a channel in all images.
    pub count: u32,
    pub channels: u32,
}

impl ChannelSizes {
    /// As an argument of a launch.
    pub fn to_launch(self) -> ChannelSizesLaunch {
        let Self { area, count, channels } = self;
        ChannelSizesLaunch { area, count, channels }
    }
}

/// The sizes of a tensor `[batch, channels, height, width]`.
pub fn channel_sizes(tensor: &CubeTensor) -> ChannelSizes {
    let [batch, channels, height, width] = tensor.meta.shape().dims();
    let [area, count, channels] = [height * width, batch * height * width, channels].map(|size| size as u32);
    ChannelSizes { area, count, channels }
}

/// Units of a plane if the tensor's device is a software device, which a processor imitates (lavapipe, SwiftShader).
/// Those have smaller planes than any hardware, all of one size.
pub fn software_plane(tensor: &CubeTensor) -> Option<usize> {
    const SMALLEST_OF_HARDWARE: u32 = 16;
    let hardware = &tensor.client.properties().hardware;
    let plane = hardware.plane_size_max;
    (plane < SMALLEST_OF_HARDWARE && plane == hardware.plane_size_min).then_some(plane as usize)
}

/// A cube for each channel, of [`UNITS`] units. On software devices it is a single plane: there, waiting for other
/// planes costs more time than they save.
pub fn cube_per_channel(tensor: &CubeTensor, channels: u32) -> (CubeCount, CubeDim) {
    let units = software_plane(tensor).unwrap_or(UNITS);
    (CubeCount::Static(channels, 1, 1), CubeDim::new_1d(units as u32))
}

/// The place of a channel's value `at`, counted through all images.
#[cube]
pub fn place_in_channel(at: u32, channel: u32, sizes: &ChannelSizes) -> usize {
    ((at / sizes.area * sizes.channels + channel) * sizes.area + at % sizes.area) as usize
}

/// The channel of the value at a place.
#[cube]
pub fn channel_of(place: u32, sizes: &ChannelSizes) -> u32 {
    place / sizes.area % sizes.channels
}

/// The sum of `value` over all units of a cube, for each of them. `parts` has room for [`UNITS`] values.
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
