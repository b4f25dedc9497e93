//! Networks that know pictures already: what they see in a picture judges generated ones. None of them is trained here.

mod cifar10;
mod network;
mod pretrained;

pub use cifar10::Cifar10;
pub use network::{FeatureNetwork, NetworkChoice, Seen};
pub use pretrained::{FeatureError, Pretrained};
