//! Arguments of the kernels: sizes and strides, which lead from a row, a column and a k to a place in memory.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

/// An implicit matrix product: see the [module](super).
///
/// k and the columns have two inner axes, x and y, and an outer one. Which axes of the convolution these are differs
/// between the three sums: those of the kernel and its channel, or those of a map and its image. Strides are in values
/// of a tensor.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct ImplicitProduct {
    /// Rows of the target.
    pub rows: u32,
    /// Columns of the target.
    pub columns: u32,
    /// Values of k. With phases, values of k for each tap.
    pub length: u32,
    pub split_k: SplitK,
    /// Size of k's inner axes. Each phase has its own.
    pub k: Extent,
    /// Size of the columns' inner axes.
    pub column: Extent,
    /// Strides of k in the matrix.
    pub matrix: Operand,
    pub patches: Patches,
    /// Strides of the columns in the target.
    pub target: Operand,
    pub phases: Phases,
}

/// How a sum is divided among cubes (split-K). Each writes a target of its own, and
/// [`reduce_splits`](super::reduce_splits) adds these up.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct SplitK {
    /// Values of k of one split, a multiple of the tile's depth.
    pub length: u32,
    /// Splits of a sum.
    pub count: u32,
    /// Stride from one split's target to the next.
    pub target: u32,
}

/// Size of two inner axes.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct Extent {
    pub width: u32,
    pub height: u32,
}

/// Strides of two inner axes and an outer one.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct Strides {
    pub x: u32,
    pub y: u32,
    pub outer: u32,
}

/// Strides of a tensor that has rows.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct Operand {
    pub strides: Strides,
    pub row: u32,
    /// Stride from one group of channels to the next.
    pub group: u32,
}

/// The maps that patches are cut out of.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct Patches {
    /// Pixels that one step of k's inner axes moves, along x and y alike. May be negative: it wraps around.
    pub k_step: u32,
    /// Stride of k's outer axis.
    pub k_outer: u32,
    /// Pixels that one step of a column's inner axes moves.
    pub column_step: u32,
    /// Stride of a column's outer axis.
    pub column_outer: u32,
    /// Row and column where the patch of the first column begins. May be negative: they wrap around.
    pub top: u32,
    pub left: u32,
    /// Size of a map. What lies outside is 0.
    pub map: Extent,
    /// Stride from one group of channels to the next.
    pub group: u32,
}

/// A transposed convolution is computed in `stride²` phases. A phase has every `stride`-th pixel of the target along
/// both axes, and these meet every `stride`-th row and column of the kernel only.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub struct Phases {
    pub stride: u32,
    /// Zeros above the target's maps and on their left.
    pub top: u32,
    pub left: u32,
    /// Size of the whole kernel.
    pub kernel: Extent,
    /// Size of the target's maps.
    pub target: Extent,
}

impl ImplicitProduct {
    /// As an argument of a launch.
    pub fn to_launch(self) -> ImplicitProductLaunch {
        let Self { rows, columns, length, split_k, k, column, matrix, patches, target, phases } = self;
        ImplicitProductLaunch {
            rows,
            columns,
            length,
            split_k: SplitKLaunch { length: split_k.length, count: split_k.count, target: split_k.target },
            k: k.to_launch(),
            column: column.to_launch(),
            matrix: matrix.to_launch(),
            patches: patches.to_launch(),
            target: target.to_launch(),
            phases: PhasesLaunch {
                stride: phases.stride,
                top: phases.top,
                left: phases.left,
                kernel: phases.kernel.to_launch(),
                target: phases.target.to_launch(),
            },
        }
    }
}

impl Extent {
    /// From the order in which shapes have them.
    pub fn new([height, width]: [usize; 2]) -> Self {
        Self { width: width as u32, height: height as u32 }
    }

    fn to_launch(self) -> ExtentLaunch {
        ExtentLaunch { width: self.width, height: self.height }
    }
}

impl Operand {
    fn to_launch(self) -> OperandLaunch {
        let Strides { x, y, outer } = self.strides;
        OperandLaunch { strides: StridesLaunch { x, y, outer }, row: self.row, group: self.group }
    }
}

impl Patches {
    fn to_launch(self) -> PatchesLaunch {
        let Self { k_step, k_outer, column_step, column_outer, top, left, map, group } = self;
        PatchesLaunch { k_step, k_outer, column_step, column_outer, top, left, map: map.to_launch(), group }
    }
}
