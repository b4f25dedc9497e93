//! The network that judges pictures, against the code that trained it.

use burn::tensor::Device;
use whelp::features::Cifar10;
use whelp::ops::from_pixels;

use super::file::Golden;
use super::on_devices;
use crate::features::CIFAR10_WEIGHTS;

on_devices! {
    cifar10_features_match => golden_cifar10_features_on_the_cpu, golden_cifar10_features_on_a_gpu;
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
