//! Devices: choosing one, opening it, and testing it before it is used.

#[cfg(feature = "wgpu")]
mod adapters;
mod error;
mod launches;
mod read;
mod several;

use std::fmt;
use std::str::FromStr;

#[cfg(feature = "wgpu")]
use burn::tensor::DeviceKind;
use burn::tensor::{Device, Tensor, TensorData};

#[cfg(feature = "wgpu")]
pub use adapters::{Adapter, adapters};
pub use error::DeviceError;
pub use launches::Launches;
pub use read::read_values;

use crate::ops::{Convolution, conv2d, has_half};
use crate::random::{Random, Stream};

/// The device that the user asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A GPU if there is one that works, else the CPU.
    #[default]
    Auto,
    /// burn's CPU backend, flex.
    Cpu,
    /// Any graphics API: WebGPU in the browser; Vulkan, Metal or DirectX natively.
    Wgpu,
    /// Vulkan.
    Vulkan,
    /// One of several graphics adapters.
    Adapter(AdapterChoice),
    /// CUDA, with the index of the device.
    Cuda(usize),
    /// Several devices, at least two, which share each batch.
    Several(Vec<DeviceChoice>),
}

/// Which of the graphics adapters is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterChoice {
    /// Of those that Vulkan lists; of all otherwise.
    pub is_vulkan: bool,
    /// Which of them.
    pub pick: Pick,
}

/// One of several adapters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Its place among them, from 0.
    Index(usize),
    /// A part of its name, in any case.
    Name(String),
}

impl fmt::Display for AdapterChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let api = if self.is_vulkan { "vulkan" } else { "wgpu" };
        match &self.pick {
            Pick::Index(index) => write!(f, "{api}:{index}"),
            Pick::Name(part) => write!(f, "{api}:{part}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown { name: text.to_owned() };
        match text {
            _ if several::names(text).len() > 1 => several::parse(text),
            _ if text.starts_with("remote:") => Err(DeviceError::Remote),
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "wgpu" => Ok(Self::Wgpu),
            "vulkan" => Ok(Self::Vulkan),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let (kind, which) = text.split_once(':').filter(|(_, which)| !which.is_empty()).ok_or_else(unknown)?;
                let is_vulkan = match kind {
                    "cuda" => return which.parse().map(Self::Cuda).map_err(|_| unknown()),
                    "vulkan" => true,
                    "wgpu" => false,
                    _ => return Err(unknown()),
                };
                let pick = which.parse().map_or_else(|_| Pick::Name(which.to_owned()), Pick::Index);
                Ok(Self::Adapter(AdapterChoice { is_vulkan, pick }))
            }
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Wgpu => f.write_str("wgpu"),
            Self::Vulkan => f.write_str("vulkan"),
            Self::Adapter(choice) => choice.fmt(f),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Several(choices) => f.write_str(&several::listed(choices, ",")),
        }
    }
}

/// A device that has passed its self-test.
#[derive(Clone, Debug)]
pub struct OpenDevice {
    /// The device without autodiff; the trainer adds it.
    pub device: Device,
    /// In words, e.g. "NVIDIA H100 (Vulkan)".
    pub description: String,
    /// A CPU, or a GPU that is emulated by a CPU.
    pub is_software: bool,
    /// Why the CPU is used although a GPU was looked for.
    pub reason: Option<String>,
    /// Devices that share each batch with this one; most often none.
    pub others: Vec<Device>,
    /// Whether burn averages numbers over all of these devices itself: on CUDA, by NCCL.
    pub has_collectives: bool,
}

impl OpenDevice {
    fn new(device: Device, description: String, is_software: bool) -> Self {
        let (reason, others, has_collectives) = (None, Vec::new(), false);
        Self { device, description, is_software, reason, others, has_collectives }
    }

    /// How many devices share a batch: 1, if it is this one alone.
    pub fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// Whether it can convolve in half precision: a graphics device with `shader-f16`.
    pub fn has_half(&self) -> bool {
        !self.is_cpu() && has_half(&self.device)
    }

    /// Whether it is the CPU, by burn's flex: then it computes in this program's own memory.
    pub fn is_cpu(&self) -> bool {
        #[cfg(feature = "flex")]
        return self.device == cpu();
        #[cfg(not(feature = "flex"))]
        false
    }
}

/// Opens a device and tests it.
///
/// `Auto` falls back to the CPU, and [`OpenDevice::reason`] tells what is wrong with the GPU.
///
/// # Errors
/// [`DeviceError::NotBuilt`], [`DeviceError::Unavailable`] and [`DeviceError::Wrong`] for a device that was chosen by name.
pub async fn open(choice: DeviceChoice) -> Result<OpenDevice, DeviceError> {
    match choice {
        DeviceChoice::Several(choices) => several::open(choices).await,
        one => open_one(one).await,
    }
}

