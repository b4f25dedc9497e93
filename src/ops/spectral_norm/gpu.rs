//! The power iteration and its gradient on graphics devices. Cubes can't wait for each other, so each pass ends where one
//! cube needs the sums of all: with M v, with Mᵀ u, and backward with ⟨∂, W/σ⟩.

use burn::backend::Cube;
use burn::backend::tensor::FloatTensor;
use burn_cubecl::cubecl;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{EPSILON, SpectralNormBackend};
use crate::ops::gpu::{UNITS, add_up, cube_per_channel, cubes, empty_like, input, output};

/// Sizes of the weight as a matrix.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct MatrixSizes {
    rows: u32,
    columns: u32,
}

impl MatrixSizes {
    fn of(weight: &CubeTensor) -> Self {
        let [rows, channels, height, width] = weight.meta.shape().dims();
        Self { rows: rows as u32, columns: (channels * height * width) as u32 }
    }

    fn to_launch(self) -> MatrixSizesLaunch {
        let Self { rows, columns } = self;
        MatrixSizesLaunch { rows, columns }
    }
}

/// The sum of the squares of the first `count` values, for each unit of a cube.
#[cube]
fn squared_norm(values: &[f32], count: u32, parts: &mut Shared<[f32]>) -> f32 {
    let mut total = 0.0f32;
    for at in range_stepped(UNIT_POS_X, count, CUBE_DIM_X) {
        let value = values[at as usize];
        total += value * value;
    }
    add_up(total, parts)
}

/// The scalar product of each row of `a` with a row of `b`: its own for a `stride` of `columns`, always the first for a
/// `stride` of 0. A cube for each row.
#[cube(launch_unchecked)]
fn row_products(a: &[f32], b: &[f32], products: &mut [f32], columns: u32, stride: u32) {
    let row = CUBE_POS_X;
    let mut parts = Shared::<[f32]>::new_slice(UNITS);
    let mut total = 0.0f32;
    for column in range_stepped(UNIT_POS_X, columns, CUBE_DIM_X) {
        total += a[(row * columns + column) as usize] * b[(row * stride + column) as usize];
    }
    let total = add_up(total, &mut parts);
    if UNIT_POS_X == 0 {
        products[row as usize] = total;
    }
}

/// u and `Mᵀ u` of `M v`. A unit for each column.
#[cube(launch_unchecked)]
fn left_vector(matrix: &[f32], m_v: &[f32], u: &mut [f32], mt_u: &mut [f32], sizes: MatrixSizes, epsilon: f32) {
    let mut parts = Shared::<[f32]>::new_slice(UNITS);
    let norm = f32::max(squared_norm(m_v, sizes.rows, &mut parts).sqrt(), epsilon);
    let column = CUBE_POS_X * CUBE_DIM_X + UNIT_POS_X;
    if column < sizes.columns {
        let mut total = 0.0f32;
        for row in 0..sizes.rows {
            total += matrix[(row * sizes.columns + column) as usize] * (m_v[row as usize] / norm);
        }
        mt_u[column as usize] = total;
    }
    if CUBE_POS_X == 0 {
        for row in range_stepped(UNIT_POS_X, sizes.rows, CUBE_DIM_X) {
            u[row as usize] = m_v[row as usize] / norm;
        }
    }
}

/// `W / σ`, v and σ of `Mᵀ u`. A cube for each row.
#[cube(launch_unchecked)]
fn divide(
    matrix: &[f32],
    mt_u: &[f32],
    normalised: &mut [f32],
    v: &mut [f32],
    sigma: &mut [f32],
    columns: u32,
    epsilon: f32,
) {
    let mut parts = Shared::<[f32]>::new_slice(UNITS);
    let squares = squared_norm(mt_u, columns, &mut parts);
    let norm = f32::max(squares.sqrt(), epsilon);
    // uᵀ M v
    let value = squares / norm;
    for column in range_stepped(UNIT_POS_X, columns, CUBE_DIM_X) {
        let at = (CUBE_POS_X * columns + column) as usize;
        normalised[at] = matrix[at] / value;
    }
    if CUBE_POS_X == 0 {
        for column in range_stepped(UNIT_POS_X, columns, CUBE_DIM_X) {
            v[column as usize] = mt_u[column as usize] / norm;
        }
        if UNIT_POS_X == 0 {
            sigma[0] = value;
        }
    }
}

