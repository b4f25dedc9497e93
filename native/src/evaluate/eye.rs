//! What looks at pictures, and what it remembers of them.

use std::ops::Range;

use futures_lite::future::block_on;
use indicatif::ProgressBar;
use whelp::checkpoint::restore_sampler;
use whelp::config::Resolution;
use whelp::data::Filter;
use whelp::device::OpenDevice;
use whelp::features::{Cifar10, FeatureNetwork, NetworkChoice, Seen};
use whelp::metrics::{Looks, Rows, Sketch, THUMBNAIL_SIDE};
use whelp::sample::{Draw, Pictures};

use crate::assets::{CIFAR10_WEIGHTS, pooled_lite0};
use crate::failure::Failure;

use super::pictures::{Selection, Source, Subject};

/// A network that looks at pictures, and the device that it is on.
pub struct Eye {
    pub network: FeatureNetwork,
    device: OpenDevice,
    /// Resolution at which patches of pixels are compared.
    size: Resolution,
    seed: u64,
}

/// Gives a number of pictures from a first one on.
type Drawing<'a> = dyn Fn(usize, usize) -> Result<Pictures, Failure> + 'a;

/// What is remembered of pictures.
pub struct Looked {
    pub seen: Seen,
    /// Patches, for the sliced Wasserstein distance.
    pub sketch: Sketch,
    /// Thumbnails, to look for copies.
    thumbnails: Rows,
}

impl Eye {
    pub fn open(choice: NetworkChoice, device: OpenDevice, size: Resolution, seed: u64) -> Result<Self, Failure> {
        let network = match choice {
            NetworkChoice::Cifar10 => {
                // They are part of the program: whatever is wrong with them, no user can mend it.
                FeatureNetwork::Cifar10(Cifar10::new(CIFAR10_WEIGHTS, &device.device).map_err(Failure::fault)?)
            }
            NetworkChoice::Lite0 => {
                FeatureNetwork::Lite0(pooled_lite0(&device, "--network lite0", "choose --network cifar10")?)
            }
        };
        Ok(Self { network, device, size, seed })
    }

    /// Looks at what is to be evaluated.
    pub fn subject(&self, subject: &Subject, bar: &ProgressBar) -> Result<Looked, Failure> {
        self.in_chunks(subject.count(), bar, self.drawing(subject)?)
    }

    /// Looks at pictures of a data set.
    pub fn selection(&self, selection: &Selection, bar: &ProgressBar) -> Result<Looked, Failure> {
        self.in_chunks(selection.len(), bar, |first, count| selection.pictures(first..first + count))
    }

    /// Some of the pictures to evaluate, by their numbers.
    pub fn pictures(&self, subject: &Subject, numbers: &[usize]) -> Result<Pictures, Failure> {
        let draw = self.drawing(subject)?;
        let mut all = Pictures { resolution: Resolution::default(), channels: 0, pixels: Vec::new() };
        for number in numbers {
            let Pictures { resolution, channels, pixels } = draw(*number, 1)?;
            (all.resolution, all.channels) = (resolution, channels);
            all.pixels.extend(pixels);
        }
        Ok(all)
    }

    /// What gives a number of pictures from a first one on.
    fn drawing<'a>(&'a self, subject: &'a Subject) -> Result<Box<Drawing<'a>>, Failure> {
        Ok(match &subject.source {
            Source::Pictures(selection) => Box::new(|first, count| selection.pictures(first..first + count)),
            Source::Generator { checkpoint, seed, classes, .. } => {
                let sampler = restore_sampler(checkpoint, &self.device.device).map_err(Failure::input)?;
                Box::new(move |first, count| {
                    let specs = Draw { first, ..Draw::new(*seed, count) }.with_classes(classes);
                    block_on(sampler.draw_each(&specs, &self.device.device)).map_err(Failure::device)
                })
            }
        })
    }

    /// Looks at `count` pictures, which `pictures` gives from a first one on.
    fn in_chunks(
        &self,
        count: usize,
        bar: &ProgressBar,
        pictures: impl Fn(usize, usize) -> Result<Pictures, Failure>,
    ) -> Result<Looked, Failure> {
        let mut looked = Looked {
            seen: Seen::default(),
            sketch: Sketch::new(self.size, self.seed),
            thumbnails: Rows::new(3 * THUMBNAIL_SIDE * THUMBNAIL_SIDE),
        };
        let batch = self.network.batch();
        for first in (0..count).step_by(batch) {
            let chunk = batch.min(count - first);
            let pictures = pictures(first, chunk)?;
            let seen = block_on(self.network.look_at(&pictures, &self.device.device)).map_err(Failure::device)?;
            looked.seen.append(seen);
            let planes = pictures.rgb_planes(self.size, Filter::Lanczos);
            planes.chunks_exact(3 * self.size.pixels()).for_each(|planes| looked.sketch.add(planes));
            looked.thumbnails.extend(pictures.thumbnails());
            bar.inc(chunk as u64);
        }
        Ok(looked)
    }
}

impl Looked {
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Of the pictures with these numbers.
    pub fn range(&self, pictures: Range<usize>) -> Self {
        let patches = pictures.start.min(self.sketch.len())..pictures.end.min(self.sketch.len());
        self.part(pictures, patches)
    }

    /// The first and the second half of them. Patches are of fewer pictures, half of which are in each.
    pub fn halves(&self) -> [Self; 2] {
        let (half, patched) = (self.len() / 2, self.sketch.len() / 2);
        [self.part(0..half, 0..patched), self.part(half..self.len(), patched..2 * patched)]
    }

    /// Of the pictures with these numbers, and patches of those with others.
    fn part(&self, pictures: Range<usize>, patches: Range<usize>) -> Self {
        let numbers: Vec<u32> = pictures.map(|number| number as u32).collect();
        Self {
            seen: self.seen.select(&numbers),
            sketch: self.sketch.range(patches),
            thumbnails: self.thumbnails.select(&numbers),
        }
    }

    /// What copies are found by.
    pub fn looks(&self) -> Looks {
        let mut features = Rows::new(self.seen.matrix().columns());
        features.extend(self.seen.features());
        Looks { pixels: self.thumbnails.clone(), features }
    }
}
