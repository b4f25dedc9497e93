//! Networks that know pictures already: what they see in a picture judges generated ones. None of them is trained here.

mod pretrained;

pub use pretrained::{FeatureError, Pretrained};
