//! Differentiable augmentation, on the device: both networks see altered pictures, so the discriminator cannot learn a
//! small data set by heart, and the generator does not learn the alterations.
//!
//! DiffAugment: Zhao et al. 2020, arXiv:2006.10738, whose ranges these are. Each alteration is made to a picture with
//! chance p, and p may follow the discriminator: ADA, Karras et al. 2020, arXiv:2006.06676. Random factors come from the
//! host, one per picture; a picture that an alteration passes over has the factors that change nothing.

use burn::tensor::{Device, Tensor, TensorData};

use crate::config::AugmentConfig;
use crate::ops::Dual;
use crate::random::Random;

/// Largest shift, as a share of the side.
const SHIFT: f64 = 0.125;

/// Side of the blanked square, as a share of the side.
const CUTOUT: f64 = 0.5;

/// Random factors for one batch. `None`: that alteration is off.
#[derive(Clone, Debug, Default)]
pub struct Factors {
    /// Added to every value, `[batch]`.
    pub brightness: Option<Tensor<1>>,
    /// Multiplies what differs from the mean over channels, `[batch]`.
    pub saturation: Option<Tensor<1>>,
    /// Multiplies what differs from the mean of the picture, `[batch]`.
    pub contrast: Option<Tensor<1>>,
    /// Where each row and column comes from.
    pub geometry: Option<Geometry>,
    /// 0 where a picture is blank, 1 elsewhere: `[batch, 1, height, width]`.
    pub mask: Option<Tensor<4>>,
}

/// A map of pixels: first across, `x' = x_scale (x - c) + c + x_shift + shear (y - c)`, then down,
/// `y' = y_scale (y - c) + c + y_shift`, with c the centre. Values between pixels are interpolated, those outside are 0.
#[derive(Clone, Debug)]
pub struct Geometry {
    /// `[batch]`; -1 mirrors.
    pub x_scale: Tensor<1>,
    /// `[batch]`
    pub y_scale: Tensor<1>,
    /// In pixels, `[batch]`.
    pub x_shift: Tensor<1>,
    /// In pixels, `[batch]`.
    pub y_shift: Tensor<1>,
    /// Horizontal pixels a vertical one, `[batch]`; `None`: all 0, which is quicker.
    pub shear: Option<Tensor<1>>,
}

