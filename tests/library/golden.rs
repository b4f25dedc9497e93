//! The maths against PyTorch's numbers, computed in float64: `tests/golden`, or the folder that `WHELP_GOLDEN_DIR` names.
//!
//! Sizes come from the tensors and hyper-parameters from each file's `case`, so another set with other seeds and sizes
//! runs unchanged.

mod augment;
mod file;
mod layers;
mod losses;
mod optimizers;
mod penalties;
mod resize;
mod training;

/// Makes two tests of one check: on the CPU and on a graphics device.
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
