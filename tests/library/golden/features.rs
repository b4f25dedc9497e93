//! The network that judges pictures, against the code that trained it; EfficientNet-Lite0 as a whole.

use burn::tensor::{Device, Tensor, TensorData};
use whelp::features::{Cifar10, PooledLite0};
use whelp::ops::from_pixels;

use super::file::{Golden, values};
use super::on_devices;
use crate::features::CIFAR10_WEIGHTS;
use crate::support::lite0;

on_devices! {
    cifar10_features_match => golden_cifar10_features_on_the_cpu, golden_cifar10_features_on_a_gpu;
    effnet_lite0_matches => golden_effnet_lite0_on_the_cpu, golden_effnet_lite0_on_a_gpu;
}

fn cifar10_features_match(device: &Device) {
    for golden in Golden::load_all_if_known("cifar10_features") {
        let network = Cifar10::new(CIFAR10_WEIGHTS, device).unwrap();
        let pixels: Vec<u8> = golden.values("pictures_u8").into_iter().map(|value| value as u8).collect();
        let shape: [usize; 4] = golden.shape("pictures_u8").try_into().unwrap();
        let features = network.features(from_pixels(&pixels, shape, device));
        golden.check_tensor("features", features.clone());
        golden.check_tensor("probabilities", network.probabilities(features));
    }
}

/// Height and width of what the network was trained on.
const SIDE: usize = PooledLite0::SIDE;

fn effnet_lite0_matches(device: &Device) {
    let Some(weights) = lite0() else { return };
    let network = PooledLite0::new(&[&weights], device).unwrap();
    for golden in Golden::load_all_if_known("effnet_lite0") {
        let [count, channels, height, _] = golden.shape("images_u8").try_into().unwrap();
        let pixels = golden.values("images_u8");
        let large: Vec<f32> = pixels.chunks_exact(height * height).flat_map(|plane| enlarged(plane, height)).collect();
        let input: Vec<f32> = large.iter().map(|value| (value - 127.0) / 128.0).collect();
        golden.check("network_input_photo0", &input[..channels * SIDE * SIDE]);
        // It takes pictures in [-1, 1].
        let pictures = large.iter().map(|value| value / 127.5 - 1.0).collect::<Vec<_>>();
        let pictures = Tensor::from_data(TensorData::new(pictures, [count, channels, SIDE, SIDE]), device);
        let features = network.features(pictures);
        golden.check_tensor("features", features.clone());
        let best = five_best(&values(network.probabilities(features)));
        assert_eq!(best.iter().map(|(class, _)| *class).collect::<Vec<_>>(), golden.integers("top5_index"));
        golden.check("top5_prob", &best.iter().map(|(_, probability)| *probability).collect::<Vec<_>>());
    }
}

/// The five most probable of ImageNet's classes of each picture, best first.
fn five_best(probabilities: &[f32]) -> Vec<(i64, f32)> {
    let of_picture = |probabilities: &[f32]| {
        let mut classes: Vec<(i64, f32)> = (0..).zip(probabilities.iter().copied()).collect();
        classes.sort_by(|a, b| b.1.total_cmp(&a.1));
        classes.truncate(5);
        classes
    };
    probabilities.chunks_exact(PooledLite0::CLASSES).flat_map(of_picture).collect()
}

/// A square enlarged to 224 pixels a side by Pillow's bicubic filter, without rounding to bytes.
fn enlarged(plane: &[f32], side: usize) -> Vec<f32> {
    let scale = side as f64 / SIDE as f64;
    assert!(scale <= 1.0, "the filter is not stretched here");
    let taps: Vec<Vec<(usize, f64)>> = (0..SIDE)
        .map(|to| {
            let center = (to as f64 + 0.5) * scale;
            let window = (center - 1.5).max(0.0) as usize..((center + 2.5) as usize).min(side);
            let weights: Vec<(usize, f64)> = window.map(|from| (from, cubic(from as f64 + 0.5 - center))).collect();
            let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
            weights.into_iter().map(|(from, weight)| (from, weight / sum)).collect()
        })
        .collect();
    let at = |y: usize, x: usize| f64::from(plane[y * side + x]);
    let narrow = |y: usize, to: usize| taps[to].iter().map(|(x, weight)| weight * at(y, *x)).sum::<f64>();
    let rows: Vec<Vec<f64>> = (0..side).map(|y| (0..SIDE).map(|to| narrow(y, to)).collect()).collect();
    let value = |y: usize, x: usize| taps[y].iter().map(|(from, weight)| weight * rows[*from][x]).sum::<f64>() as f32;
    (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (y, x))).map(|(y, x)| value(y, x)).collect()
}

/// Keys' cubic with a = -1/2.
fn cubic(x: f64) -> f64 {
    let x = x.abs();
    match x {
        _ if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        _ if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
        _ => 0.0,
    }
}
