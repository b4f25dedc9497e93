//! The worker's program for WebGPU.

fn main() {
    whelp_trainer::start();
}
