//! R1 and R2 and their weight gradients, against double backward in float64.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use whelp::config::{Loss, Norm};
use whelp::losses::{discriminator_loss, generator_loss, input_gradient, penalty, squared_norms};
use whelp::models::dcgan::DiscriminatorConfig;
use whelp::models::r3gan::R3ganConfig;
use whelp::ops::{Dropout, Dual};
use whelp::weights;

use super::file::{Golden, read};

/// The discriminator of R3GAN.
pub async fn r1_r2(golden: &Golden, device: &Device) {
    let count = |prefix: &dyn Fn(usize) -> String| {
        (0..).take_while(|i| golden.names().iter().any(|name| name.starts_with(&prefix(*i)))).count()
    };
    let stages = count(&|i| format!("w.stage{i}."));
    let config = R3ganConfig {
        widths: vec![golden.number("/channels") as usize; stages],
        base: [4, 4],
        blocks: count(&|i| format!("w.stage0.block{i}.")),
        latent: 1,
        channels: golden.shape("x_real")[1],
        classes: 0,
        minibatch_stddev: false,
    };
    let network = config.init_discriminator(&device.clone().autodiff());
    check(golden, device, network, r3gan_name, |network, image| network.forward(image, None)).await;
}

/// `stages.0.blocks.1.conv2.bias` is `stage0.block1.bias2` there.
fn r3gan_name(path: &str) -> String {
    let name = path.replace("stages.", "stage").replace("blocks.", "block");
    match name.strip_suffix(".bias").and_then(|head| head.rsplit_once(".conv")) {
        Some((head, index)) => format!("{head}.bias{index}"),
        None => match name.as_str() {
            "last.depthwise" => "final.depthwise.weight".to_owned(),
            "last.linear.weight" => "final.linear.weight".to_owned(),
            _ => name,
        },
    }
}

/// The discriminator of DCGAN without batch norm.
pub async fn r1_dcgan_nobn(golden: &Golden, device: &Device) {
    let shape = golden.shape("x_real");
    let config = DiscriminatorConfig {
        width: golden.number("/nf") as usize,
        channels: shape[1],
        resolution: shape[2],
        norm: Norm::None,
        minibatch_stddev: false,
    };
    let network = config.init(&device.clone().autodiff());
    let name = |path: &str| path.replace("blocks.", "conv").replace(".conv.", ".");
    check(golden, device, network, name, |network, image| network.forward(image, &mut Dropout::off())).await;
}

async fn check<M: Module>(
    golden: &Golden,
    device: &Device,
    network: M,
    golden_name: impl Fn(&str) -> String,
    forward: impl Fn(&M, Dual<4>) -> Dual<2>,
) {
    let device = device.clone().inner();
    let network = weights::replace(network, |path, shape, _| {
        let name = format!("w.{}", golden_name(path));
        let values = golden.values(&name);
        assert_eq!(values.len(), shape.iter().product::<usize>(), "{name}");
        let count = values.len();
        Some(Tensor::from_data(TensorData::new(values, [count]), &device))
    });
    let discriminate =
        |network: &M, image: Dual<4>| forward(network, image).linear(|logits| logits.squeeze_dim::<1>(1));
    let gamma = golden.number("/gamma");
    let frozen = network.clone().no_grad();

    let mut moving = Vec::new();
    for (kind, ratio) in [("real", "r1"), ("fake", "r2")] {
        let image = golden.tensor::<4>(&format!("x_{kind}"), &device);
        let gradient = input_gradient(image.clone(), |image| discriminate(&frozen, image.into()).value);
        golden.compare(&format!("grad_x_{kind}"), gradient.clone()).await;
        let norms = squared_norms(gradient.clone());
        golden.compare(&format!("{ratio}_per_sample"), norms.clone()).await;
        golden.compare(ratio, norms.mean()).await;
        moving.push(Dual::moving(image.autodiff(), gradient.autodiff()));
    }
    let directional = |images: &Dual<4>| {
        let Dual { value, tangent } = discriminate(&network, images.clone());
        (value, tangent.expect("the pictures are moving"))
    };

    let (_, tangent) = directional(&moving[0]);
    check_gradients(golden, "grad_r1", &network, penalty(gamma, tangent).backward(), &golden_name).await;

    let ((real, tangent_real), (fake, tangent_fake)) = (directional(&moving[0]), directional(&moving[1]));
    golden.compare("d_real", real.clone()).await;
    golden.compare("d_fake", fake.clone()).await;
    let loss_d = discriminator_loss(Loss::Relativistic, 0.0, real.clone(), fake.clone());
    golden.compare("loss_d", loss_d.clone()).await;
    golden.compare("loss_g", generator_loss(Loss::Relativistic, real, fake)).await;
    // The surrogate's value is twice the penalty's.
    let surplus = (tangent_real.clone() + tangent_fake.clone()).mean() * (gamma / 2.0);
    let total = loss_d + penalty(gamma, tangent_real) + penalty(gamma, tangent_fake);
    golden.compare("loss_total", total.clone() - surplus).await;
    check_gradients(golden, "grad_total", &network, total.backward(), &golden_name).await;
}

async fn check_gradients<M: Module>(
    golden: &Golden,
    prefix: &str,
    network: &M,
    mut gradients: burn::tensor::Gradients,
    golden_name: impl Fn(&str) -> String,
) {
    let found = weights::take_gradients(network, &mut gradients);
    let parameters = weights::collect(network);
    assert_eq!(parameters.len(), golden.names().iter().filter(|name| name.starts_with(&format!("{prefix}."))).count());
    for parameter in parameters {
        let count = parameter.shape.iter().product();
        // Where a loss does not depend on a parameter, there is no gradient.
        let gradient = match found.get(&parameter.name) {
            Some(gradient) => read(gradient.clone()).await,
            None => vec![0.0; count],
        };
        golden.check(&format!("{prefix}.{}", golden_name(&parameter.name)), &gradient);
    }
}
