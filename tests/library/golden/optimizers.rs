//! Adam and the weight average, step by step.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use whelp::train::{Adam, AdamConfig, Ema, ema_beta};
use whelp::weights;

use super::file::{Golden, values};
use super::on_devices;

on_devices! {
    adam_matches => golden_adam_on_the_cpu, golden_adam_on_a_gpu;
    ema_matches => golden_ema_on_the_cpu, golden_ema_on_a_gpu;
}

/// Parameters of any shape, flattened: neither rule looks at shapes.
#[derive(Module, Debug)]
struct Parameters {
    param: Vec<Param<Tensor<1>>>,
}

fn parameters(initial: impl Iterator<Item = Vec<f32>>, device: &Device) -> Parameters {
    let param = |values: Vec<f32>| {
        let count = values.len();
        Param::from_tensor(Tensor::from_data(TensorData::new(values, [count]), device).require_grad())
    };
    Parameters { param: initial.map(param).collect() }
}

fn adam_matches(device: &Device) {
    for golden in Golden::load_all("adam_") {
        let device = device.clone().autodiff();
        let count = (0..).take_while(|i| golden.has(&format!("param{i}.init"))).count();
        let init = (0..count).map(|i| golden.values(&format!("param{i}.init")));
        let mut module = parameters(init, &device);
        let config = AdamConfig {
            lr: golden.number("/lr"),
            beta1: golden.number("/beta1"),
            beta2: golden.number("/beta2"),
            eps: golden.number("/eps"),
        };
        let mut adam = Adam::new(config);
        let steps = golden.number("/steps") as usize;
        let mut after = vec![Vec::new(); count];
        for step in 0..steps {
            // The gradient of sum(p * g) by p is g.
            let products = module.param.iter().enumerate().map(|(i, param)| {
                let grads = golden.values(&format!("param{i}.grads"));
                let size = grads.len() / steps;
                let grad = TensorData::new(grads[step * size..(step + 1) * size].to_vec(), [size]);
                (param.val() * Tensor::from_data(grad, &device)).sum()
            });
            let gradients = products.reduce(|a, b| a + b).unwrap().backward();
            module = adam.step(module, gradients, None);
            for (param, after) in module.param.iter().zip(&mut after) {
                after.extend(values(param.val()));
            }
        }
        let (m, v) = adam.state();
        for (i, after) in after.iter().enumerate() {
            golden.check(&format!("param{i}.after"), after);
            let named = |tensors: &[weights::DeviceTensor]| {
                let own = tensors.iter().find(|tensor| tensor.name == format!("param.{i}")).unwrap();
                values(own.values.clone())
            };
            golden.check(&format!("param{i}.exp_avg"), &named(&m));
            golden.check(&format!("param{i}.exp_avg_sq"), &named(&v));
        }
    }
}

fn ema_matches(device: &Device) {
    for golden in Golden::load_all("ema") {
        let device = device.clone().autodiff();
        let beta = ema_beta(golden.number("/batch") as usize, golden.number("/ema_nimg"));
        golden.check("beta", &[beta as f32]);
        let mut ema = Ema::new(&parameters([golden.values("ema_init")].into_iter(), &device));
        let size = golden.shape("ema_init")[0];
        let mut after = Vec::new();
        for live in golden.values("params").chunks_exact(size) {
            ema.update(&parameters([live.to_vec()].into_iter(), &device), beta);
            after.extend(values(ema.module().param[0].val()));
        }
        golden.check("ema_after", &after);
    }
}
