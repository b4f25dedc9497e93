//! Differentiable augmentation with given factors: pictures and their gradients.

use burn::tensor::{Device, Tensor};
use whelp::ops::{Warp, Warps};
use whelp::train::augment::{Factors, on_device};

use super::file::{Golden, values};
use super::on_devices;

on_devices! {
    diffaugment_matches => golden_diffaugment_on_the_cpu, golden_diffaugment_on_a_gpu;
}

fn diffaugment_matches(device: &Device) {
    for golden in Golden::load_all("diffaugment") {
        let device = &device.clone().autodiff();
        let numbers = |name: &str| values(golden.tensor::<1>(name, device));
        let [brightness, saturation, contrast] = ["brightness", "saturation", "contrast"].map(numbers);
        let count = brightness.len();
        let colors = |is_on: [bool; 3]| {
            let picture = |at: usize| {
                let neutral = [0.0, 1.0, 1.0];
                let drawn = [brightness[at], saturation[at], contrast[at]];
                std::array::from_fn(|factor| if is_on[factor] { drawn[factor] } else { neutral[factor] })
            };
            Some(on_device::<3>(&(0..count).map(picture).collect::<Vec<_>>(), device))
        };
        let half = ["height", "width"].map(|side| golden.number(&format!("/cutout_half_{side}")) as f32);
        let pairs = |name: &str| -> Vec<[f32; 2]> {
            golden.integers(name).chunks_exact(2).map(|pair| [pair[0] as f32, pair[1] as f32]).collect()
        };
        let (shifts, centres) = (pairs("translation"), pairs("cutout_centre"));
        let warps = |is_moved: bool, is_cut: bool| {
            let warp = |(shift, cut): (&[f32; 2], &[f32; 2])| {
                let mut warp = Warp::NONE;
                if is_moved {
                    (warp.y_shift, warp.x_shift) = (shift[0], shift[1]);
                }
                if is_cut {
                    (warp.cut, warp.half) = (*cut, half);
                }
                warp
            };
            Some(Warps::new(&shifts.iter().zip(&centres).map(warp).collect::<Vec<_>>(), device))
        };
        let cases = [
            ("brightness", Factors { colors: colors([true, false, false]), warps: None }),
            ("saturation", Factors { colors: colors([false, true, false]), warps: None }),
            ("contrast", Factors { colors: colors([false, false, true]), warps: None }),
            ("translation", Factors { colors: None, warps: warps(true, false) }),
            ("cutout", Factors { colors: None, warps: warps(false, true) }),
            ("composed", Factors { colors: colors([true; 3]), warps: warps(true, true) }),
        ];
        for (name, factors) in cases {
            check(&golden, device, name, |x| factors.apply(x.into()).value);
        }
    }
}

fn check(golden: &Golden, device: &Device, name: &str, alter: impl Fn(Tensor<4>) -> Tensor<4>) {
    let input = golden.tensor::<4>("input", device).require_grad();
    let output = alter(input.clone());
    golden.check_tensor(&format!("{name}.output"), output.clone());
    let gradients = (output * golden.tensor::<4>("grad_output", device)).sum().backward();
    golden.check_tensor(&format!("{name}.grad_input"), input.grad(&gradients).unwrap());
}
