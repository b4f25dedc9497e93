//! The resolution that pictures get if nobody chooses one: a square.

use serde::{Deserialize, Serialize};

use super::{Dataset, Preparation, Report, TILE};
use crate::config::Resolution;

/// How fast the device trains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speed {
    /// Not measured.
    #[default]
    Unknown,
    /// 64 pixels are enough for it.
    Slow,
    /// It trains at 128 pixels in reasonable time.
    Fast,
}

impl Speed {
    /// The resolution, in pixels, for pictures that are large enough.
    fn most(self) -> usize {
        match self {
            Self::Unknown | Self::Slow => 64,
            Self::Fast => 128,
        }
    }
}

/// A resolution that was chosen by the pictures and the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureSize {
    /// Width and height.
    pub resolution: Resolution,
    /// Which one and why, in a sentence.
    pub reason: String,
}

impl PictureSize {
    /// The one place that chooses: 64 pixels, or 128 on a fast device, but no more than nine of ten pictures have. So it is 32
    /// for the built-in dogs. A `report` without sizes limits nothing.
    pub fn of(report: &Report, speed: Speed) -> Self {
        let most = speed.most();
        let fits = report.fits.unwrap_or(usize::MAX);
        let resolution = most.min(fits);
        let next = 2 * resolution;
        let because = if fits < next {
            format!("because most of the pictures are too small for {next}")
        } else {
            match speed {
                Speed::Fast => "because this device is fast".to_owned(),
                Speed::Slow => format!("because {next} would take this device four times as long"),
                Speed::Unknown => {
                    format!("because {next} take four times the work; a fast graphics device gets {next}")
                }
            }
        };
        Self { resolution: resolution.into(), reason: format!("{resolution} pixels, {because}.") }
    }

    /// A resolution that someone has set; `by` ends the sentence "64 pixels, as … ".
    pub fn set(resolution: impl Into<Resolution>, by: &str) -> Self {
        let resolution = resolution.into();
        Self { resolution, reason: format!("{resolution} pixels, as {by}.") }
    }
}

/// Prepares pictures at the resolution that suits them: a first reading tells how large they are. If most of them are too small
/// for it, they are read again.
#[derive(Clone, Copy, Debug)]
pub struct Sizing {
    preparation: Preparation,
    speed: Speed,
    /// Whether flagged files are to be left out in the end. Not while the resolution may be too large: it would be too large for
    /// all of them, and nothing would be left.
    excludes_flagged: bool,
}

impl Sizing {
    /// For pictures that are prepared as `preparation` says, but for its resolution.
    pub fn new(preparation: Preparation, is_builtin: bool, speed: Speed) -> Self {
        // Small pictures are quickly read, so a first try that is too large costs little.
        let resolution = Resolution::square(if is_builtin { TILE } else { speed.most() });
        let excludes_flagged = preparation.exclude_flagged;
        Self { preparation: Preparation { resolution, exclude_flagged: false, ..preparation }, speed, excludes_flagged }
    }

    /// How to prepare the pictures in the next reading.
    pub fn preparation(&self) -> Preparation {
        self.preparation
    }

    /// The pictures and why they have this size; none if they have to be read again, prepared as
    /// [`Sizing::preparation`] now says.
    pub fn settle(&mut self, data: Dataset) -> Option<(Dataset, PictureSize)> {
        let report = data.report();
        let size = PictureSize::of(report, self.speed);
        let is_whole = self.excludes_flagged && !report.excludes_flagged && report.flagged_count > 0;
        let (resolution, exclude_flagged) = (size.resolution, self.excludes_flagged);
        self.preparation = Preparation { resolution, exclude_flagged, ..self.preparation };
        (data.resolution() == size.resolution && !is_whole).then_some((data, size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetBuilder;

    fn report(fits: Option<usize>) -> Report {
        Report { fits, ..Report::default() }
    }

    fn of(fits: usize, speed: Speed) -> (usize, String) {
        let PictureSize { resolution, reason } = PictureSize::of(&report(Some(fits)), speed);
        (resolution.width, reason)
    }

    #[test]
    fn own_pictures_get_what_they_and_the_device_allow_with_the_reason() {
        let too_small =
            |size: usize| format!("{size} pixels, because most of the pictures are too small for {}.", 2 * size);
        for speed in [Speed::Unknown, Speed::Slow, Speed::Fast] {
            assert_eq!(of(32, speed), (32, too_small(32)));
            assert_eq!(of(64, speed), (64, too_small(64)));
        }
        assert_eq!(of(128, Speed::Fast), (128, too_small(128)));
        assert_eq!(of(256, Speed::Fast), (128, "128 pixels, because this device is fast.".to_owned()));
        let slow = "64 pixels, because 128 would take this device four times as long.";
        assert_eq!(of(128, Speed::Slow), (64, slow.to_owned()));
        let unknown = "64 pixels, because 128 take four times the work; a fast graphics device gets 128.";
        assert_eq!(of(256, Speed::Unknown), (64, unknown.to_owned()));
        assert_eq!(
            PictureSize::of(&report(None), Speed::Slow).resolution,
            64.into(),
            "nothing is known of the pictures"
        );
        assert_eq!(PictureSize::set(28, "you chose").reason, "28 pixels, as you chose.");
    }

    fn read(preparation: Preparation, side: usize) -> Dataset {
        let mut builder = DatasetBuilder::new("pictures", preparation.resolution).of_side(side);
        builder.push("x", Ok(vec![0; 3 * preparation.resolution.pixels()]));
        builder.finish().unwrap()
    }

    /// Resolutions of the readings, and of the result.
    fn readings(is_builtin: bool, speed: Speed, side: usize) -> (Vec<usize>, usize) {
        let mut sizing = Sizing::new(Preparation::plain(32), is_builtin, speed);
        let mut readings = Vec::new();
        loop {
            let preparation = sizing.preparation();
            readings.push(preparation.resolution.width);
            if let Some((data, size)) = sizing.settle(read(preparation, side)) {
                assert_eq!(data.resolution(), size.resolution);
                return (readings, size.resolution.width);
            }
        }
    }

    #[test]
    fn only_pictures_that_are_too_small_are_read_twice() {
        assert_eq!(readings(true, Speed::Fast, 32), (vec![32], 32));
        assert_eq!(readings(false, Speed::Slow, 500), (vec![64], 64));
        assert_eq!(readings(false, Speed::Fast, 500), (vec![128], 128));
        assert_eq!(readings(false, Speed::Fast, 100), (vec![128, 64], 64));
        assert_eq!(readings(false, Speed::Unknown, 28), (vec![64, 32], 32));
    }
}
