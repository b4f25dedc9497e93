//! Why the form's settings cannot be trained with.

use std::collections::BTreeMap;

use whelp::config::{ConfigError, RunConfig};

/// What is typed into fields and is not a value of theirs, by path.
pub type Refused = BTreeMap<&'static str, ConfigError>;

/// The first thing that is wrong with a configuration from the form.
pub fn complaint(config: &RunConfig, refused: &Refused) -> Option<ConfigError> {
    refused.values().next().cloned().or_else(|| config.clone().validate().err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_comes_before_what_does_not_fit() {
        let mut config = RunConfig::default();
        let mut refused = Refused::new();
        assert_eq!(complaint(&config, &refused), None);
        config.model.conditional = true;
        assert!(complaint(&config, &refused).is_some_and(|error| error.concerns("model.conditional")));
        let typed = ConfigError::Value { field: "seed".into(), found: "x".into(), accepts: "a number".into() };
        refused.insert("seed", typed.clone());
        assert_eq!(complaint(&config, &refused), Some(typed));
    }
}
