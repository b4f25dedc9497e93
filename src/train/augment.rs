//! Differentiable augmentation on the device. The discriminator sees altered pictures only, real and generated, so it cannot
//! memorise a small data set, and the generator does not learn the alterations.
//!
//! DiffAugment: Zhao et al. 2020, arXiv:2006.10738, whose ranges these are. Each alteration is made to a picture with
//! chance p, and p may follow the discriminator: ADA, Karras et al. 2020, arXiv:2006.06676. Random factors come from the
//! host, one per picture; a picture that an alteration passes over has the factors that change nothing.

use burn::tensor::{Device, Tensor, TensorData};

use crate::config::{AugmentConfig, Loss, Resolution};
use crate::ops::{Dual, Warp, Warps, recolor, recolor_tangent, warp};
use crate::random::{Random, Share};

/// Largest shift, as a share of the side.
const SHIFT: f64 = 0.125;

/// How the pictures of one batch are altered, on their device.
#[derive(Clone, Debug, Default)]
pub struct Factors {
    /// Brightness, saturation and contrast of each picture, `[batch, 3]`: see [`recolor`]. None: colours stay.
    pub colors: Option<Tensor<2>>,
    /// Where the pixels of each picture come from, and which are blank. None: they stay where they are.
    pub warps: Option<Warps>,
}

/// The same factors on the host, a row for each picture.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    colors: Option<Vec<[f32; 3]>>,
    warps: Option<Vec<Warp>>,
}

impl Drawn {
    /// Draws the factors for `batch` pictures of this size, each alteration with chance `p`. Shares of a side are of the
    /// picture's own height and width; shear and zoom are the same along both, so nothing else is distorted.
    pub fn new(config: &AugmentConfig, p: f64, random: &mut Random, batch: usize, size: Resolution) -> Self {
        let Resolution { width, height } = size;
        let mut chosen_with = |p: f64, draw: &mut dyn FnMut(&mut Random) -> f64| -> Vec<Option<f32>> {
            // Drawn whether they are used or not, so that a picture's alterations do not depend on those of others.
            let mut one = || {
                let (is_altered, factor) = (random.uniform() < p, draw(random));
                is_altered.then_some(factor as f32)
            };
            (0..batch).map(|_| one()).collect()
        };
        let mut factors_with = |p: f64, neutral: f32, draw: &mut dyn FnMut(&mut Random) -> f64| -> Vec<f32> {
            chosen_with(p, draw).into_iter().map(|factor| factor.unwrap_or(neutral)).collect()
        };
        let uniform = |low: f64, high: f64| move |random: &mut Random| low + (high - low) * random.uniform();
        let mut drawn = Self::default();
        if config.color {
            let p = p * config.color_share;
            let brightness = factors_with(p, 0.0, &mut uniform(-0.5, 0.5));
            let saturation = factors_with(p, 1.0, &mut uniform(0.0, 2.0));
            let contrast = factors_with(p, 1.0, &mut uniform(0.5, 1.5));
            let colors = (0..batch).map(|at| [brightness[at], saturation[at], contrast[at]]);
            drawn.colors = Some(colors.collect());
        }
        let mut warps = vec![Warp::NONE; batch];
        let is_moved = config.translation || config.flip || config.shear > 0.0 || config.zoom > 0.0;
        if is_moved {
            let pixels = |is_on: bool, side: usize| {
                let reach = (side as f64 * SHIFT + 0.5).floor() as i64;
                move |random: &mut Random| {
                    if is_on { random.below((2 * reach + 1) as usize) as f64 - reach as f64 } else { 0.0 }
                }
            };
            let zooms = factors_with(p, 1.0, &mut uniform(1.0 - config.zoom, 1.0 + config.zoom));
            let mirror = |random: &mut Random| if config.flip && random.coin() { -1.0 } else { 1.0 };
            let mirrors = factors_with(p, 1.0, &mut { mirror });
            // One change along both axes, which the first decides on.
            let columns = chosen_with(p, &mut pixels(config.translation, width));
            let rows = chosen_with(1.0, &mut pixels(config.translation, height));
            let shears = (config.shear > 0.0).then(|| {
                let shears = chosen_with(p, &mut uniform(-config.shear, config.shear));
                shears.into_iter().map(Option::unwrap_or_default).collect::<Vec<f32>>()
            });
            for (at, warp) in warps.iter_mut().enumerate() {
                (warp.x_scale, warp.y_scale) = (mirrors[at] / zooms[at], 1.0 / zooms[at]);
                (warp.x_shift, warp.y_shift) = columns[at].zip(rows[at]).unwrap_or_default();
                warp.shear = shears.as_ref().map_or(0.0, |shears| shears[at]);
            }
        }
        if config.cutout {
            let half = [height, width].map(|side| (side as f64 * config.cutout_size / 2.0).round() as f32);
            let place = |side: usize| move |random: &mut Random| random.below(side + 1) as f64;
            let rows = chosen_with(p, &mut place(height));
            let columns = chosen_with(1.0, &mut place(width));
            // The centre of a rectangle that lies outside the picture.
            let away = (-(height as f32), -(width as f32));
            for (at, warp) in warps.iter_mut().enumerate() {
                let (row, column) = rows[at].zip(columns[at]).unwrap_or(away);
                (warp.cut, warp.half) = ([row, column], half);
            }
        }
        drawn.warps = (is_moved || config.cutout).then_some(warps);
        drawn
    }

