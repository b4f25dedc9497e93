//! The parts of a projected discriminator, against PyTorch in float64.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use whelp::config::{Architecture, Loss, RunConfig, Taps};
use whelp::data::PictureKind;
use whelp::features::Pretrained;
use whelp::features::lite0::{self, Lite0};
use whelp::losses::{discriminator_loss, generator_loss};
use whelp::models::layers::ConvKind;
use whelp::models::projected::{Head, HeadLayer, Mix, SpectralConv, top_down};
use whelp::models::{BatchNorm, Discriminator, Generator};
use whelp::train::Trainer;
use whelp::weights;

use super::file::Golden;
use super::r3gan::{batch, compare_after, load};

/// EfficientNet-Lite0's maps, and the gradient by the picture. `weights` are those before they are rounded to float16.
pub async fn taps(golden: &Golden, weights: &[u8], device: &Device) {
    let pretrained = Pretrained::read(lite0::NAME, &[weights]).unwrap();
    let taps: Vec<usize> = serde_json::from_value(golden.case["taps"].clone()).unwrap();
    assert_eq!(taps, lite0::blocks_of(Taps::Deep));
    let network = Lite0::new(Taps::Deep, &pretrained, device).unwrap();
    let x = golden.tensor::<4>("x", &device.clone().autodiff()).require_grad();
    let [_, _, side, _] = x.dims();
    let maps = network.forward(x.clone(), side.into());
    let mut total: Option<Tensor<1>> = None;
    for (tap, map) in taps.iter().zip(maps) {
        golden.compare(&format!("tap{tap}"), map.clone()).await;
        let product = (map * golden.tensor::<4>(&format!("grad_tap{tap}"), device).autodiff()).sum();
        total = Some(total.map_or(product.clone(), |total| total + product));
    }
    let gradients = total.unwrap().backward();
    golden.compare("grad_x", x.grad(&gradients).unwrap()).await;
}

/// The fixed random mixing, and its gradients by the maps.
pub async fn mixing(golden: &Golden, device: &Device) {
    let count = golden.number("/taps") as usize;
    let flat = |name: String| {
        let values = golden.values(&name);
        let count = values.len();
        Tensor::<1>::from_data(TensorData::new(values, [count]), device)
    };
    let mixing: Vec<Mix> = (0..count)
        .map(|i| {
            let [ccm, bias] = ["weight", "bias"].map(|part| flat(format!("ccm{i}.{part}")));
            Mix::from_weights(ccm, bias, flat(format!("csm{i}.weight")))
        })
        .collect();
    let map = |i| golden.tensor::<4>(&format!("map{i}"), &device.clone().autodiff()).require_grad();
    let maps: Vec<Tensor<4>> = (0..count).map(map).collect();
    let mut total: Option<Tensor<1>> = None;
    for (i, out) in top_down(&mixing, maps.clone()).into_iter().enumerate() {
        golden.compare(&format!("out{i}"), out.clone()).await;
        let product = (out * golden.tensor::<4>(&format!("grad_out{i}"), device).autodiff()).sum();
        total = Some(total.map_or(product.clone(), |total| total + product));
    }
    let gradients = total.unwrap().backward();
    for (i, map) in maps.iter().enumerate() {
        golden.compare(&format!("grad_map{i}"), map.grad(&gradients).unwrap()).await;
    }
}

/// Spectrally normalised heads: logits, losses, the gradients of both networks, the state of the power iterations.
pub async fn heads(golden: &Golden, device: &Device) {
    let device = device.clone().autodiff();
    let heads: Vec<Head> = (0..head_count(golden)).map(|i| head(golden, i, &device)).collect();
    let maps = |kind: &str| -> Vec<Tensor<4>> {
        (0..heads.len()).map(|i| golden.tensor(&format!("{kind}{i}"), &device)).collect()
    };
    let mut logits = Vec::new();
    for kind in ["real", "fake"] {
        let scored: Vec<Tensor<4>> = heads.iter().zip(maps(kind)).map(|(head, map)| head.forward(map)).collect();
        for (i, scored) in scored.iter().enumerate() {
            golden.compare(&format!("logits_{kind}{i}"), rows(scored.clone())).await;
        }
        logits.push(scored);
    }
    let [real, fake] = <[Vec<Tensor<4>>; 2]>::try_from(logits).unwrap();
    let losses =
        real.into_iter().zip(fake).map(|(real, fake)| discriminator_loss(Loss::Hinge, 0.0, flat(real), flat(fake)));
    let loss_d = losses.reduce(|a, b| a + b).unwrap() / heads.len() as f64;
    golden.compare("loss_d", loss_d.clone()).await;
    let mut gradients = loss_d.backward();
    for (i, head) in heads.iter().enumerate() {
        for (name, gradient) in weights::take_gradients(head, &mut gradients) {
            let name = format!("grad.{}", name_of(i, &name));
            golden.check(&name, &super::file::read(gradient).await);
        }
    }
    let fakes: Vec<Tensor<4>> = maps("fake").into_iter().map(Tensor::require_grad).collect();
    let losses = heads.iter().zip(&fakes).map(|(head, map)| {
        let logits = flat(head.clone().no_grad().forward(map.clone()));
        generator_loss(Loss::Hinge, logits.clone(), logits)
    });
    let loss_g = losses.reduce(|a, b| a + b).unwrap() / heads.len() as f64;
    golden.compare("loss_g", loss_g.clone()).await;
    let gradients = loss_g.backward();
    for (i, fake) in fakes.iter().enumerate() {
        golden.compare(&format!("grad_fake{i}"), fake.grad(&gradients).unwrap()).await;
    }
    for (i, head) in heads.iter().enumerate() {
        for tensor in weights::collect(head) {
            let name = name_of(i, &tensor.name);
            if name.starts_with("u.") || name.starts_with("v.") {
                let name = name.replacen('.', "_after.", 1);
                golden.check(&name, &super::file::read(tensor.values).await);
            }
        }
    }
}

