//! Counter-based random numbers on the host: a number depends only on seed, stream and position, never on earlier draws.
//! So a run needs only its position to resume exactly, and the browser and the terminal draw the same numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What the numbers are used for. Adding a stream does not change the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Initial weights; position: index of the tensor.
    Init = 1,
    /// Order of the pictures; position: epoch.
    Data = 2,
    /// Latents of training; position: images shown before this batch.
    Latents = 3,
    /// Mirroring; position: images shown before this batch.
    Augment = 4,
    /// Latents of samples; position: index of the picture, so a picture does not depend on how many are drawn.
    Samples = 5,
    /// Augmentation in the discriminator's update; position: images shown before this batch.
    AugmentDiscriminator = 6,
    /// Augmentation in the generator's update; position: images shown before this batch.
    AugmentGenerator = 7,
    /// Dropout; position: four times the images shown before this batch, plus the index of the pass in the step.
    Dropout = 8,
    /// The choice of held-out pictures; position: 0.
    Validation = 9,
    /// Which pictures a score is computed from; position: number of the draw.
    Scores = 12,
}

/// The random numbers of one stream at one position.
///
/// ChaCha with 8 rounds (Bernstein 2008; Aumasson 2019, IACR 2019/1492). Its key consists of seed, stream and position.
#[derive(Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The numbers of `stream` at `position`.
    pub fn new(seed: u64, stream: Stream, position: u64) -> Self {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(stream as u64).to_le_bytes());
        key[16..24].copy_from_slice(&position.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in `0..bound`; `bound` must not be 0.
    pub fn below(&mut self, bound: usize) -> usize {
        // Multiply-shift (Lemire 2019, arXiv:1805.10941) without rejection: the bias is below bound / 2^64.
        ((u128::from(self.0.next_u64()) * bound as u128) >> 64) as usize
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True half of the time.
    pub fn coin(&mut self) -> bool {
        self.0.next_u32() & 1 == 1
    }

    /// `count` independent draws from N(0, 1).
    ///
    /// Box-Muller in f64. It uses `libm`, as C libraries round differently: so the same seed gives the same bits in the
    /// browser and in the terminal.
    pub fn normals(&mut self, count: usize) -> Vec<f32> {
        let mut out = Vec::with_capacity(count + 1);
        while out.len() < count {
            // (0, 1]: the logarithm stays finite.
            let u = ((self.0.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64;
            let v = self.uniform();
            let radius = libm::sqrt(-2.0 * libm::log(u));
            let (sin, cos) = libm::sincos(std::f64::consts::TAU * v);
            out.push((radius * cos) as f32);
            out.push((radius * sin) as f32);
        }
        out.truncate(count);
        out
    }

    /// A random order of `0..count` (Fisher-Yates).
    pub fn permutation(&mut self, count: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count as u32).collect();
        for last in (1..count).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }
}

/// Which part of each batch a device has: the `index`-th of `of` equal parts. What is drawn for a batch is drawn for the whole
/// of it on every device, so that no picture's numbers depend on how many devices there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// From 0.
    pub index: usize,
    /// How many devices share a batch; at least 1.
    pub of: usize,
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// This device's rows of what was drawn for one or several whole batches, one after the other. `own` is how many rows of
    /// each belong to this device.
    pub fn rows<T: Clone>(self, drawn: Vec<T>, own: usize) -> Vec<T> {
        if self.of == 1 {
            return drawn;
        }
        drawn.chunks(own * self.of).flat_map(|batch| batch[self.index * own..][..own].to_vec()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_depend_on_seed_stream_and_position_alone() {
        let draw = |seed, stream, position| Random::new(seed, stream, position).normals(4);
        assert_eq!(draw(1, Stream::Latents, 64), draw(1, Stream::Latents, 64));
        assert_ne!(draw(1, Stream::Latents, 64), draw(1, Stream::Latents, 65));
        assert_ne!(draw(1, Stream::Latents, 64), draw(1, Stream::Samples, 64));
        assert_ne!(draw(1, Stream::Latents, 64), draw(1 << 40, Stream::Latents, 64));
    }

    #[test]
    fn normals_have_mean_zero_variance_one_and_normal_tails() {
        let x = Random::new(7, Stream::Init, 0).normals(200_000);
        let n = x.len() as f64;
        let mean = x.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let variance = x.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / n - mean * mean;
        let beyond_two = x.iter().filter(|v| v.abs() > 2.0).count() as f64 / n;
        // Five standard errors: 1/sqrt(n), sqrt(2/n), sqrt(p/n).
        assert!(mean.abs() < 0.0112, "{mean}");
        assert!((variance - 1.0).abs() < 0.016, "{variance}");
        assert!((beyond_two - 0.0455).abs() < 0.0024, "{beyond_two}");
    }

    #[test]
    fn a_permutation_holds_every_index_once() {
        let mut order = Random::new(3, Stream::Data, 2).permutation(1000);
        assert_ne!(order[..10], (0..10).collect::<Vec<u32>>()[..]);
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<u32>>());
    }

    #[test]
    fn the_shares_of_a_draw_are_all_of_it_in_its_order() {
        let drawn: Vec<u32> = (0..12).collect();
        assert_eq!(Share::WHOLE.rows(drawn.clone(), 12), drawn);
        let shares = [0, 1].map(|index| Share { index, of: 2 }.rows(drawn.clone(), 6));
        assert_eq!(shares.concat(), drawn);
        // Two batches of six: the first half of each.
        assert_eq!(Share { index: 0, of: 2 }.rows(drawn.clone(), 3), [0, 1, 2, 6, 7, 8]);
        assert_eq!(Share { index: 2, of: 3 }.rows(drawn, 2), [4, 5, 10, 11]);
    }

    /// These bits must never change: a seed has to draw the same pictures from a checkpoint in every release.
    #[test]
    fn the_first_latents_of_seed_zero_never_change() {
        let bits: Vec<u32> = Random::new(0, Stream::Samples, 0).normals(4).iter().map(|v| v.to_bits()).collect();
        assert_eq!(bits, FIRST_LATENTS_OF_SEED_ZERO);
    }

    const FIRST_LATENTS_OF_SEED_ZERO: [u32; 4] = [0xbec2_a7dd, 0x3fa4_a944, 0xbfcc_874b, 0xbf93_1992];
}
