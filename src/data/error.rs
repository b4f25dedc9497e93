//! Why a file, or a whole source, cannot be used: sentences that say what to do.

/// Why a file is skipped. The text is shown after the file's name, and ends with what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The file has no bytes.
    #[error("The file is empty. Copy it again.")]
    Empty,
    /// The first bytes are those of no known format.
    #[error("This isn't a picture, despite its name. Leave it out.")]
    NotAPicture,
    /// A file of a known kind that is no picture.
    #[error("This isn't a picture but {found}. {advice}.")]
    Foreign {
        /// With its article, e.g. "a Parquet table".
        found: &'static str,
        /// What to do, as the beginning of a sentence.
        advice: &'static str,
    },
    /// A format of pictures that cannot be read.
    #[error("This is {found}. Only ordinary JPEG, PNG, WebP, AVIF, GIF, BMP and TIFF pictures can be read. {advice}.")]
    Unsupported {
        /// With its article, e.g. "a HEIC picture".
        found: &'static str,
        /// What to do, as the beginning of a sentence.
        advice: &'static str,
    },
    /// The file is larger than any reasonable picture.
    #[error("The file is larger than {limit_megabytes} MB, the limit for one picture. Save it smaller.")]
    TooManyBytes {
        /// The limit.
        limit_megabytes: u64,
    },
    /// Decoding would need too much memory. The header says so, before memory is taken.
    #[error(
        "The picture has {width} x {height} pixels. At most {limit_megapixels} million can be decoded. Save it smaller."
    )]
    TooManyPixels {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// The limit.
        limit_megapixels: u64,
    },
    /// Too few pixels to learn from.
    #[error("The picture has only {width} x {height} pixels. Each side needs at least {min_side}. Leave it out.")]
    TooSmall {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// The limit.
        min_side: u32,
    },
    /// A known format that cannot be decoded.
    #[error("The {format} data is damaged or cut short ({reason}). Get a fresh copy of the file.")]
    Damaged {
        /// e.g. "PNG".
        format: &'static str,
        /// The decoder's message.
        reason: String,
    },
    /// The bytes could not be read.
    #[error("The file could not be read ({reason}). Check that it exists and that you may read it.")]
    Unreadable {
        /// The message of the system or of the archive's reader.
        reason: String,
    },
    /// It lies in an archive that cannot be unpacked in this place.
    #[error("It could not be unpacked ({reason}). Unpack the archive with another program, and choose the folder.")]
    Packed {
        /// The message of the archive's reader.
        reason: String,
    },
    /// The folders are classes, and the picture lies in none of them.
    #[error("The picture is in none of the folders that are classes. Move it into one, or leave it out.")]
    NoClass,
    /// The decoder panicked.
    #[error("The decoder crashed on this file, which is a bug of Whelp. Leave it out, and please report it.")]
    DecoderCrashed,
}

impl DecodeError {
    /// Puts a decoder's message into our sentence: on one line, without a full stop of its own.
    pub(super) fn damaged(format: &'static str, reason: impl std::fmt::Display) -> Self {
        let words = reason.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self::Damaged { format, reason: words.trim_end_matches('.').to_owned() }
    }
}

fn unusable(files: usize, name: &str) -> String {
    match files {
        1 => format!("The only file in {name} cannot be used"),
        _ => format!("None of the {files} files in {name} can be used"),
    }
}

/// Why there is no data set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// There were files, and none could be used.
    #[error(
        "{}. {reasons} Choose a folder, a zip or tar archive, or files with JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF pictures.",
        unusable(*.files, .name)
    )]
    NoPictures {
        /// The source.
        name: String,
        /// Files that were looked at.
        files: usize,
        /// The first few, each with its reason.
        reasons: String,
    },
    /// All usable files are flagged, and flagged files are to be left out.
    #[error(
        "All {files} usable files of {name} are flagged, and flagged files are left out, so no picture remains. Check \
         the flags, or set data.exclude_flagged=false."
    )]
    AllFlagged {
        /// The source.
        name: String,
        /// Usable files.
        files: usize,
    },
    /// The source has no files.
    #[error(
        "There are no files in {name}. Choose a folder, a zip or tar archive, or files with JPEG, PNG, WebP, AVIF, GIF, BMP or \
         TIFF pictures."
    )]
    NoFiles {
        /// The source.
        name: String,
    },
    /// The source cannot be opened.
    #[error("{name} could not be read ({reason}). Check that it exists and that you may read it.")]
    Unreadable {
        /// The source.
        name: String,
        /// The system's message.
        reason: String,
    },
    /// There are more pictures than memory holds, and the file for them failed.
    #[error(
        "The prepared pictures of {name} take more than {megabytes} MB, which is kept on the disk, and that failed ({reason}). \
         Make room there, choose a lower resolution, or use fewer pictures."
    )]
    Unstored {
        /// The source.
        name: String,
        /// What they took until it failed, in millions of bytes.
        megabytes: u64,
        /// The system's message.
        reason: String,
    },
    /// The list of files in an archive cannot be read.
    #[error(
        "{name} cannot be read as an archive ({reason}). It may be cut short, or of an unknown kind. Get a fresh copy, \
         or unpack it and choose the folder."
    )]
    Archive {
        /// The archive.
        name: String,
        /// The reader's message.
        reason: String,
    },
    /// The archive unpacks to more than is reasonable.
    #[error(
        "{name} holds more than {limit_gigabytes} GB of unpacked pictures, the limit for one archive. Unpack it and \
         choose the folder."
    )]
    ArchiveTooBig {
        /// The archive.
        name: String,
        /// The limit.
        limit_gigabytes: u64,
    },
    /// An idx file that is damaged, or of a size that cannot be read.
    #[error("{name} cannot be used as an idx file: {reason}. Get a fresh copy of it.")]
    Idx {
        /// The file.
        name: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// As many labels as pictures were expected.
    #[error(
        "{pictures_name} holds {pictures} pictures, but {labels_name} holds {labels} labels, so they do not belong \
         together. Get both files from one place."
    )]
    IdxLabels {
        /// How many there are.
        pictures: u64,
        /// Their file.
        pictures_name: String,
        /// How many there are.
        labels: u64,
        /// Their file.
        labels_name: String,
    },
    /// A file of labels without a file of pictures.
    #[error(
        "{labels} in {name} holds only labels. Choose it together with the file of its pictures, which is usually named \
         ...-images-idx3-ubyte or ...-images-idx3-ubyte.gz."
    )]
    IdxWithoutPictures {
        /// The source.
        name: String,
        /// The file.
        labels: String,
    },
    /// Several sets of idx files; their names do not say which one to use.
    #[error("{name} holds several sets of pictures ({files}). Choose one of these files, with its labels.")]
    IdxChoice {
        /// The source.
        name: String,
        /// The pictures' files.
        files: String,
    },
    /// The data is divided, but not into what was asked for.
    #[error("{name} has no {wanted} split, only {found}. Set data.splits to what there is, or to all.")]
    NoSplit {
        /// The source.
        name: String,
        /// The split.
        wanted: &'static str,
        /// The splits that are there.
        found: String,
    },
    /// The file with the built-in pictures is not the expected one.
    #[error("The built-in dogs can't be used: {reason}.")]
    BuiltIn {
        /// What was expected, and what was found.
        reason: String,
    },
}
