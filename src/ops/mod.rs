//! What burn lacks: directional derivatives that can be differentiated again, and resampling whose gradient every backend
//! has.

mod dropout;
mod dual;
mod layers;
mod resample;

pub use dropout::Dropout;
pub use dual::Dual;
pub use layers::{Conv, Linear};
pub use resample::{blur_down, blur_up, nearest_up};