/// The singular vectors and the singular value.
#[derive(CubeType, CubeLaunch)]
struct Singular {
    u: Box<[f32]>,
    v: Box<[f32]>,
    sigma: Box<[f32]>,
}

/// The gradient of the weight. `products` are the scalar products of the rows of ∂ and W/σ. A cube for each row.
#[cube(launch_unchecked)]
fn weight_gradient(gradient: &[f32], products: &[f32], singular: Singular, to: &mut [f32], sizes: MatrixSizes) {
    let mut parts = Shared::<[f32]>::new_slice(UNITS);
    let mut total = 0.0f32;
    for row in range_stepped(UNIT_POS_X, sizes.rows, CUBE_DIM_X) {
        total += products[row as usize];
    }
    let share = add_up(total, &mut parts) * singular.u[CUBE_POS_X as usize];
    let sigma = singular.sigma[0];
    for column in range_stepped(UNIT_POS_X, sizes.columns, CUBE_DIM_X) {
        let at = (CUBE_POS_X * sizes.columns + column) as usize;
        to[at] = (gradient[at] - share * singular.v[column as usize]) / sigma;
    }
}

impl SpectralNormBackend for Cube {
    fn spectral_norm(
        weight: FloatTensor<Self>,
        v: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let sizes = MatrixSizes::of(&weight);
        let MatrixSizes { rows, columns } = sizes;
        let (client, (a_cube_a_row, cube)) = (weight.client.clone(), cube_per_channel(&weight, rows));
        let a_unit_a_column = cubes([columns.div_ceil(cube.x) as usize, 1, 1]);
        let vector = |length: u32| empty_like(&weight, [length as usize]);
        let (m_v, mt_u, u, new_v, sigma) = (vector(rows), vector(columns), vector(rows), vector(columns), vector(1));
        let normalised = empty_like(&weight, weight.meta.shape().clone());
        let matrix = || input(weight.clone());
        // SAFETY: cubes of rows read and write the columns of their row, units of columns stop at the last column, and
        // the vectors have the length of a row or of a column.
        unsafe {
            let to = output(&m_v);
            row_products::launch_unchecked(&client, a_cube_a_row.clone(), cube, matrix(), input(v), to, columns, 0);
            let (to_u, to) = (output(&u), output(&mt_u));
            let sizes = sizes.to_launch();
            left_vector::launch_unchecked(
                &client,
                a_unit_a_column,
                cube,
                matrix(),
                input(m_v),
                to_u,
                to,
                sizes,
                EPSILON,
            );
            let (to, to_v, to_sigma) = (output(&normalised), output(&new_v), output(&sigma));
            let from = input(mt_u);
            divide::launch_unchecked(&client, a_cube_a_row, cube, matrix(), from, to, to_v, to_sigma, columns, EPSILON);
        }
        (normalised, u, new_v, sigma)
    }

    fn spectral_norm_gradient(
        gradient: FloatTensor<Self>,
        normalised: FloatTensor<Self>,
        u: FloatTensor<Self>,
        v: FloatTensor<Self>,
        sigma: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let sizes = MatrixSizes::of(&gradient);
        let MatrixSizes { rows, columns } = sizes;
        let (client, (cubes, cube)) = (gradient.client.clone(), cube_per_channel(&gradient, rows));
        let products = empty_like(&gradient, [rows as usize]);
        let to_weight = empty_like(&gradient, gradient.meta.shape().clone());
        let singular = SingularLaunch { u: input(u), v: input(v), sigma: input(sigma) };
        // SAFETY: a cube reads and writes the columns of its row, and the vectors have the length of a row or of a column.
        unsafe {
            let (a, b, to) = (input(gradient.clone()), input(normalised), output(&products));
            row_products::launch_unchecked(&client, cubes.clone(), cube, a, b, to, columns, columns);
            let (gradient, products, to) = (input(gradient), input(products), output(&to_weight));
            weight_gradient::launch_unchecked(
                &client,
                cubes,
                cube,
                gradient,
                products,
                singular,
                to,
                sizes.to_launch(),
            );
        }
        to_weight
    }
}
