//! Differentiable augmentation with given factors: pictures and their gradients.

use burn::tensor::{Device, Tensor, TensorData};
use whelp::train::augment::{Factors, Geometry, brightness, contrast, cutout_mask, saturation};

use super::file::Golden;
use super::on_devices;

on_devices! {
    diffaugment_matches => golden_diffaugment_on_the_cpu, golden_diffaugment_on_a_gpu;
}

fn diffaugment_matches(device: &Device) {
    for golden in Golden::load_all("diffaugment") {
        let device = &device.clone().autodiff();
        let factor = |name: &str| golden.tensor::<1>(name, device);
        let pairs: Vec<(i64, i64)> =
            golden.integers("cutout_centre").chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        let half = [golden.number("/cutout_half_height") as i64, golden.number("/cutout_half_width") as i64];
        let shape = golden.shape("input");
        let mask = cutout_mask(&pairs, half, [shape[2], shape[3]], device);
        let shifts = golden.integers("translation");
        let column = |at: usize| {
            let values: Vec<f32> = shifts.chunks_exact(2).map(|pair| pair[at] as f32).collect();
            Tensor::<1>::from_data(TensorData::new(values, [pairs.len()]), device)
        };
        let geometry = Geometry::translation(column(0), column(1));
        let all = Factors {
            brightness: Some(factor("brightness")),
            saturation: Some(factor("saturation")),
            contrast: Some(factor("contrast")),
            geometry: Some(geometry.clone()),
            mask: Some(mask.clone()),
        };
        check(&golden, device, "brightness", |x| brightness(x, factor("brightness")));
        check(&golden, device, "saturation", |x| saturation(x, factor("saturation")));
        check(&golden, device, "contrast", |x| contrast(x, factor("contrast")));
        check(&golden, device, "translation", |x| geometry.apply(x));
        check(&golden, device, "cutout", |x| x * mask.clone());
        check(&golden, device, "composed", |x| all.apply(x.into()).value);
    }
}

fn check(golden: &Golden, device: &Device, name: &str, alter: impl Fn(Tensor<4>) -> Tensor<4>) {
    let input = golden.tensor::<4>("input", device).require_grad();
    let output = alter(input.clone());
    golden.check_tensor(&format!("{name}.output"), output.clone());
    let gradients = (output * golden.tensor::<4>("grad_output", device)).sum().backward();
    golden.check_tensor(&format!("{name}.grad_input"), input.grad(&gradients).unwrap());
}
