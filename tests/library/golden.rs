//! The maths against PyTorch's numbers, computed in float64: `tests/golden`, or the folder that `WHELP_GOLDEN_DIR` names.
//!
//! Sizes come from the tensors, and hyper-parameters from each file's `case`: the same tests run on files with other
//! seeds and sizes.

mod augment;
mod batch_norm;
pub mod checks;
mod features;
mod file;
mod losses;
mod metrics;
mod optimizers;
mod resize;
mod training;

/// Makes two tests of one check: on the CPU and on a GPU.
macro_rules! on_devices {
    ($($check:ident => $cpu:ident, $gpu:ident;)*) => {$(
        #[test]
        fn $cpu() {
            $check(&crate::support::cpu().device);
        }

        #[test]
        fn $gpu() {
            if let Some(gpu) = crate::support::gpu() {
                $check(&gpu.device);
            }
        }
    )*};
}
pub(crate) use on_devices;

use burn::tensor::Device;
use checks::{convolutions, penalties, projected, r3gan};
use file::Golden;
use futures_lite::future::block_on;

on_devices! {
    conv2d_matches => golden_conv2d_on_the_cpu, golden_conv2d_on_a_gpu;
    conv_transpose2d_matches => golden_conv_transpose2d_on_the_cpu, golden_conv_transpose2d_on_a_gpu;
    r1_r2_matches => golden_r1_r2_on_the_cpu, golden_r1_r2_on_a_gpu;
    r1_dcgan_nobn_matches => golden_r1_dcgan_nobn_on_the_cpu, golden_r1_dcgan_nobn_on_a_gpu;
    r3gan_steps_match => golden_r3gan_steps_on_the_cpu, golden_r3gan_steps_on_a_gpu;
    lite0_taps_match => golden_lite0_taps_on_the_cpu, golden_lite0_taps_on_a_gpu;
    projected_mix_matches => golden_projected_mix_on_the_cpu, golden_projected_mix_on_a_gpu;
    projected_steps_match => golden_projected_steps_on_the_cpu, golden_projected_steps_on_a_gpu;
    projected_heads_match => golden_projected_heads_on_the_cpu, golden_projected_heads_on_a_gpu;
}

fn conv2d_matches(device: &Device) {
    Golden::load_all("conv2d_").iter().for_each(|golden| block_on(convolutions::conv2d(golden, device)));
}

fn conv_transpose2d_matches(device: &Device) {
    let goldens = Golden::load_all("conv_transpose2d_");
    goldens.iter().for_each(|golden| block_on(convolutions::conv_transposed2d(golden, device)));
}

fn r1_r2_matches(device: &Device) {
    Golden::load_all("r1_r2").iter().for_each(|golden| block_on(penalties::r1_r2(golden, device)));
}

fn r1_dcgan_nobn_matches(device: &Device) {
    Golden::load_all("r1_dcgan_nobn").iter().for_each(|golden| block_on(penalties::r1_dcgan_nobn(golden, device)));
}

fn lite0_taps_match(device: &Device) {
    let Some(weights) = crate::support::lite0() else { return };
    let goldens = Golden::load_all_if_known("lite0_taps");
    goldens.iter().for_each(|golden| block_on(projected::taps(golden, &weights, device)));
}

fn projected_steps_match(device: &Device) {
    let Some(weights) = crate::support::lite0() else { return };
    let goldens = Golden::load_all_if_known("projected_step");
    goldens.iter().for_each(|golden| block_on(projected::steps(golden, &weights, device)));
}

fn projected_mix_matches(device: &Device) {
    let goldens = Golden::load_all_if_known("projected_mix");
    goldens.iter().for_each(|golden| block_on(projected::mixing(golden, device)));
}

fn projected_heads_match(device: &Device) {
    let goldens = Golden::load_all_if_known("projected_heads");
    goldens.iter().for_each(|golden| block_on(projected::heads(golden, device)));
}

fn r3gan_steps_match(device: &Device) {
    Golden::load_all_if_known("r3gan_step").iter().for_each(|golden| block_on(r3gan::steps(golden, device)));
}

/// As [`Golden::load_all_if_known`].
pub fn load_all_if_known(prefix: &str) -> Vec<Golden> {
    Golden::load_all_if_known(prefix)
}
