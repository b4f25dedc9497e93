//! What follows the resolution of the pictures: R3GAN's penalties, and the width of networks that were measured.

use super::Recipe;
use super::r3gan::{Size, has_size, sizes};
use crate::config::{Architecture, Resolution, RunConfig};

impl Recipe {
    /// Whether the recipe is made for one resolution. The others follow the pictures.
    pub fn fixes_resolution(&self) -> bool {
        matches!(
            self.config().model.architecture,
            Architecture::Dcgan | Architecture::DenseUpsample | Architecture::Dense
        )
    }
}

/// Weight of R3GAN's penalties at the beginning and at the end of the schedule.
///
/// 0.05 and 0.005 below 64 x 64 pixels, 2 and 0.2 at that (the paper's values for CIFAR-10 and FFHQ-64: Huang et al. 2024,
/// arXiv:2501.05441). Beyond that they grow with the number of pixels, as StyleGAN2-ADA's rule `γ = 0.0002 N / batch` has it
/// (Karras et al. 2020, arXiv:2006.06676). The paper's 1 and 0.1 for ImageNet-64 are for a thousand classes; a folder of one's
/// own is more like FFHQ.
pub fn gamma(resolution: impl Into<Resolution>) -> [f64; 2] {
    const OF_64: usize = 64 * 64;
    let pixels = resolution.into().pixels();
    let start = if pixels < OF_64 { 0.05 } else { 2.0 * (pixels as f64 / OF_64 as f64) };
    [start, start / 10.0]
}

impl RunConfig {
    /// Sets the resolution of the pictures. R3GAN's penalties follow it, unless they have other values than [`gamma`] gives at
    /// the resolution before.
    pub fn set_resolution(&mut self, resolution: impl Into<Resolution>) {
        let resolution = resolution.into();
        let before = std::mem::replace(&mut self.data.resolution, resolution);
        let (train, schedule) = (&mut self.train, &mut self.schedule);
        let [start, end] = gamma(before);
        let follows =
            [train.r1_gamma, train.r2_gamma] == [start; 2] && [schedule.r1_gamma, schedule.r2_gamma] == [Some(end); 2];
        if follows && self.model.architecture == Architecture::R3gan {
            let [start, end] = gamma(resolution);
            [train.r1_gamma, train.r2_gamma] = [start; 2];
            [schedule.r1_gamma, schedule.r2_gamma] = [Some(end); 2];
        }
    }

    /// The same with networks of one of [`sizes`], which was measured at this configuration's resolution: at the other one it
    /// is the largest whose steps take no longer, or the smallest.
    pub fn set_resolution_and_size(&mut self, resolution: impl Into<Resolution>) {
        let resolution = resolution.into();
        // The work of a step grows with the square of the width, and with the pixels.
        let work = |size: &Size, resolution: Resolution| size.width.pow(2) * resolution.pixels();
        let sizes = sizes(self.model.architecture);
        let now = sizes.iter().find(|size| has_size(self, **size));
        let fits = |now: &Size| {
            let most = work(now, self.data.resolution);
            *sizes.iter().rfind(|size| work(size, resolution) <= most).unwrap_or(&sizes[0])
        };
        if let Some(size) = now.map(fits) {
            size.apply(self);
        }
        self.set_resolution(resolution);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::{self, DEFAULT};

    #[test]
    fn penalties_follow_the_resolution_unless_they_were_set() {
        let mut config = recipes::find("r3gan-small").unwrap().config();
        let gammas = |config: &RunConfig| {
            let RunConfig { train, schedule, .. } = config;
            assert_eq!((train.r2_gamma, schedule.r2_gamma), (train.r1_gamma, schedule.r1_gamma));
            [train.r1_gamma, schedule.r1_gamma.unwrap()]
        };
        assert_eq!(gammas(&config), [0.05, 0.005], "the recipe has the rule's values");
        for (resolution, expected) in [(64, [2.0, 0.2]), (128, [8.0, 0.8]), (256, [32.0, 3.2]), (32, [0.05, 0.005])] {
            config.set_resolution(resolution);
            assert_eq!((config.data.resolution, gammas(&config)), (resolution.into(), expected));
            config.clone().validate().unwrap();
        }
        config.set_resolution(Resolution { width: 64, height: 96 });
        assert_eq!(gammas(&config), [3.0, 0.3], "by the pixels");
        config.set_resolution(32);
        config.train.r1_gamma = 0.5;
        config.set_resolution(64);
        assert_eq!((config.train.r1_gamma, config.train.r2_gamma, config.data.resolution), (0.5, 0.05, 64.into()));
        let mut dcgan = recipes::find("dcgan32").unwrap().config();
        dcgan.set_resolution(64);
        assert_eq!(dcgan.train, recipes::find("dcgan32").unwrap().config().train);
    }

    #[test]
    fn measured_networks_get_narrower_so_that_a_step_takes_no_longer() {
        let sized = |width: usize, resolution: usize| {
            let mut config = recipes::find("r3gan").unwrap().config();
            sizes(Architecture::R3gan).iter().find(|size| size.width == width).unwrap().apply(&mut config);
            config.set_resolution_and_size(resolution);
            (config.model.generator_width, config.train.batch)
        };
        assert_eq!(sized(64, 128), (16, 32));
        assert_eq!(sized(128, 64), (64, 64));
        assert_eq!(sized(8, 64), (8, 16), "there is none that is smaller");
        assert_eq!(sized(48, 32), (48, 64));
        let mut projected = DEFAULT.config();
        sizes(Architecture::Projected).last().unwrap().apply(&mut projected);
        projected.set_resolution_and_size(128);
        let RunConfig { model, train, .. } = &projected;
        assert_eq!((model.generator_width, model.discriminator_width, train.batch), (32, 64, 16), "the heads stay");
        let mut other = DEFAULT.config();
        (other.model.generator_width, other.train.batch) = (24, 7);
        other.set_resolution_and_size(64);
        assert_eq!((other.model.generator_width, other.train.batch), (24, 7), "nobody measured it");
    }

    #[test]
    fn recipes_of_one_resolution_keep_it() {
        let follow: Vec<&str> = recipes::ALL.iter().filter(|r| !r.fixes_resolution()).map(|r| r.name).collect();
        assert!(follow.contains(&DEFAULT.name) && follow.iter().all(|name| !name.starts_with("dcgan")), "{follow:?}");
    }
}
