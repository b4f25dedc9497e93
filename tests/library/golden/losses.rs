//! Adversarial losses: values and gradients on ordinary and on extreme logits.

use burn::tensor::{Device, Tensor};
use whelp::losses::{discriminator_bce, generator_bce};

use super::file::{Golden, values};
use super::on_devices;

on_devices! {
    bce_matches => golden_losses_bce_on_the_cpu, golden_losses_bce_on_a_gpu;
}

fn bce_matches(device: &Device) {
    for golden in Golden::load_all("losses") {
        check(&golden, device, "bce.loss_d", |real, fake| {
            let (loss_real, loss_fake) = discriminator_bce(real, fake);
            loss_real + loss_fake
        });
        check(&golden, device, "bce.loss_g", |_, fake| generator_bce(fake));
    }
}

fn check(golden: &Golden, device: &Device, name: &str, loss: impl Fn(Tensor<1>, Tensor<1>) -> Tensor<1>) {
    let device = device.clone().autodiff();
    let real = golden.tensor::<1>("real", &device).require_grad();
    let fake = golden.tensor::<1>("fake", &device).require_grad();
    let loss = loss(real.clone(), fake.clone());
    golden.check_tensor(name, loss.clone());
    let gradients = loss.backward();
    for (part, logits) in [("real", real), ("fake", fake)] {
        // No gradient at all where the loss does not look.
        let zero = || vec![0.0; logits.dims()[0]];
        let gradient = logits.grad(&gradients).map_or_else(zero, values);
        golden.check(&format!("{name}.grad_{part}"), &gradient);
    }
}
