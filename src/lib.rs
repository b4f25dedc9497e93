//! Whelp: a GAN trainer for ordinary people. This library is what the page and the terminal share.
//!
//! Files become a [`data::Dataset`]. Together with a [`config::RunConfig`] and a device it becomes a [`run::Run`], which is
//! polled for [`protocol::Event`]s. A [`checkpoint::Checkpoint`] takes a run from one machine to another.
//!
//! Without the feature `engine`, only the settings, recipes and messages are compiled: all that a front end needs if
//! another program trains.
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
