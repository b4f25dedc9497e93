//! Checks that also run in a browser: they wait for the device without blocking, and are given files instead of reading
//! them.

pub mod convolutions;
pub mod file;
pub mod penalties;
pub mod projected;
pub mod r3gan;
