//! Networks of twice the resolution that contain smaller ones: what a tensor of the larger one is called in the smaller.
//!
//! R3GAN's generator numbers its stages from the smallest resolution on, so new ones come last. Its discriminator numbers them
//! from the full resolution on: new ones come first, and the others move up. Tensors outside of stages keep their names, as all
//! tensors of other families do.

/// Index of the stage that a tensor belongs to, and the rest of its name.
fn stage(name: &str) -> Option<(usize, &str)> {
    let (index, rest) = name.strip_prefix("stages.")?.split_once('.')?;
    Some((index.parse().ok()?, rest))
}

/// What the tensor `name` of a generator is called in a smaller one with so many stages; none if its stage is new.
pub fn in_smaller_generator(name: &str, stages: usize) -> Option<String> {
    let is_new = stage(name).is_some_and(|(index, _)| index >= stages);
    (!is_new).then(|| name.to_owned())
}

/// What the tensor `name` of a discriminator is called in one with so many stages less; none if its stage is new.
pub fn in_smaller_discriminator(name: &str, new_stages: usize) -> Option<String> {
    match stage(name) {
        Some((index, rest)) => Some(format!("stages.{}.{rest}", index.checked_sub(new_stages)?)),
        None => Some(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_stages_move_and_others_stay() {
        let in_generator = |name| in_smaller_generator(name, 4);
        assert_eq!(in_generator("stages.3.blocks.0.conv1.weight").as_deref(), Some("stages.3.blocks.0.conv1.weight"));
        assert_eq!(in_generator("stages.4.blocks.0.conv1.weight"), None);
        assert_eq!(in_generator("color.weight").as_deref(), Some("color.weight"));
        let in_discriminator = |name| in_smaller_discriminator(name, 1);
        assert_eq!(in_discriminator("stages.0.blocks.1.conv3.weight"), None);
        assert_eq!(in_discriminator("stages.2.resize.weight").as_deref(), Some("stages.1.resize.weight"));
        assert_eq!(in_discriminator("stem.weight").as_deref(), Some("stem.weight"));
        assert_eq!(in_smaller_discriminator("stages.0.resize.weight", 0).as_deref(), Some("stages.0.resize.weight"));
        assert_eq!(in_discriminator("blocks.0.conv.weight").as_deref(), Some("blocks.0.conv.weight"));
    }
}
