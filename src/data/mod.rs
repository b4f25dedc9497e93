//! From the bytes of files to a data set of `u8` pixels in memory.
//!
//! bytes → [`Format::of`] (by content) → decode to a [`Raster`] → [`Raster::center_square`] (oriented, RGB) →
//! [`Resizer`] → [`DatasetBuilder`] → [`Dataset`]. [`prepare`] is the middle of that in one call. Nothing here opens a
//! file or starts a thread: front ends hand in bytes or readers.

mod archive;
mod builder;
mod builtin;
mod dataset;
mod decode;
mod error;
mod jpeg;
mod names;
mod prepare;
mod preview;
mod raster;
mod read;
mod resize;
mod sniff;

pub use archive::{Archive, ArchiveEntry};
pub use builder::DatasetBuilder;
pub use builtin::{TILE, dogs};
pub use dataset::Dataset;
pub use decode::decode;
pub use error::{DataError, DecodeError};
pub use names::{is_ignorable, sanitized};
pub use prepare::{prepare, resize_square};
pub use raster::Raster;
pub use read::{MAX_FILE_BYTES, read_picture};
pub use resize::{Filter, Resizer};
pub use sniff::{Format, HEAD_BYTES};
