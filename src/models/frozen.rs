//! Networks that are used but never trained.

use std::fmt;
use std::ops::Deref;

use burn::module::{Content, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor};
use burn::tensor::{Device, Tensor};

use crate::weights::{self, DeviceTensor};

/// A part of a network whose weights stay as they are, such as a pretrained backbone in a discriminator.
///
/// Its weights are constants: no gradient is computed for them, while gradients flow through it to its input. It is in
/// inference mode wherever it stands, so its batch norms normalise by their running statistics and don't move them.
/// Visitors and mappers don't see it, so it is not trained, averaged, counted or saved, and freshly drawn weights are not
/// put into it. Whoever makes the network puts its weights there with [`Frozen::replace`].
#[derive(Clone, Debug)]
pub struct Frozen<M: Module>(M);

impl<M: Module> Frozen<M> {
    /// Freezes a module as it is.
    pub fn new(module: &M) -> Self {
        Self(module.valid())
    }

    /// Its tensors by path below it, buffers included.
    pub fn tensors(&self) -> Vec<DeviceTensor> {
        weights::collect(&self.0)
    }

    /// Replaces its tensors, as [`weights::replace`] does.
    #[must_use]
    pub fn replace(self, mut replace: impl FnMut(&str, &[usize], &Tensor<1>) -> Option<Tensor<1>>) -> Self {
        // Whatever is put in becomes a constant.
        let constant =
            |name: &str, shape: &[usize], old: &Tensor<1>| replace(name, shape, old).map(Tensor::without_autodiff);
        Self(weights::replace(self.0, constant))
    }
}

impl<M: Module> Deref for Frozen<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.0
    }
}

impl<M: Module> Module for Frozen<M> {
    fn collect_devices(&self, devices: Vec<Device>) -> Vec<Device> {
        self.0.collect_devices(devices)
    }

    fn fork(self, device: &Device) -> Self {
        Self(self.0.fork(&device.clone().inner()))
    }

    fn to_device(self, device: &Device) -> Self {
        Self(self.0.to_device(&device.clone().inner()))
    }

    fn visit<V: ModuleVisitor>(&self, _visitor: &mut V) {}

    fn map<P: ModuleMapper>(self, _mapper: &mut P) -> Self {
        self
    }

    fn materialize(self) -> Self {
        self
    }

    fn valid(&self) -> Self {
        self.clone()
    }

    fn train(self) -> Self {
        self
    }
}

impl<M: Module> fmt::Display for Frozen<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Frozen")
    }
}

impl<M: Module> ModuleDisplayDefault for Frozen<M> {
    fn content(&self, content: Content) -> Option<Content> {
        content.add_formatted(&"Frozen".to_owned()).optional()
    }
}

impl<M: Module> ModuleDisplay for Frozen<M> {}

#[cfg(test)]
mod tests {
    use burn::module::Param;
    use burn::tensor::TensorData;
    use futures_lite::future::block_on;

    use super::*;
    use crate::models::{BatchNorm, Scheme, initialize};
    use crate::ops::{Conv, Dual};
    use crate::random::{Random, Stream};
    use crate::train::{Adam, AdamConfig, Ema};

    /// A feature network that must not change: a convolution, a batch norm.
    #[derive(Module, Debug)]
    struct Features {
        conv: Conv,
        norm: BatchNorm,
    }

    impl Features {
        fn new(device: &Device) -> Self {
            Self { conv: Conv::new([3, 4], 3, device).with_bias(), norm: BatchNorm::new(4, device) }
        }

        fn forward(&self, x: Dual<4>) -> Tensor<4> {
            self.norm.forward(self.conv.forward_leaky_relu(x, 0.2).value)
        }
    }

    /// Trained before and behind the features.
    #[derive(Module, Debug)]
    struct Toy {
        first: Conv,
        features: Frozen<Features>,
        norm: BatchNorm,
        last: Conv,
    }

    impl Toy {
        fn new(device: &Device) -> Self {
            let (features, _) = initialize(Features::new(device), Scheme::LeakyRelu, 1, 0);
            let toy = Self {
                first: Conv::new([3, 3], 1, device).with_bias(),
                features: Frozen::new(&features),
                norm: BatchNorm::new(4, device),
                last: Conv::new([4, 1], 1, device),
            };
            initialize(toy, Scheme::LeakyRelu, 2, 0).0
        }

        fn forward(&self, x: Tensor<4>) -> Tensor<4> {
            let features = self.features.forward(self.first.forward(x.into()));
            self.last.forward(self.norm.forward(features).into()).value
        }
    }

    fn bits(tensors: Vec<DeviceTensor>) -> Vec<(String, Vec<u32>)> {
        let tensors = block_on(weights::read_back(tensors)).unwrap();
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect();
        tensors.into_iter().map(|tensor| (tensor.name, bits(tensor.values))).collect()
    }

