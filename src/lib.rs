//! Whelp: a GAN trainer for ordinary people. The page and the terminal share this library.
//!
//! Bytes become a [`data::Dataset`]. A [`config::RunConfig`] and a device become a [`run::Run`], which is polled for
//! [`protocol::Event`]s. A [`checkpoint::Checkpoint`] carries a run from one machine to another. A [`session`] serves all
//! of this to a front end on another thread.
//!
//! Without the feature `engine` it has no burn: settings, recipes, messages and data preparation, for the page.
#![warn(missing_docs)]

#[cfg(feature = "engine")]
pub mod checkpoint;
pub mod config;
pub mod data;
#[cfg(feature = "engine")]
pub mod device;
#[allow(missing_docs)] // fields that only repeat their name
pub mod diagnosis;
pub mod encode;
#[cfg(feature = "engine")]
pub mod export;
#[cfg(feature = "engine")]
pub mod features;
pub mod fields;
pub mod history;
pub mod kept_runs;
pub mod latent;
#[cfg(feature = "engine")]
pub mod losses;
pub mod metrics;
#[cfg(feature = "engine")]
pub mod models;
pub mod nearest;
#[cfg(feature = "engine")]
pub mod ops;
pub mod people;
pub mod platform;
#[allow(missing_docs)] // fields that only repeat their name
pub mod protocol;
pub mod random;
pub mod recipes;
mod resume;
#[cfg(feature = "engine")]
pub mod run;
#[cfg(feature = "engine")]
pub mod sample;
pub mod series;
pub mod session;
pub mod storage;
#[cfg(feature = "engine")]
pub mod train;
pub mod validate;
pub mod watch;
#[cfg(feature = "engine")]
pub mod weights;
