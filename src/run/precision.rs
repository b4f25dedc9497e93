//! In which precision a run convolves: as it is asked to, or as a trial on its device shows.

use burn::tensor::{Device, Tensor, TensorData};

use super::RunError;
use crate::config::Precision;
use crate::device::{DeviceError, OpenDevice, read_values};
use crate::ops::{Convolution, conv2d, halved, in_half};
use crate::platform::Instant;
use crate::random::{Random, Stream};

/// How many times as fast half precision has to be, so that a trial's noise does not decide.
const WORTHWHILE: f64 = 1.05;

/// How far a sum in half precision may be from the one in full, as a share of the largest of its kind. Two factors that were
/// rounded to 11 bits are off by a thousandth.
const TOLERANCE: f32 = 1e-2;

/// Refuses half precision where it can't be had.
///
/// # Errors
/// [`RunError::Data`] if it is asked for, and the graphics device lacks numbers of 16 bits, or there are several devices.
pub(super) fn check(wanted: Precision, device: &OpenDevice) -> Result<(), RunError> {
    if wanted != Precision::Half || device.is_cpu() {
        return Ok(());
    }
    match refusal(device.has_half(), device.count(), &device.description) {
        Some(reason) => Err(RunError::Data { reason }),
        None => Ok(()),
    }
}

/// Why graphics devices don't convolve in half precision, if they don't.
fn refusal(has_half: bool, devices: usize, name: &str) -> Option<String> {
    let lack = match (devices, has_half) {
        (2.., _) => "works on one device at a time".to_owned(),
        (_, false) => format!("needs a device that computes with 16 bits (shader-f16), and {name} doesn't"),
        (_, true) => return None,
    };
    Some(format!("train.precision=half {lack}. Set it to auto or full"))
}

/// Whether convolutions are to be in half precision: the words for it, beside the name of the device. [`check`] has passed.
///
/// # Errors
/// [`DeviceError`] if the device failed.
pub(super) async fn choose(wanted: Precision, device: &OpenDevice) -> Result<Option<String>, DeviceError> {
    let words = "16-bit convolutions";
    match wanted {
        Precision::Half => Ok((!device.is_cpu()).then(|| words.to_owned())),
        Precision::Full => Ok(None),
        // What is emulated converts every number, which costs more than it saves.
        Precision::Auto if device.is_software || device.count() > 1 || !device.has_half() => Ok(None),
        Precision::Auto => {
            let full = trial(false, &device.device).await?;
            // What a device says it can, its driver may refuse.
            let Ok(half) = trial(true, &device.device).await else { return Ok(None) };
            let gain = full.secs / half.secs.max(1e-9);
            let is_better = gain >= WORTHWHILE && half.is_near(&full);
            Ok(is_better.then(|| format!("{words}, {gain:.1} times as fast")))
        }
    }
}

/// What passes through a convolution took, and gave.
struct Trial {
    secs: f64,
    /// Some of the output and of the gradient of the input, and the gradient of the weight.
    sums: Vec<Vec<f32>>,
}

impl Trial {
    fn is_near(&self, exact: &Self) -> bool {
        self.sums.iter().zip(&exact.sums).all(|(sums, exact)| {
            let largest = exact.iter().fold(0_f32, |largest, value| largest.max(value.abs()));
            sums.iter().zip(exact).all(|(sum, exact)| (sum - exact).abs() <= TOLERANCE * largest)
        })
    }
}

/// Passes through a convolution as in the middle of a network, forwards and backwards.
async fn trial(is_half: bool, device: &Device) -> Result<Trial, DeviceError> {
    const PASSES: usize = 4;
    const INPUT: [usize; 4] = [16, 64, 32, 32];
    const WEIGHT: [usize; 4] = [64, 64, 3, 3];
    const CONVOLUTION: Convolution = Convolution { stride: 1, padding: 1, groups: 1 };
    let device = device.clone().autodiff();
    let tensor = |shape: [usize; 4], position| -> Tensor<4> {
        let values = Random::new(0, Stream::Init, position).normals(shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), &device).require_grad()
    };
    let (input, weight) = (tensor(INPUT, 0), tensor(WEIGHT, 1));
    let pass = || {
        let output = in_half(is_half, || conv2d(halved(input.clone()), halved(weight.clone()), None, CONVOLUTION));
        // The square makes the gradients depend on the output.
        let gradients = output.clone().square().sum().backward();
        let some = |tensor: Tensor<4>| tensor.without_autodiff().narrow(0, 0, 1).flatten::<1>(0, 3);
        let gradient = |of: &Tensor<4>| of.grad(&gradients).expect("a factor has a gradient");
        let of_weight = gradient(&weight).without_autodiff().flatten::<1>(0, 3);
        [some(output), some(gradient(&input)), of_weight]
    };
    // The first pass compiles the kernels.
    let sums = read_values(pass()).await?;
    let started = Instant::now();
    let mut last = pass();
    for _ in 1..PASSES {
        last = pass();
    }
    read_values(last).await?;
    Ok(Trial { secs: started.elapsed().as_secs_f64(), sums })
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use futures_lite::future::block_on;

    use super::*;
    use crate::device::{DeviceChoice, open};

    /// It computes as ever, and says nothing of it.
    #[test]
    fn the_cpu_ignores_the_setting() {
        let cpu = block_on(open(DeviceChoice::Cpu)).unwrap();
        for wanted in [Precision::Auto, Precision::Full, Precision::Half] {
            check(wanted, &cpu).unwrap();
            assert_eq!(block_on(choose(wanted, &cpu)).unwrap(), None);
        }
        let [full, half] = [false, true].map(|is_half| block_on(trial(is_half, &cpu.device)).unwrap());
        assert_eq!(full.sums, half.sums);
    }

    #[test]
    fn devices_without_it_refuse_it() {
        assert_eq!(refusal(true, 1, "card"), None);
        assert_eq!(
            refusal(false, 1, "card").unwrap(),
            "train.precision=half needs a device that computes with 16 bits (shader-f16), and card doesn't. Set it to auto or full"
        );
        assert!(refusal(true, 2, "cards").unwrap().contains("one device at a time"));
    }

    #[test]
    fn sums_are_near_or_not() {
        let trial = |value: f32| Trial { secs: 1.0, sums: vec![vec![4.0], vec![value, -100.0]] };
        assert!(trial(50.9).is_near(&trial(50.0)) && !trial(51.1).is_near(&trial(50.0)));
        assert!(!trial(f32::NAN).is_near(&trial(50.0)));
    }
}