async fn open_one(choice: DeviceChoice) -> Result<OpenDevice, DeviceError> {
    match choice {
        DeviceChoice::Cpu => open_cpu(None),
        DeviceChoice::Auto => match open_gpu(DeviceChoice::Wgpu).await {
            Ok(gpu) if !gpu.is_software => Ok(gpu),
            Ok(gpu) => open_cpu(Some(format!("the only graphics device, {}, is emulated by the CPU", gpu.description))),
            Err(error) => open_cpu(Some(error.to_string())),
        },
        DeviceChoice::Wgpu | DeviceChoice::Vulkan | DeviceChoice::Adapter(_) | DeviceChoice::Cuda(_) => {
            open_gpu(choice).await
        }
        DeviceChoice::Several(_) => unreachable!("a list holds no lists"),
    }
}

/// The CPU: burn's flex.
#[cfg(feature = "flex")]
pub fn cpu() -> Device {
    Device::flex()
}

/// How many CPU threads compute: 1 in a page without shared memory.
pub fn cpu_threads() -> usize {
    #[cfg(feature = "flex")]
    return crate::ops::threads();
    #[cfg(not(feature = "flex"))]
    1
}

#[cfg(feature = "flex")]
fn open_cpu(reason: Option<String>) -> Result<OpenDevice, DeviceError> {
    crate::platform::use_relaxed_simd();
    Ok(OpenDevice { reason, ..OpenDevice::new(cpu(), "CPU".to_owned(), true) })
}

#[cfg(not(feature = "flex"))]
fn open_cpu(_reason: Option<String>) -> Result<OpenDevice, DeviceError> {
    Err(DeviceError::NotBuilt { name: "flex" })
}

async fn open_gpu(choice: DeviceChoice) -> Result<OpenDevice, DeviceError> {
    let gpu = match choice {
        DeviceChoice::Cuda(index) => open_cuda(index)?,
        DeviceChoice::Vulkan => open_vulkan().await?,
        DeviceChoice::Adapter(choice) => open_adapter(choice).await?,
        _ => open_wgpu(&choice, None).await?,
    };
    self_test(&gpu.device, &gpu.description).await?;
    Ok(gpu)
}

#[cfg(feature = "cuda")]
fn open_cuda(index: usize) -> Result<OpenDevice, DeviceError> {
    // cubecl panics at a card that isn't there, on a thread of its own.
    let cards = Device::enumerate(burn::tensor::DeviceType::Cuda).into_iter().count();
    if index >= cards {
        let reason = match cards {
            0 => "this machine has no NVIDIA driver, or the driver finds no card".to_owned(),
            1 => "this machine has one CUDA device, cuda:0".to_owned(),
            many => format!("this machine has {many} CUDA devices, cuda:0 to cuda:{}", many - 1),
        };
        return Err(DeviceError::Unavailable { name: DeviceChoice::Cuda(index).to_string(), reason });
    }
    Ok(OpenDevice::new(Device::cuda(index), format!("CUDA device {index}"), false))
}

#[cfg(not(feature = "cuda"))]
fn open_cuda(_index: usize) -> Result<OpenDevice, DeviceError> {
    Err(DeviceError::NotBuilt { name: "cuda" })
}

// burn's `vulkan` feature would compile SPIR-V itself instead of WGSL, for this choice and for `wgpu` alike. It is left out:
// Mesa's software Vulkan crashes on that SPIR-V (seen with Mesa 22.3 and cubecl 0.11.3).
#[cfg(feature = "wgpu")]
async fn open_vulkan() -> Result<OpenDevice, DeviceError> {
    open_wgpu(&DeviceChoice::Vulkan, Some((burn::tensor::wgpu::WgpuBackend::Vulkan, DeviceKind::DefaultDevice))).await
}

#[cfg(feature = "wgpu")]
async fn open_adapter(choice: AdapterChoice) -> Result<OpenDevice, DeviceError> {
    let place = adapters::find(&choice).await?;
    open_wgpu(&DeviceChoice::Adapter(choice), Some(place)).await
}

#[cfg(not(feature = "wgpu"))]
async fn open_adapter(_choice: AdapterChoice) -> Result<OpenDevice, DeviceError> {
    Err(DeviceError::NotBuilt { name: "wgpu" })
}

#[cfg(not(feature = "wgpu"))]
async fn open_vulkan() -> Result<OpenDevice, DeviceError> {
    Err(DeviceError::NotBuilt { name: "wgpu" })
}

