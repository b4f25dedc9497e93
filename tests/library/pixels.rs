//! Pictures as a device makes them of bytes.

use burn::tensor::Device;
use whelp::ops::from_pixels;

use crate::golden::on_devices;
use crate::support::assert_close;

on_devices! {
    pixels_become_floats => bytes_become_floats_on_the_cpu, bytes_become_floats_on_a_gpu;
}

fn pixels_become_floats(device: &Device) {
    // Every byte at every place of a word; sizes that fill the last word and that do not.
    for shape in [[5, 3, 32, 16], [1, 1, 257, 4], [1, 1, 3, 1], [1, 1, 257, 255]] {
        let pixels: Vec<u8> = (0..shape.iter().product::<usize>()).map(|at| (at * 7 + at / 256) as u8).collect();
        let expected: Vec<f32> = pixels.iter().map(|pixel| f32::from(*pixel) / 127.5 - 1.0).collect();
        let made = from_pixels(&pixels, shape, device);
        assert_eq!(made.dims(), shape);
        let made: Vec<f32> = made.into_data().try_into_vec().unwrap();
        assert_close(&format!("{shape:?}"), &made, &expected, 0.0, 1e-6);
    }
}
