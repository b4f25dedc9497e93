//! The worker: everything that computes. See `trainer/`.

#[path = "../trainer/mod.rs"]
mod trainer;

fn main() {
    whelp_web::constructors::run();
    trainer::start();
}