#[cfg(feature = "wgpu")]
async fn open_wgpu(
    choice: &DeviceChoice,
    place: Option<(burn::tensor::wgpu::WgpuBackend, DeviceKind)>,
) -> Result<OpenDevice, DeviceError> {
    crate::platform::complete_webgpu();
    // Few tasks per submission: between submissions the browser draws.
    let mut options = Device::wgpu_options().tasks_max(32);
    if let Some((api, kind)) = place {
        options = options.graphics_api(api).device_kind(kind);
    }
    let (device, setup) = options
        .init_with_setup_async()
        .await
        .map_err(|error| DeviceError::Unavailable { name: choice.to_string(), reason: error.to_string() })?;
    let info = setup.adapter.get_info();
    let is_software = info.device_type == burn::tensor::wgpu::wgpu::DeviceType::Cpu;
    let description = format!("{} ({:?})", info.name, info.backend);
    Ok(OpenDevice::new(device, description, is_software))
}

#[cfg(not(feature = "wgpu"))]
async fn open_wgpu(_choice: &DeviceChoice, _place: Option<()>) -> Result<OpenDevice, DeviceError> {
    Err(DeviceError::NotBuilt { name: "wgpu" })
}

/// Compares a convolution and its gradients on `device` with sums on the host.
///
/// A GPU whose shader was refused continues with stale memory and only logs an error (tracel-ai/cubecl#1641), so a
/// broken device can only be recognised by its numbers.
async fn self_test(device: &Device, name: &str) -> Result<(), DeviceError> {
    let test = SelfTest::new();
    let expected = test.sums();
    let found = test
        .compute(device)
        .await
        .map_err(|error| DeviceError::Unavailable { name: name.to_owned(), reason: error.to_string() })?;
    for (part, (expected, found)) in
        ["output", "input gradient", "weight gradient"].iter().zip(expected.iter().zip(&found))
    {
        let largest = expected.iter().fold(0f32, |a, v| a.max(v.abs()));
        for (want, got) in expected.iter().zip(found) {
            // Sums of at most 192 products in float32, in different orders.
            if (want - got).abs() <= 1e-4 * largest {
                continue;
            }
            let reason = format!("{part} of a convolution: {got} instead of {want}");
            return Err(DeviceError::Wrong { name: name.to_owned(), reason });
        }
    }
    Ok(())
}

/// A convolution as in the discriminator, on fixed numbers: kernel 4x4, stride 2, padding 1.
struct SelfTest {
    input: Vec<f32>,
    weight: Vec<f32>,
}

impl SelfTest {
    const INPUT: [usize; 4] = [2, 3, 8, 8];
    const WEIGHT: [usize; 4] = [5, 3, 4, 4];
    const OUTPUT: [usize; 4] = [2, 5, 4, 4];
    const CONVOLUTION: Convolution = Convolution { stride: 2, padding: 1, groups: 1 };

    fn new() -> Self {
        let numbers =
            |position: u64, shape: [usize; 4]| Random::new(0, Stream::Init, position).normals(shape.iter().product());
        Self { input: numbers(0, Self::INPUT), weight: numbers(1, Self::WEIGHT) }
    }

    /// The output, and the gradients of the sum of its squares with respect to input and weight, by definition.
    fn sums(&self) -> [Vec<f32>; 3] {
        let mut output = vec![0.0; Self::OUTPUT.iter().product()];
        Self::each_product(|x, w, y| output[y] += self.input[x] * self.weight[w]);
        let mut input_gradient = vec![0.0; self.input.len()];
        let mut weight_gradient = vec![0.0; self.weight.len()];
        Self::each_product(|x, w, y| {
            input_gradient[x] += 2.0 * output[y] * self.weight[w];
            weight_gradient[w] += 2.0 * output[y] * self.input[x];
        });
        [output, input_gradient, weight_gradient]
    }

    /// Calls `tell` with the index in input, weight and output of each product.
    fn each_product(mut tell: impl FnMut(usize, usize, usize)) {
        let at = |[_, channels, height, width]: [usize; 4], n, c, y, x| ((n * channels + c) * height + y) * width + x;
        let Convolution { stride, padding, .. } = Self::CONVOLUTION;
        let [batch, outputs, height, width] = Self::OUTPUT;
        let [_, inputs, kernel, _] = Self::WEIGHT;
        let axes = [batch, outputs, height, width, inputs, kernel, kernel];
        for index in 0..axes.iter().product() {
            let mut rest: usize = index;
            let [n, o, y, x, i, ky, kx] = axes.map(|length| {
                let place = rest % length;
                rest /= length;
                place
            });
            let inside = |place: usize, tap: usize, side: usize| {
                (place * stride + tap).checked_sub(padding).filter(|place| *place < side)
            };
            let (Some(row), Some(column)) = (inside(y, ky, Self::INPUT[2]), inside(x, kx, Self::INPUT[3])) else {
                continue;
            };
            tell(at(Self::INPUT, n, i, row, column), at(Self::WEIGHT, o, i, ky, kx), at(Self::OUTPUT, n, o, y, x));
        }
    }

