//! Adversarial losses: values and gradients on ordinary and on extreme logits.

use burn::tensor::{Device, Tensor};
use whelp::config::Loss;
use whelp::losses::{discriminator_loss, generator_loss};

use super::file::{Golden, values};
use super::on_devices;

on_devices! {
    losses_match => golden_losses_on_the_cpu, golden_losses_on_a_gpu;
}

/// The file's name of a loss, ours, and the label smoothing it stands for.
const LOSSES: [(&str, Loss, f64); 7] = [
    ("bce", Loss::Bce, 0.0),
    ("bce_smooth", Loss::Bce, 0.1),
    ("hinge", Loss::Hinge, 0.0),
    ("wasserstein", Loss::Wasserstein, 0.0),
    ("lsgan", Loss::Lsgan, 0.0),
    ("relativistic", Loss::Relativistic, 0.0),
    ("relativistic_avg", Loss::RelativisticAvg, 0.0),
];

fn losses_match(device: &Device) {
    for golden in Golden::load_all("losses") {
        let listed: Vec<String> = serde_json::from_value(golden.case["losses"].clone()).unwrap();
        for name in listed {
            let (_, loss, smoothing) = LOSSES.iter().find(|(known, ..)| *known == name).expect("a loss of ours");
            check(&golden, device, &format!("{name}.loss_d"), |real, fake| {
                discriminator_loss(*loss, *smoothing, real, fake)
            });
            check(&golden, device, &format!("{name}.loss_g"), |real, fake| generator_loss(*loss, real, fake));
        }
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
