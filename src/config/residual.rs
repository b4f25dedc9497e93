//! Channels of R3GAN's networks: Huang et al. 2024, arXiv:2501.05441, section 4.

use super::{ModelConfig, Resolution};

/// Channels of a group in the 3x3 convolutions.
const GROUP: usize = 16;

/// A block's inner width is that many times its outer one.
pub(crate) const EXPANSION: usize = 2;

/// Groups of the 3x3 convolution in a block of this width.
pub(crate) fn groups(width: usize) -> usize {
    EXPANSION * width / GROUP.min(width)
}

impl ModelConfig {
    /// Channels at each resolution, the largest first: `width` at as many as are narrow, and twice that below. The paper's
    /// networks have one that is narrow.
    pub(crate) fn residual_widths(&self, width: usize, resolution: Resolution) -> Vec<usize> {
        (0..=resolution.halvings()).map(|stage| if stage < self.narrow_stages { width } else { 2 * width }).collect()
    }

    /// Whether a generator of this width can begin as one with these settings: a residual one that is wider, with groups of the same
    /// size.
    pub(crate) fn widens_to(&self, width: usize) -> bool {
        self.architecture.has_residual_generator() && self.generator_width >= GROUP && width >= self.generator_width
    }

    /// Whether networks of this width can be built: the inner channels of every block have to fall into groups of equal size, in
    /// wide networks of 16.
    pub(crate) fn has_residual_groups(&self, width: usize, resolution: Resolution) -> bool {
        let widths = self.residual_widths(width, resolution);
        let is_whole = width < GROUP || (EXPANSION * width).is_multiple_of(GROUP);
        is_whole && widths.into_iter().all(|width| (EXPANSION * width).is_multiple_of(groups(width)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_double_below_the_narrow_resolutions() {
        let widths = |narrow_stages, resolution: usize| {
            let model = ModelConfig { narrow_stages, ..ModelConfig::default() };
            model.residual_widths(48, resolution.into())
        };
        assert_eq!(widths(1, 32), [48, 96, 96, 96]);
        assert_eq!(widths(2, 64), [48, 48, 96, 96, 96], "the networks of 32 pixels and a stage more");
        assert_eq!(widths(6, 32), [48; 4]);
    }

    #[test]
    fn groups_of_unequal_size_are_told() {
        let refused = |width: &usize| !ModelConfig::default().has_residual_groups(*width, 32.into());
        assert_eq!(
            (1..=32).filter(refused).collect::<Vec<_>>(),
            [13, 14, 17, 18, 19, 20, 21, 22, 23, 25, 26, 27, 28, 29, 30, 31]
        );
    }
}
