//! Whelp: a GAN trainer for ordinary people. This library is all that the page and the terminal share.
//!
//! Bytes become a [`data::Dataset`]; a [`config::RunConfig`] and a device become a [`run::Run`], which is polled for
//! [`protocol::Event`]s; a [`checkpoint::Checkpoint`] carries everything from one machine to another.
//!
//! Without the feature `engine` it is what a front end needs that only asks others to train: settings, recipes, messages.
#![warn(missing_docs)]

#[cfg(feature = "engine")]
pub mod checkpoint;
pub mod config;
pub mod data;
#[cfg(feature = "engine")]
pub mod device;
pub mod fields;
#[cfg(feature = "engine")]
pub mod losses;
#[cfg(feature = "engine")]
pub mod models;
#[cfg(feature = "engine")]
pub mod ops;
pub mod platform;
#[allow(missing_docs)] // fields that only repeat their name
pub mod protocol;
pub mod random;
pub mod recipes;
#[cfg(feature = "engine")]
pub mod run;
#[cfg(feature = "engine")]
pub mod sample;
pub mod series;
pub mod storage;
#[cfg(feature = "engine")]
pub mod train;
pub mod validate;
#[cfg(feature = "engine")]
pub mod weights;