    /// Those of a device that has this part of each batch, `own` pictures of each kind.
    pub fn of_share(self, share: Share, own: usize) -> Self {
        let Self { colors, warps } = self;
        Self { colors: colors.map(|rows| share.rows(rows, own)), warps: warps.map(|rows| share.rows(rows, own)) }
    }

    /// Brings them to the device of their pictures.
    pub fn on(&self, device: &Device) -> Factors {
        let Self { colors, warps } = self;
        Factors {
            colors: colors.as_ref().map(|rows| on_device(rows, device)),
            warps: warps.as_ref().map(|rows| Warps::new(rows, device)),
        }
    }
}

impl Factors {
    /// Alters pictures: their colours first. All but the brightness is linear.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, height, width]`
    /// - returns: the same
    pub fn apply(&self, images: Dual<4>) -> Dual<4> {
        let Dual { mut value, mut tangent } = images;
        if let Some(colors) = &self.colors {
            value = recolor(value, colors.clone());
            tangent = tangent.map(|tangent| recolor_tangent(tangent, colors.clone()));
        }
        let images = Dual { value, tangent };
        match &self.warps {
            Some(warps) => images.linear(|x| warp(x, warps)),
            None => images,
        }
    }
}

/// `[pictures, N]`: one row of factors for each picture.
pub fn on_device<const N: usize>(rows: &[[f32; N]], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(rows.concat(), [rows.len(), N]), device)
}

/// Mean sign of how sure the discriminator is that real pictures are real, `[1]`: r_t of the paper, 1 if it always is and 0 if it can
/// only guess. LSGAN's middle is a half. Losses of differences leave the offset of all logits free, so there each real picture is
/// compared with a generated one.
pub fn mean_sign(loss: Loss, real: &Tensor<1>, fake: &Tensor<1>) -> Tensor<1> {
    let certainty = match loss {
        Loss::Bce | Loss::Hinge => real.clone(),
        Loss::Lsgan => real.clone() - 0.5,
        Loss::Wasserstein | Loss::Relativistic | Loss::RelativisticAvg => real.clone() - fake.clone(),
    };
    certainty.sign().mean()
}

