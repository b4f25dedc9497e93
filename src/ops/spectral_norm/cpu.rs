//! The power iteration and its gradient on flex.

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;

use super::{EPSILON, SpectralNormBackend};
use crate::ops::flex::{tensor, values};
use crate::ops::parallel::{CHUNK, for_each_chunk, sums, vectorized, zip};

impl SpectralNormBackend for Flex {
    fn spectral_norm(
        weight: FloatTensor<Self>,
        v: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let shape = weight.layout().shape().clone();
        let (weight, v) = (weight.to_contiguous(), v.to_contiguous());
        let (matrix, v) = (values(&weight), values(&v));
        let product = row_products(matrix, v.len(), |_| v);
        let norm = norm(&product);
        let u: Vec<f32> = product.iter().map(|value| value / norm).collect();
        let product = weighted_rows(matrix, &u);
        let norm = self::norm(&product);
        let v: Vec<f32> = product.iter().map(|value| value / norm).collect();
        // uᵀ M v
        let sigma = sums([&product, &v], |[product, v]| [product * v])[0];
        let normalised = zip([matrix], |[weight]| weight / sigma);
        let [rows, columns] = [u.len(), v.len()];
        (tensor(normalised, shape), tensor(u, [rows]), tensor(v, [columns]), tensor(vec![sigma], [1]))
    }

    fn spectral_norm_gradient(
        gradient: FloatTensor<Self>,
        normalised: FloatTensor<Self>,
        u: FloatTensor<Self>,
        v: FloatTensor<Self>,
        sigma: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let shape = gradient.layout().shape().clone();
        let [gradient, normalised] = [gradient, normalised].map(|tensor| tensor.to_contiguous());
        let [gradient, normalised, u, v, sigma] = [&gradient, &normalised, &u, &v, &sigma].map(values);
        let (columns, sigma) = (v.len(), sigma[0]);
        let of_row = |row: usize| &normalised[row * columns..][..columns];
        let inner: f32 = row_products(gradient, columns, of_row).iter().sum();
        let rows = (CHUNK / columns).max(1);
        let mut to_weight = gradient.to_vec();
        for_each_chunk(&mut to_weight, rows * columns, |index, part| {
            for (row, part) in part.chunks_mut(columns).enumerate() {
                let share = inner * u[index * rows + row];
                vectorized(move || part.iter_mut().zip(v).for_each(|(to, v)| *to = (*to - share * v) / sigma));
            }
        });
        tensor(to_weight, shape)
    }
}

fn norm(vector: &[f32]) -> f32 {
    sums([vector], |[value]| [value * value])[0].sqrt().max(EPSILON)
}

/// The scalar product of each row of a matrix with the vector that `of_row` gives for it.
fn row_products<'a>(matrix: &[f32], columns: usize, of_row: impl Fn(usize) -> &'a [f32] + Send + Sync) -> Vec<f32> {
    let rows = (CHUNK / columns).max(1);
    let mut products = vec![0.0; matrix.len() / columns];
    for_each_chunk(&mut products, rows, |index, products| {
        for (row, product) in products.iter_mut().enumerate() {
            let row = index * rows + row;
            let values = &matrix[row * columns..][..columns];
            *product = sums([values, of_row(row)], |[a, b]| [a * b])[0];
        }
    });
    products
}

/// The sum of the rows of a matrix, each times its weight. Threads share the columns, so that each sum has one order.
fn weighted_rows(matrix: &[f32], weights: &[f32]) -> Vec<f32> {
    /// Columns that fill a few vectors.
    const FEWEST: usize = 64;
    let columns = matrix.len() / weights.len();
    let width = (CHUNK / weights.len()).max(FEWEST);
    let mut sums = vec![0.0; columns];
    for_each_chunk(&mut sums, width, |index, sums| {
        vectorized(move || {
            for (row, weight) in matrix.chunks(columns).zip(weights) {
                let row = &row[index * width..][..sums.len()];
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
            }
        });
    });
    sums
}
