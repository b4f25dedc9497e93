//! From the bytes of files to a data set of `u8` pixels, in memory or in a file.
//!
//! [`Reading`] is the loop: [`Source`] (files and entries of archives) → names → [`Plan`] → for each entry: bytes →
//! [`Format::of`] (by content) → [`decode`] to a [`Raster`] → [`Raster::area`] (upright, cropped, RGB or grey) →
//! [`Resizer`] → [`DatasetBuilder`] → [`Dataset`]. [`prepare_cropped`] does the part from bytes to resized pixels;
//! [`IdxReader`] reads idx files. Nothing here opens a file or starts a thread: front ends list the files, give their
//! bytes, and may prepare them on several threads. [`KeptPictures`] keeps prepared data sets in a
//! [`Storage`](crate::storage::Storage).

mod annotation;
mod archive;
mod area;
#[cfg(feature = "avif")]
mod avif;
mod builder;
mod builtin;
mod color;
mod cut;
mod dataset;
mod decode;
mod doctor;
mod error;
mod facts;
mod foreign;
mod grid;
mod idx;
mod jpeg;
mod kept;
mod layout;
mod limits;
mod names;
mod pixels;
mod prepare;
mod raster;
mod read;
mod reading;
mod resize;
mod size;
mod sniff;
mod source;
mod split;
mod stored;
mod summary;
mod table;

pub use annotation::{AnnotationError, MAX_ANNOTATION_BYTES, read_annotation};
pub use archive::Archive;
pub use area::{Area, BoundingBox};
pub use builder::DatasetBuilder;
pub use builtin::{DOGS_NAME, TILE, dogs};
pub use color::Color;
pub use cut::{Cut, Preparation, Target};
pub use dataset::{Dataset, PictureLost};
pub use decode::decode;
pub use doctor::{Count, Flag, FlagCount, Flagged, Report, Verdict};
pub use error::{DataError, DecodeError};
pub use facts::Facts;
pub use foreign::is_left_to_browsers;
pub use grid::Grid;
pub use idx::{IDX_HEAD_BYTES, IdxHead, IdxKind, IdxReader, read_idx_labels};
pub(crate) use kept::remove_unneeded_but;
pub use kept::{KeptPictures, PREPARED};
pub use layout::{Clues, Entry, FoundTable, IdxFile, Layout, Plan, is_idx_pair};
pub use limits::MAX_PIXELS;
pub use names::is_ignorable;
pub use prepare::{Prepared, prepare, prepare_cropped, resize_center};
pub use raster::Raster;
pub use read::{MAX_FILE_BYTES, read_picture};
pub use reading::{Job, PreparedFile, Reading, Step};
pub use resize::{Filter, Resizer};
pub use size::{PictureSize, Sizing, Speed};
pub use sniff::{Format, HEAD_BYTES};
pub use source::{Content, InputFile, Source, idx_kind};
pub use split::{Split, held_out};
pub use stored::{SourceKey, StoredError};
pub use summary::{DataSummary, PictureKind, Skipped};
pub use table::Table;

use archive::ArchiveKind;
use names::sanitized;
use stored::{read_stored, write_stored};
use table::{MAX_TABLES, is_table};