impl Factors {
    /// Draws the factors for `batch` pictures of `side` x `side` pixels, each alteration with chance `p`.
    pub fn draw(
        config: &AugmentConfig,
        p: f64,
        random: &mut Random,
        batch: usize,
        side: usize,
        device: &Device,
    ) -> Self {
        let mut factors = |neutral: f64, draw: &mut dyn FnMut(&mut Random) -> f64| -> Vec<f32> {
            // Drawn whether they are used or not: a picture's alterations do not depend on its neighbours'.
            let mut one = || {
                let (is_altered, factor) = (random.uniform() < p, draw(random));
                if is_altered { factor as f32 } else { neutral as f32 }
            };
            (0..batch).map(|_| one()).collect()
        };
        let on_device = |values: Vec<f32>| Tensor::<1>::from_data(TensorData::new(values, [batch]), device);
        let uniform = |low: f64, high: f64| move |random: &mut Random| low + (high - low) * random.uniform();
        let mut drawn = Self::default();
        if config.color {
            drawn.brightness = Some(on_device(factors(0.0, &mut uniform(-0.5, 0.5))));
            drawn.saturation = Some(on_device(factors(1.0, &mut uniform(0.0, 2.0))));
            drawn.contrast = Some(on_device(factors(1.0, &mut uniform(0.5, 1.5))));
        }
        if config.translation || config.flip || config.shear > 0.0 || config.zoom > 0.0 {
            let reach = (side as f64 * SHIFT + 0.5).floor() as i64;
            let pixels = |is_on: bool| {
                move |random: &mut Random| {
                    if is_on { random.below((2 * reach + 1) as usize) as f64 - reach as f64 } else { 0.0 }
                }
            };
            let zooms = factors(1.0, &mut uniform(1.0 - config.zoom, 1.0 + config.zoom));
            let mirror = |random: &mut Random| if config.flip && random.coin() { -1.0 } else { 1.0 };
            let mirrors = factors(1.0, &mut { mirror });
            let x_scales = zooms.iter().zip(&mirrors).map(|(zoom, mirror)| mirror / zoom).collect();
            let y_scales = zooms.iter().map(|zoom| 1.0 / zoom).collect();
            drawn.geometry = Some(Geometry {
                x_scale: on_device(x_scales),
                y_scale: on_device(y_scales),
                x_shift: on_device(factors(0.0, &mut pixels(config.translation))),
                y_shift: on_device(factors(0.0, &mut pixels(config.translation))),
                shear: (config.shear > 0.0).then(|| on_device(factors(0.0, &mut uniform(-config.shear, config.shear)))),
            });
        }
        if config.cutout {
            let half = (side as f64 * CUTOUT / 2.0).round() as i64;
            // A centre so far away that nothing of its square is inside.
            let away = -(side as f64);
            let mut centres = || factors(away, &mut |random: &mut Random| random.below(side + 1) as f64);
            let (rows, columns) = (centres(), centres());
            let centres: Vec<(i64, i64)> = rows.iter().zip(&columns).map(|(y, x)| (*y as i64, *x as i64)).collect();
            drawn.mask = Some(cutout_mask(&centres, [half, half], [side, side], device));
        }
        drawn
    }

    /// Alters pictures: brightness, saturation, contrast, geometry, cutout. All but the first are linear.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, height, width]`
    /// - returns: the same
    pub fn apply(&self, images: Dual<4>) -> Dual<4> {
        let mut x = images;
        if let Some(factor) = &self.brightness {
            x = x.affine(|x| x, |x| brightness(x, factor.clone()));
        }
        if let Some(factor) = &self.saturation {
            x = x.linear(|x| saturation(x, factor.clone()));
        }
        if let Some(factor) = &self.contrast {
            x = x.linear(|x| contrast(x, factor.clone()));
        }
        if let Some(geometry) = &self.geometry {
            x = x.linear(|x| geometry.apply(x));
        }
        if let Some(mask) = &self.mask {
            x = x.linear(|x| x * mask.clone());
        }
        x
    }
}

/// `[batch]` to `[batch, 1, 1, 1]`.
fn per_picture(factor: Tensor<1>) -> Tensor<4> {
    let [batch] = factor.dims();
    factor.reshape([batch, 1, 1, 1])
}

/// `x + b`.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`; `factor`: `[batch]`
pub fn brightness(x: Tensor<4>, factor: Tensor<1>) -> Tensor<4> {
    x + per_picture(factor)
}

/// `(x - m) s + m` with m each pixel's mean over channels.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`; `factor`: `[batch]`
pub fn saturation(x: Tensor<4>, factor: Tensor<1>) -> Tensor<4> {
    let mean = x.clone().mean_dim(1);
    (x - mean.clone()) * per_picture(factor) + mean
}

/// `(x - μ) c + μ` with μ the mean of the whole picture.
///
/// # Shapes
/// - `x`: `[batch, channels, height, width]`; `factor`: `[batch]`
pub fn contrast(x: Tensor<4>, factor: Tensor<1>) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let mean = x.clone().reshape([batch, channels * height * width]).mean_dim(1).reshape([batch, 1, 1, 1]);
    (x - mean.clone()) * per_picture(factor) + mean
}

