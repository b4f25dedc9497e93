//! The inner loops on graphics devices: implicit matrix products (Chetlur et al. 2014, "cuDNN: Efficient Primitives for
//! Deep Learning", arXiv:1410.0759, section 3).
//!
//! All three sums of a convolution are `target[row][column] = Σ_k matrix[row][k] · patches[k][column]`. `patches` is
//! what im2col makes of the maps that are convolved: a column is a pixel and k a tap, or the other way round. It is
//! never written to memory; its values are read from the maps. A cube computes one tile of the target, and each unit a
//! part of the tile in registers.
//!
//! There are two kernels:
//! - [`product_in_shared_memory`], for hardware: a cube loads pieces of both factors into its shared memory, and its
//!   units read them from there.
//! - [`product_in_registers`], for software devices, where the processor's caches do what shared memory is for. A read
//!   costs a loop over the lanes there, wherever the value lies. So a unit computes a larger part of the target, and
//!   the units of a plane share what they have read of the matrix.

mod arguments;
mod im2col;
mod registers;
mod shared_memory;
mod target;

pub use arguments::{Extent, ImplicitProduct, Operand, Patches, Phases, SplitK, Strides};
pub use registers::{PACKED_LIMIT, product_in_registers};
pub use shared_memory::product_in_shared_memory;
pub use target::reduce_splits;
