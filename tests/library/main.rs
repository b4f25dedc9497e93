//! Everything about the library that needs more than one module: one binary, because linking burn takes its time.

#![allow(clippy::disallowed_methods)] // these tests run where there are files and threads

mod augment;
mod batch_norm;
mod bilinear;
mod checkpoint;
mod convolution;
mod data;
#[cfg(feature = "devices")]
mod devices;
mod diagnosis;
mod export;
mod features;
mod golden;
mod half;
mod import;
mod inverted_residual;
mod pixels;
mod platform;
mod projected;
mod properties;
mod rectangles;
mod rectifier;
mod resample;
mod run;
mod scores;
mod spectral_norm;
mod support;
mod tanh;
mod training;
mod warm_start;