/// 0 where `centre - half <= position < centre + half` in both directions, 1 elsewhere.
///
/// # Shapes
/// - `centres`: (row, column) of each picture; `half` and `size`: (rows, columns)
/// - returns: `[batch, 1, height, width]`
pub fn cutout_mask(centres: &[(i64, i64)], half: [i64; 2], size: [usize; 2], device: &Device) -> Tensor<4> {
    let [height, width] = size;
    let mut values = Vec::with_capacity(centres.len() * height * width);
    for (cy, cx) in centres {
        for y in 0..height as i64 {
            let is_row = (cy - half[0]..cy + half[0]).contains(&y);
            let is_blank = |x: i64| is_row && (cx - half[1]..cx + half[1]).contains(&x);
            values.extend((0..width as i64).map(|x| if is_blank(x) { 0.0f32 } else { 1.0 }));
        }
    }
    Tensor::from_data(TensorData::new(values, [centres.len(), 1, height, width]), device)
}

impl Geometry {
    /// Shifts of whole pixels: `out[y, x] = in[y + rows, x + columns]`.
    ///
    /// # Shapes
    /// - `rows`, `columns`: `[batch]`
    pub fn translation(rows: Tensor<1>, columns: Tensor<1>) -> Self {
        let ones = rows.ones_like();
        Self { x_scale: ones.clone(), y_scale: ones, x_shift: columns, y_shift: rows, shear: None }
    }

    /// # Shapes
    /// - `images`: `[batch, channels, height, width]`
    /// - returns: the same
    pub fn apply(&self, images: Tensor<4>) -> Tensor<4> {
        let [batch, _, height, width] = images.dims();
        let device = &images.device();
        let across = match &self.shear {
            None => {
                let source = positions(width, &self.x_scale, &self.x_shift, device);
                // [batch, 1, width, width]
                images.matmul(weights(source, width).reshape([batch, 1, width, width]))
            }
            Some(shear) => {
                // Every row has a matrix of its own: [batch, height, width, width].
                let source = positions(width, &self.x_scale, &self.x_shift, device).reshape([batch, 1, width]);
                let rows = centred(height, device).reshape([1, height, 1]) * shear.clone().reshape([batch, 1, 1]);
                let matrices = weights((source + rows).reshape([batch * height, width]), width);
                let rows = images.swap_dims(1, 2);
                rows.matmul(matrices.reshape([batch, height, width, width])).swap_dims(1, 2)
            }
        };
        let source = positions(height, &self.y_scale, &self.y_shift, device);
        let down = weights(source, height).reshape([batch, 1, height, height]);
        down.swap_dims(2, 3).matmul(across)
    }
}