    /// The same with the device's kernels.
    async fn compute(&self, device: &Device) -> Result<Vec<Vec<f32>>, DeviceError> {
        let device = device.clone().autodiff();
        let tensor = |values: &[f32], shape: [usize; 4]| -> Tensor<4> {
            Tensor::from_data(TensorData::new(values.to_vec(), shape), &device).require_grad()
        };
        let (input, weight) = (tensor(&self.input, Self::INPUT), tensor(&self.weight, Self::WEIGHT));
        let output = conv2d(input.clone(), weight.clone(), None, Self::CONVOLUTION);
        // The square makes the gradients depend on the output.
        let gradients = output.clone().square().sum().backward();
        let parts = [Some(output), input.grad(&gradients), weight.grad(&gradients)];
        let missing = || DeviceError::Failed { reason: "a convolution has no gradient".to_owned() };
        let mut flat = Vec::new();
        for part in parts {
            let part = part.ok_or_else(missing)?.without_autodiff();
            let count = part.shape().num_elements();
            flat.push(part.reshape([count]));
        }
        read_values(flat).await
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use futures_lite::future::block_on;

    use super::*;

    #[test]
    fn choices_read_as_they_are_written() {
        for text in ["auto", "cpu", "wgpu", "vulkan", "vulkan:1", "vulkan:llvm", "wgpu:0", "wgpu:Arc A770", "cuda:2"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        for text in ["gpu", "vulkan:", "cuda:x", "cpu:1", "metal:0"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
        for text in ["cpu,cpu", "cuda:0,cuda:1", "vulkan:0,vulkan:Arc", "wgpu:llvmpipe (LLVM 15, 256 bits),wgpu:1"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        let by_name = AdapterChoice { is_vulkan: false, pick: Pick::Name("Radeon".to_owned()) };
        assert_eq!("wgpu:Radeon".parse(), Ok(DeviceChoice::Adapter(by_name)));
        // A name may have commas in it.
        let named = AdapterChoice { is_vulkan: false, pick: Pick::Name("llvmpipe (LLVM 15.0.6, 256 bits)".to_owned()) };
        assert_eq!("wgpu:llvmpipe (LLVM 15.0.6, 256 bits)".parse(), Ok(DeviceChoice::Adapter(named)));
    }

    #[test]
    fn lists_that_cannot_share_a_batch_are_refused_with_the_reason() {
        let refusal = |text: &str| text.parse::<DeviceChoice>().unwrap_err().to_string();
        for (list, reason) in [
            ("auto,cpu", "auto stands for one device; name each"),
            ("vulkan,vulkan:1", "wgpu and vulkan stand for the best adapter; give each its number, such as vulkan:0"),
            ("cpu,vulkan:0", "devices that share a batch have to be of one kind: cpu, wgpu, vulkan or cuda"),
            ("cuda:0,cuda:1,cuda:0", "a device is named twice; only cpu may be, to try this out"),
        ] {
            assert_eq!(refusal(list), format!("the devices {list} can't be used together: {reason}"));
        }
        assert!(refusal("cpu,").starts_with("there is no device \"\""));
        let remote = refusal("remote:ws://host:3000/0");
        assert!(
            remote.starts_with("devices of other machines can't be used") && remote == refusal("cpu,remote:ws://a:1/0")
        );
    }

    #[test]
    fn a_list_opens_as_one_device_with_others() {
        let opened = block_on(open("cpu,cpu,cpu".parse().unwrap())).unwrap();
        assert_eq!((opened.count(), opened.description.as_str()), (3, "3 devices: CPU, CPU, CPU"));
        assert!(opened.is_cpu() && opened.is_software && !opened.has_collectives);
        assert_eq!(block_on(open(DeviceChoice::Cpu)).unwrap().count(), 1);
    }

    #[test]
    fn the_processor_passes_and_the_sums_notice_weights_that_are_off() {
        block_on(self_test(&cpu(), "CPU")).unwrap();
        let test = SelfTest::new();
        let right = test.sums();
        let wrong = SelfTest { weight: test.weight.iter().map(|weight| weight * 1.001).collect(), ..test }.sums();
        for (right, wrong) in right.iter().zip(&wrong) {
            let largest = right.iter().fold(0f32, |a, v| a.max(v.abs()));
            assert!(right.iter().zip(wrong).any(|(right, wrong)| (right - wrong).abs() > 1e-4 * largest));
        }
    }
}
