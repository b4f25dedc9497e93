//! Batch norm: outputs and every gradient.

use burn::module::Param;
use burn::tensor::Device;
use whelp::models::BatchNorm;
use whelp::weights;

use super::file::{Golden, values};
use super::on_devices;

on_devices! {
    batch_norm2d_matches => golden_batch_norm2d_on_the_cpu, golden_batch_norm2d_on_a_gpu;
}

fn batch_norm2d_matches(device: &Device) {
    for golden in Golden::load_all("batch_norm2d") {
        let device = device.clone().autodiff();
        assert_eq!((golden.number("/eps"), golden.number("/momentum")), (1e-5, 0.1), "BatchNorm's constants");
        let inner = device.clone().inner();
        let norm = BatchNorm::new(golden.shape("gamma")[0], &device);
        let norm = weights::replace(norm, |name, _, _| Some(golden.tensor::<1>(name, &inner)));
        let input = golden.tensor::<4>("input", &device).require_grad();
        let upstream = golden.tensor::<4>("grad_output", &device);

        let output = norm.forward(input.clone());
        golden.check_tensor("output_train", output.clone());
        let gradients = (output * upstream.clone()).sum().backward();
        golden.check_tensor("grad_input", input.grad(&gradients).unwrap());
        golden.check_tensor("grad_gamma", Param::val(&norm.gamma).grad(&gradients).unwrap());
        golden.check_tensor("grad_beta", Param::val(&norm.beta).grad(&gradients).unwrap());
        for buffer in weights::collect(&norm).iter().filter(|tensor| tensor.is_buffer) {
            golden.check(&format!("{}_after", buffer.name), &values(buffer.values.clone()));
        }

        // Inference mode: the running statistics, updated above, are constants.
        let input = golden.tensor::<4>("input", &device).require_grad();
        let output = norm.forward_inference(input.clone());
        golden.check_tensor("output_eval", output.clone());
        let gradients = (output * upstream).sum().backward();
        golden.check_tensor("grad_input_eval", input.grad(&gradients).unwrap());
    }
}