/// `0, 1, …` less their mean: `[count]`.
fn centred(count: usize, device: &Device) -> Tensor<1> {
    let centre = (count as f32 - 1.0) / 2.0;
    let values: Vec<f32> = (0..count).map(|i| i as f32 - centre).collect();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

/// Where each position comes from: `[batch, count]`.
fn positions(count: usize, scale: &Tensor<1>, shift: &Tensor<1>, device: &Device) -> Tensor<2> {
    let [batch] = scale.dims();
    let centre = (count as f64 - 1.0) / 2.0;
    let scaled = centred(count, device).reshape([1, count]) * scale.clone().reshape([batch, 1]);
    scaled + shift.clone().reshape([batch, 1]) + centre
}

/// Linear interpolation as a matrix: `w[i, j] = max(0, 1 - |i - source[j]|)`, so that `out = in · w`.
///
/// # Shapes
/// - `source`: `[batch, outputs]`
/// - returns: `[batch, inputs, outputs]`
fn weights(source: Tensor<2>, inputs: usize) -> Tensor<3> {
    let [batch, outputs] = source.dims();
    let values: Vec<f32> = (0..inputs).map(|i| i as f32).collect();
    let inputs = Tensor::<1>::from_data(TensorData::new(values, [inputs]), &source.device()).reshape([1, inputs, 1]);
    ((inputs - source.reshape([batch, 1, outputs])).abs().neg() + 1.0).clamp_min(0.0)
}

/// Adaptive p: how far it moves for `count` images of which the discriminator gave `mean_sign` of its logits' signs.
///
/// `p += sign(E[sign D(real)] - target) · count / (adaptive_kimg · 1000)`, held in [0, 1] (Karras et al. 2020, section 3).
pub fn adapted(config: &AugmentConfig, p: f64, mean_sign: f64, count: u64) -> f64 {
    let step = count as f64 / (config.adaptive_kimg * 1000.0);
    let direction = if mean_sign > config.target { 1.0 } else { -1.0 };
    (p + direction * step).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use futures_lite::future::block_on;

    use super::*;
    use crate::random::Stream;
    use crate::weights::read_values;

    fn values(x: Tensor<4>) -> Vec<f32> {
        let count = x.shape().num_elements();
        block_on(read_values([x.reshape([count])])).unwrap().remove(0)
    }

    fn numbers(shape: [usize; 4]) -> Tensor<4> {
        let values = Random::new(5, Stream::Samples, 0).normals(shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), &crate::device::cpu())
    }

    fn factor(value: f32) -> Tensor<1> {
        Tensor::from_data(TensorData::new(vec![value], [1]), &crate::device::cpu())
    }

    fn all() -> AugmentConfig {
        AugmentConfig {
            color: true,
            translation: true,
            cutout: true,
            flip: true,
            shear: 0.2,
            zoom: 0.2,
            ..AugmentConfig::default()
        }
    }

    #[test]
    fn with_chance_0_nothing_changes_and_with_1_every_picture_does() {
        let x = numbers([8, 3, 8, 8]);
        let altered = |p| {
            let mut random = Random::new(1, Stream::AugmentGenerator, 0);
            let device = crate::device::cpu();
            values(Factors::draw(&all(), p, &mut random, 8, 8, &device).apply(x.clone().into()).value)
        };
        let plain = values(x.clone());
        let worst = altered(0.0).iter().zip(&plain).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "{worst}");
        for (a, b) in altered(1.0).chunks(3 * 64).zip(plain.chunks(3 * 64)) {
            assert_ne!(a, b);
        }
    }

    #[test]
    fn a_mirror_is_exact() {
        let x = numbers([1, 3, 4, 6]);
        let (one, zero) = (factor(1.0), factor(0.0));
        let mirror =
            Geometry { x_scale: factor(-1.0), y_scale: one, x_shift: zero.clone(), y_shift: zero, shear: None };
        assert_eq!(values(mirror.apply(x.clone())), values(x.flip([3])));
    }

    #[test]
    fn a_shear_moves_rows_apart_and_leaves_the_middle() {
        // Five rows of one bright pixel in the middle column.
        let mut picture = vec![0.0f32; 25];
        (0..5).for_each(|row| picture[row * 5 + 2] = 1.0);
        let x = Tensor::<4>::from_data(TensorData::new(picture, [1, 1, 5, 5]), &crate::device::cpu());
        let (one, zero) = (factor(1.0), factor(0.0));
        let shear = Geometry {
            x_scale: one.clone(),
            y_scale: one,
            x_shift: zero.clone(),
            y_shift: zero,
            shear: Some(factor(1.0)),
        };
        let out = values(shear.apply(x));
        let bright: Vec<usize> = out.chunks(5).map(|row| row.iter().position(|v| *v == 1.0).unwrap()).collect();
        assert_eq!(bright, [4, 3, 2, 1, 0]);
    }

    #[test]
    fn adaptive_p_follows_the_signs() {
        let config = AugmentConfig { adaptive: true, ..AugmentConfig::default() };
        assert_eq!(adapted(&config, 0.5, 0.9, 5000), 0.51);
        assert_eq!(adapted(&config, 0.5, 0.1, 5000), 0.49);
        assert_eq!(adapted(&config, 0.0, 0.1, 5000), 0.0);
        assert_eq!(adapted(&config, 1.0, 0.9, 5000), 1.0);
    }
}