/// Adaptive p after `count` real images whose logits have the mean sign `mean_sign`, r_t of the paper.
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
    use crate::device::read_values;
    use crate::random::Stream;

    fn values(x: Tensor<4>) -> Vec<f32> {
        let count = x.shape().num_elements();
        block_on(read_values([x.reshape([count])])).unwrap().remove(0)
    }

    fn numbers(shape: [usize; 4]) -> Tensor<4> {
        let values = Random::new(5, Stream::Samples, 0).normals(shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), &crate::device::cpu())
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
            values(Drawn::new(&all(), p, &mut random, 8, 8.into()).on(&device).apply(x.clone().into()).value)
        };
        let plain = values(x.clone());
        let worst = altered(0.0).iter().zip(&plain).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "{worst}");
        for (a, b) in altered(1.0).chunks(3 * 64).zip(plain.chunks(3 * 64)) {
            assert_ne!(a, b);
        }
    }

    fn warped(x: Tensor<4>, warp: Warp) -> Vec<f32> {
        values(crate::ops::warp(x, &Warps::new(&[warp], &crate::device::cpu())))
    }

    #[test]
    fn devices_that_share_a_batch_alter_their_pictures_as_one_device_alters_them() {
        let device = crate::device::cpu();
        let x = numbers([8, 3, 8, 8]);
        let drawn = Drawn::new(&all(), 0.7, &mut Random::new(1, Stream::AugmentGenerator, 0), 8, 8.into());
        let whole = drawn.on(&device).apply(x.clone().into()).value;
        for index in 0..2 {
            let own = x.clone().narrow(0, 4 * index, 4);
            let altered = drawn.clone().of_share(Share { index, of: 2 }, 4).on(&device).apply(own.into()).value;
            assert_eq!(values(altered), values(whole.clone().narrow(0, 4 * index, 4)));
        }
    }

    #[test]
    fn shares_are_of_each_side_of_a_picture() {
        let size = Resolution { width: 64, height: 16 };
        let of = |config: AugmentConfig| {
            let mut random = Random::new(1, Stream::AugmentGenerator, 0);
            Drawn::new(&config, 1.0, &mut random, 500, size).warps.unwrap()
        };
        let moved = of(AugmentConfig { translation: true, ..AugmentConfig::default() });
        let most = |length: fn(&Warp) -> f32| moved.iter().map(length).fold(0.0f32, |most, x| most.max(x.abs()));
        assert_eq!((most(|warp| warp.x_shift), most(|warp| warp.y_shift)), (8.0, 2.0), "an eighth");
        let cut = of(AugmentConfig { cutout: true, ..AugmentConfig::default() });
        assert!(cut.iter().all(|warp| warp.half == [4.0, 16.0]), "half of each side");
        let furthest = |axis: usize| cut.iter().map(|warp| warp.cut[axis]).fold(0.0, f32::max);
        assert_eq!([furthest(0), furthest(1)], [16.0, 64.0]);
        let zoomed = of(AugmentConfig { zoom: 0.2, ..AugmentConfig::default() });
        assert!(zoomed.iter().all(|warp| warp.x_scale == warp.y_scale && warp.x_scale != 1.0));
    }

    #[test]
    fn a_mirror_is_exact() {
        let x = numbers([1, 3, 4, 6]);
        assert_eq!(warped(x.clone(), Warp { x_scale: -1.0, ..Warp::NONE }), values(x.flip([3])));
    }

    #[test]
    fn a_shear_moves_rows_apart_and_leaves_the_middle() {
        // Five rows of one bright pixel in the middle column.
        let mut picture = vec![0.0f32; 25];
        (0..5).for_each(|row| picture[row * 5 + 2] = 1.0);
        let x = Tensor::<4>::from_data(TensorData::new(picture, [1, 1, 5, 5]), &crate::device::cpu());
        let out = warped(x, Warp { shear: 1.0, ..Warp::NONE });
        let bright: Vec<usize> = out.chunks(5).map(|row| row.iter().position(|v| *v == 1.0).unwrap()).collect();
        assert_eq!(bright, [4, 3, 2, 1, 0]);
    }

    /// Each change has the same chance, also one that is drawn along both axes.
    #[test]
    fn pictures_are_moved_and_cut_with_the_chance_that_is_asked_for() {
        let config = AugmentConfig { translation: true, cutout: true, ..AugmentConfig::default() };
        let count = 20_000;
        let size = Resolution { width: 512, height: 256 };
        let drawn = Drawn::new(&config, 0.3, &mut Random::new(1, Stream::Augment, 0), count, size);
        let warps = drawn.warps.unwrap();
        let share =
            |is_so: &dyn Fn(&Warp) -> bool| warps.iter().filter(|warp| is_so(warp)).count() as f64 / count as f64;
        let moved = share(&|warp| warp.x_shift != 0.0 || warp.y_shift != 0.0);
        let cut = share(&|warp| warp.cut[0] >= 0.0 && warp.cut[1] >= 0.0);
        for found in [moved, cut] {
            assert!((found - 0.3).abs() < 0.015, "{moved} and {cut}");
        }
        assert!(warps.iter().all(|warp| (warp.cut[0] >= 0.0) == (warp.cut[1] >= 0.0)));
    }

    #[test]
    fn certainty_does_not_depend_on_an_offset_that_the_loss_leaves_free() {
        let device = crate::device::cpu();
        let logits = |values: [f32; 4]| Tensor::<1>::from_data(TensorData::from(values), &device);
        let sign = |loss, offset: f32| {
            let (real, fake) = (logits([1.0, 2.0, 0.25, -1.0]), logits([0.0, 0.0, 1.0, -2.0]));
            block_on(read_values([mean_sign(loss, &(real + offset), &(fake + offset))])).unwrap()[0][0]
        };
        for loss in [Loss::Wasserstein, Loss::Relativistic, Loss::RelativisticAvg] {
            assert_eq!([0.0, 100.0, -100.0].map(|offset| sign(loss, offset)), [0.5; 3], "{loss:?}");
        }
        assert_eq!([Loss::Bce, Loss::Hinge, Loss::Lsgan].map(|loss| sign(loss, 0.0)), [0.5, 0.5, 0.0]);
    }

    #[test]
    fn adaptive_p_follows_the_mean_sign() {
        let config = AugmentConfig { adaptive: true, ..AugmentConfig::default() };
        assert_eq!(adapted(&config, 0.5, 0.9, 5000), 0.51);
        assert_eq!(adapted(&config, 0.5, 0.1, 5000), 0.49);
        assert_eq!(adapted(&config, 0.0, 0.1, 5000), 0.0);
        assert_eq!(adapted(&config, 1.0, 0.9, 5000), 1.0);
    }
}
