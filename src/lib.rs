//! Whelp: a GAN trainer for ordinary people. This library is all that the page and the terminal share.
//!
//! Bytes become a [`data::Dataset`]; a [`config::RunConfig`] and a device become a [`run::Run`], which is polled for
//! [`protocol::Event`]s; a [`checkpoint::Checkpoint`] carries everything from one machine to another.
#![warn(missing_docs)]

pub mod checkpoint;
pub mod config;
pub mod data;
pub mod device;
pub mod fields;
pub mod losses;
pub mod models;
pub mod ops;
pub mod platform;
#[allow(missing_docs)] // fields that only repeat their name
pub mod protocol;
pub mod random;
pub mod recipes;
pub mod run;
pub mod sample;
pub mod train;
pub mod validate;
pub mod weights;
