//! The page: everything on the main thread. No tensor and no training logic is in here.

#[path = "../page/mod.rs"]
mod page;

fn main() {
    whelp_web::constructors::run();
    page::start();
}
