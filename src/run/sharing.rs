//! What several devices that share each batch can't do, and what they do otherwise than one with the whole batch.

use crate::config::{ConfigError, Loss, RunConfig};
use crate::data::PictureKind;
use crate::models::layers::Kind;
use crate::models::network_layers;

/// Checks that `devices` devices can share the batches of these settings. One always can.
///
/// # Errors
/// [`ConfigError::Combination`] if the batch can't be divided, or if a setting has to see the whole batch at once.
pub fn check_sharing(config: &RunConfig, devices: usize) -> Result<(), ConfigError> {
    let check = |ok: bool, field: &'static str, conflict: &dyn Fn() -> String| {
        if ok || devices == 1 { Ok(()) } else { Err(ConfigError::Combination { field, conflict: conflict() }) }
    };
    let batch = config.train.batch;
    check(batch.is_multiple_of(devices), "train.batch", &|| {
        let below = batch / devices * devices;
        let nearest = match below {
            0 => format!("the nearest that they can is {devices}"),
            _ => format!("the nearest that they can are {below} and {}", below + devices),
        };
        format!("is {batch}, which {devices} devices can't share evenly; {nearest}")
    })?;
    check(config.train.loss != Loss::RelativisticAvg, "train.loss", &|| {
        format!(
            "is relativistic_avg, which compares each picture with all others of the batch, and {devices} devices have a part of \
             it each; use relativistic, which compares pairs, or one device"
        )
    })?;
    check(!config.model.minibatch_stddev, "model.minibatch_stddev", &|| {
        format!(
            "is on, which compares all pictures of the batch, and {devices} devices have a part of it each; turn it off, or use \
             one device"
        )
    })
}

/// Says where the networks see less than the whole batch, if they do: a sentence without a full stop.
pub fn sharing_note(config: &RunConfig, kind: PictureKind, devices: usize) -> Option<String> {
    if devices == 1 {
        return None;
    }
    let has_norm = network_layers(config, kind).map(|layers| layers.iter().any(|layer| layer.kind == Kind::BatchNorm));
    let whose = match has_norm {
        [false, false] => return None,
        [true, false] => "generator",
        [false, true] => "discriminator",
        [true, true] => "generator and the discriminator",
    };
    let (batch, recipe) = (config.train.batch, &config.recipe);
    Some(format!(
        "batch norm in the {whose} of {recipe} normalises the {} pictures of each device by themselves, not the {batch} of the \
         whole batch; its running statistics are the mean over the {devices} devices",
        batch / devices
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes;

    const COLOUR: PictureKind = PictureKind { channels: 3, classes: 0 };

    fn refusal(devices: usize, change: impl FnOnce(&mut RunConfig)) -> String {
        let mut config = recipes::find("dcgan32").unwrap().config();
        change(&mut config);
        check_sharing(&config, devices).unwrap_err().to_string()
    }

    #[test]
    fn a_batch_that_cannot_be_divided_is_refused_with_the_nearest_that_can() {
        assert_eq!(
            refusal(3, |config| config.train.batch = 64),
            "train.batch is 64, which 3 devices can't share evenly; the nearest that they can are 63 and 66"
        );
        assert_eq!(
            refusal(4, |config| config.train.batch = 3),
            "train.batch is 3, which 4 devices can't share evenly; the nearest that they can is 4"
        );
        let config = recipes::find("dcgan32").unwrap().config();
        assert_eq!((check_sharing(&config, 1), check_sharing(&config, 2)), (Ok(()), Ok(())));
    }

    #[test]
    fn settings_that_need_the_whole_batch_are_refused_by_name() {
        let loss = refusal(2, |config| config.train.loss = Loss::RelativisticAvg);
        assert!(loss.starts_with("train.loss is relativistic_avg, which compares"), "{loss}");
        let stddev = refusal(2, |config| config.model.minibatch_stddev = true);
        assert!(stddev.starts_with("model.minibatch_stddev is on, which compares"), "{stddev}");
    }

    #[test]
    fn recipes_with_batch_norm_say_that_it_sees_a_part_of_the_batch() {
        let note = |recipe: &str, devices| sharing_note(&recipes::find(recipe).unwrap().config(), COLOUR, devices);
        assert_eq!((note("r3gan-small", 2), note("dcgan32", 1)), (None, None));
        let dcgan = note("dcgan32", 2).unwrap();
        assert!(dcgan.starts_with("batch norm in the generator and the discriminator of dcgan32"), "{dcgan}");
        let projected = note("projected", 2).unwrap();
        assert!(projected.starts_with("batch norm in the discriminator of projected"), "{projected}");
    }
}
