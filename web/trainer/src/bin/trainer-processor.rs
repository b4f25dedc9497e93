//! The worker's program for the CPU.

fn main() {
    whelp_trainer::start();
}