    fn pictures(position: u64, device: &Device) -> Tensor<4> {
        let values = Random::new(3, Stream::Data, position).normals(2 * 3 * 8 * 8);
        Tensor::from_data(TensorData::new(values, [2, 3, 8, 8]), device)
    }

    /// As a trainer does: gradients, Adam, the average.
    fn train(mut toy: Toy, steps: u64, device: &Device) -> (Toy, Adam, Ema<Toy>) {
        let mut adam = Adam::new(AdamConfig { lr: 1e-2, beta1: 0.5, beta2: 0.99, eps: 1e-8 });
        let mut ema = Ema::new(&toy);
        for step in 0..steps {
            let loss = (toy.forward(pictures(step, device)) - 1.0).square().mean();
            toy = adam.step(toy, loss.backward(), Some(1.0));
            ema.update(&toy, 0.9);
        }
        (toy, adam, ema)
    }

    #[test]
    fn a_frozen_part_is_not_trained_averaged_saved_or_counted() {
        let device = crate::device::cpu().autodiff();
        let before = Toy::new(&device);
        let features = bits(before.features.tensors());
        assert_eq!(features.len(), 6, "weight, bias, gamma, beta and two buffers");
        assert!(features[0].1.iter().any(|bits| *bits != 0), "its weights are not the zeros of a new network");
        let trained = bits(weights::collect(&before));

        let (after, adam, ema) = train(before, 20, &device);
        assert_eq!(bits(after.features.tensors()), features, "bit for bit, running statistics included");
        assert_eq!(bits(ema.module().features.tensors()), features);
        let names = |tensors: &[(String, Vec<u32>)]| tensors.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let own = [
            "first.weight",
            "first.bias",
            "norm.gamma",
            "norm.beta",
            "norm.running_mean",
            "norm.running_var",
            "last.weight",
        ];
        let (saved, averaged) = (bits(weights::collect(&after)), bits(weights::collect(ema.module())));
        assert_eq!(
            (names(&saved), names(&averaged)),
            (own.map(str::to_owned).to_vec(), own.map(str::to_owned).to_vec())
        );
        for ((name, after), (_, before)) in saved.iter().zip(&trained) {
            assert_ne!(after, before, "{name} is trained, on both sides of the frozen part");
        }
        let moments = adam.state().0.into_iter().map(|moment| moment.name).collect::<Vec<_>>();
        assert_eq!(moments, ["first.bias", "first.weight", "last.weight", "norm.beta", "norm.gamma"]);
        let (first, norm, last) = (3 * 3 + 3, 4 + 4, 4);
        assert_eq!(weights::count_parameters(&after), first + norm + last);
        assert_eq!(Module::num_params(&after), first + norm + 8 + last, "burn counts buffers");
    }

    #[test]
    fn gradients_flow_through_a_frozen_part_and_not_into_it() {
        let device = crate::device::cpu().autodiff();
        let toy = Toy::new(&device);
        let input = pictures(0, &device).require_grad();
        let mut gradients = toy.forward(input.clone()).square().sum().backward();
        let of_input = input.grad(&gradients).unwrap();
        assert!(of_input.abs().sum().into_scalar::<f32>() > 0.0);
        assert_eq!(weights::take_gradients(&toy, &mut gradients).len(), 5);
        // No graph holds its weights, which are not even on the autodiff device.
        let weight = Param::val(&toy.features.conv.weight);
        assert!(!weight.is_autodiff() && weight.grad(&gradients).is_none());
    }

    #[test]
    fn its_gradient_is_that_of_the_same_network_in_inference_mode() {
        let device = crate::device::cpu().autodiff();
        let (features, _) = initialize(Features::new(&device), Scheme::LeakyRelu, 1, 0);
        let frozen = Frozen::new(&features);
        let gradient = |forward: &dyn Fn(Tensor<4>) -> Tensor<4>| -> Vec<f32> {
            let input = pictures(0, &device).require_grad();
            let gradients = forward(input.clone()).square().sum().backward();
            input.grad(&gradients).unwrap().into_data().try_into_vec().unwrap()
        };
        let got = gradient(&|x| frozen.forward(x.into()));
        let want =
            gradient(&|x| features.norm.forward_inference(features.conv.forward_leaky_relu(x.into(), 0.2).value));
        assert_eq!(got, want);
    }

    #[test]
    fn weights_are_put_into_a_frozen_part_explicitly() {
        let device = crate::device::cpu().autodiff();
        let toy = Toy::new(&device);
        let untouched = weights::replace(toy, |_, _, old| Some(old.clone() * 0.0));
        let before = bits(untouched.features.tensors());
        assert!(before[0].1.iter().any(|bits| *bits != 0), "what is put into the network passes it by");
        let ones = untouched.features.replace(|name, _, old| (name == "conv.bias").then(|| old.ones_like()));
        let after = bits(ones.tensors());
        let changed: Vec<_> = after.iter().zip(&before).filter(|(a, b)| a != b).map(|((name, _), _)| name).collect();
        assert_eq!(changed, ["conv.bias"]);
    }
}