/// Whole steps of the recipe, without augmentation; then all that training has changed. `weights` as for [`taps`].
pub async fn steps(golden: &Golden, weights: &[u8], device: &Device) {
    let device = device.clone().inner();
    let count = |key: &str| golden.number(&format!("/{key}")) as usize;
    let kind = PictureKind { channels: count("channels"), classes: 0 };
    let pretrained = Pretrained::read(lite0::NAME, &[weights]).unwrap();
    let mut config = RunConfig::default();
    config.data.resolution = count("image_size").into();
    config.model.architecture = Architecture::Projected;
    config.model.latent = count("nz");
    config.model.generator_width = count("generator_width");
    config.model.discriminator_width = count("discriminator_width");
    config.model.blocks = count("blocks");
    config.model.network_side = Some(count("network_side"));
    let taps: Vec<usize> = serde_json::from_value(golden.case["taps"].clone()).unwrap();
    let depths = [Taps::Early, Taps::Deep];
    config.model.taps = depths.into_iter().find(|depth| lite0::blocks_of(*depth) == taps).expect("known taps");
    config.train.loss = Loss::Hinge;
    config.train.batch = count("batch");
    config.train.generator_lr = golden.number("/optimizer/generator_lr");
    config.train.discriminator_lr = golden.number("/optimizer/discriminator_lr");
    (config.train.beta1, config.train.beta2) = (golden.number("/optimizer/beta1"), golden.number("/optimizer/beta2"));
    config.train.adam_eps = golden.number("/optimizer/eps");
    config.train.ema_half_life_kimg = golden.number("/ema_nimg") / 1000.0;
    config.train.ema_rampup = None;
    let autodiff = device.clone().autodiff();
    let generator = load(Generator::new(&config, kind, &autodiff), "generator", golden, &device);
    let discriminator = Discriminator::new(&config, kind, Some(&pretrained), &autodiff).unwrap();
    let discriminator = load(discriminator, "discriminator", golden, &device);
    let mut trainer = Trainer::from_networks(generator, discriminator, &config);
    let mut compared = 0;
    for step in 0..count("steps") {
        let stats = trainer.step(batch(golden, step, &device));
        golden.compare(&format!("step{step}.fake"), stats.fake).await;
        let vectors = [
            ("logits_real", stats.logits_real),
            ("logits_fake", stats.logits_fake),
            ("logits_fake_after", stats.logits_fake_after),
            ("loss_d", stats.loss_d),
            ("loss_g", stats.loss_g),
        ];
        compared += 1 + vectors.len();
        for (name, got) in vectors {
            golden.compare(&format!("step{step}.{name}"), got).await;
        }
    }
    compared += compare_after(golden, &trainer).await;
    let outputs = golden.case["outputs"].as_array().unwrap();
    assert_eq!(compared, outputs.len(), "{}: every output is compared with something", golden.name);
}

fn head_count(golden: &Golden) -> usize {
    golden.case["heads"].as_array().unwrap().len()
}

/// The head `i` with the file's weights.
fn head(golden: &Golden, i: usize, device: &Device) -> Head {
    let layers = golden.case["heads"][i].as_array().unwrap();
    let layer = |at: usize| {
        let described = &layers[at];
        let name = described[0].as_str().unwrap();
        let stride = described[1].as_u64().unwrap() as usize;
        let [has_norm, is_active] = [2, 3].map(|field| described[field].as_bool().unwrap());
        assert_eq!(is_active, at + 1 < layers.len(), "all layers but the last have an activation");
        let shape = golden.shape(&format!("w.{name}.weight"));
        let kind = ConvKind { kernel: shape[2], stride, padding: 1, groups: 1, has_bias: true };
        let norm = has_norm.then(|| BatchNorm::new(shape[0], device));
        HeadLayer::new(SpectralConv::new([shape[1], shape[0]], kind, device), norm, at + 1 == layers.len())
    };
    let head = Head::from_layers((0..layers.len()).map(layer).collect());
    let inner = device.clone().inner();
    weights::replace(head, |name, shape, _| {
        let name = name_of(i, name);
        // Batch norm's running statistics are not used here.
        if name.contains("running_") {
            return None;
        }
        let stored = if name.starts_with("u.") || name.starts_with("v.") { name } else { format!("w.{name}") };
        assert_eq!(golden.shape(&stored), shape, "{}: shape of {stored}", golden.name);
        let values = golden.values(&stored);
        let count = values.len();
        Some(Tensor::from_data(TensorData::new(values, [count]), &inner))
    })
}

/// The file's name of a tensor `layers.0.conv.weight` of head `i`: `head1.0.weight`, or `u.head1.0`.
fn name_of(i: usize, path: &str) -> String {
    let mut parts = path.split('.').skip(1);
    let layer = parts.next().unwrap();
    let field = parts.last().unwrap();
    match field {
        "u" | "v" => format!("{field}.head{i}.{layer}"),
        _ => format!("head{i}.{layer}.{field}"),
    }
}

fn flat(logits: Tensor<4>) -> Tensor<1> {
    let count = logits.shape().num_elements();
    logits.reshape([count])
}

fn rows(logits: Tensor<4>) -> Tensor<2> {
    let [batch, _, height, width] = logits.dims();
    logits.reshape([batch, height * width])
}
