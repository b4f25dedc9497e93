//! Why one file, or all of them, cannot be used: sentences that a person can act on.

/// Why one file is left out. Its text stands behind the file's name and ends with what can be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Zero bytes.
    #[error("The file is empty: copy it again from where it came from.")]
    Empty,
    /// The first bytes are those of nothing known.
    #[error("Its content is not that of a picture, whatever its name says: leave it out.")]
    NotAPicture,
    /// Recognised, but not among the formats that can be read.
    #[error("It is {found}; only ordinary JPEG, PNG, WebP, GIF, BMP and TIFF pictures can be read: {advice}.")]
    Unsupported {
        /// With its article, e.g. "a HEIC picture".
        found: &'static str,
        /// What to do with it.
        advice: &'static str,
    },
    /// More bytes than a picture has any reason to have.
    #[error("The file has more than {limit_megabytes} MB, the most that is read of one picture: save it smaller.")]
    TooManyBytes {
        /// The limit that was passed.
        limit_megabytes: u64,
    },
    /// Would need too much memory; found from the header, before anything is allocated.
    #[error(
        "It claims {width} x {height} pixels, more than the {limit_megapixels} million that are decoded at once: \
         save it smaller."
    )]
    TooManyPixels {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// The limit that was passed.
        limit_megapixels: u64,
    },
    /// Too little picture to learn from.
    #[error("It has only {width} x {height} pixels, and at least {min_side} on each side are needed: leave it out.")]
    TooSmall {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
        /// The limit that was missed.
        min_side: u32,
    },
    /// A known format whose content does not hold together, cut off files included.
    #[error("The {format} data is damaged or cut short ({reason}): get a fresh copy of the file.")]
    Damaged {
        /// e.g. "PNG".
        format: &'static str,
        /// The decoder's words.
        reason: String,
    },
    /// The bytes could not be had at all.
    #[error("It could not be read ({reason}): check that it still exists and that you may read it.")]
    Unreadable {
        /// The system's or the archive's words.
        reason: String,
    },
    /// A picture outside of the folders that are classes.
    #[error("It lies beside the folders that are classes, in none of them: move it into one, or leave it out.")]
    NoClass,
    /// The decoder itself failed.
    #[error("The decoder crashed on it, which is a fault of ours: leave it out, and please report it.")]
    DecoderCrashed,
}

impl DecodeError {
    /// A decoder's complaint as part of our sentence: in one line, without a full stop of its own.
    pub(super) fn damaged(format: &'static str, reason: impl std::fmt::Display) -> Self {
        let words = reason.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self::Damaged { format, reason: words.trim_end_matches('.').to_owned() }
    }
}

/// Why there is no data set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// There were files, and none could be used.
    #[error(
        "None of the {files} files in {name} is a picture that can be used. {reasons} Choose a folder, a zip or tar \
         archive, or files with JPEG, PNG, WebP, GIF, BMP or TIFF pictures."
    )]
    NoPictures {
        /// The source.
        name: String,
        /// Files that were looked at.
        files: usize,
        /// The first few, each with its reason.
        reasons: String,
    },
    /// The data doctor flagged every one, and they were to be left out.
    #[error(
        "All {files} files of {name} that can be used are flagged, so nothing is left when those are left out. Look at \
         what is wrong with them, or set data.exclude_flagged=false."
    )]
    AllFlagged {
        /// The source.
        name: String,
        /// Files that can be used.
        files: usize,
    },
    /// Nothing to look at.
    #[error(
        "There are no files in {name}. Choose a folder, a zip or tar archive, or files with JPEG, PNG, WebP, GIF, BMP or \
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
        /// The system's words.
        reason: String,
    },
    /// The archive's directory of entries cannot be read.
    #[error(
        "{name} is not an archive that can be read ({reason}): it may be cut short or of another kind. \
         Get a fresh copy, or unpack it and choose the folder."
    )]
    Archive {
        /// The archive.
        name: String,
        /// The reader's words.
        reason: String,
    },
    /// The archive unpacks to more than is reasonable.
    #[error(
        "{name} holds more than {limit_gigabytes} GB of unpacked pictures, the most that is read of one archive. \
         Unpack it and choose the folder."
    )]
    ArchiveTooBig {
        /// The archive.
        name: String,
        /// The limit that was passed.
        limit_gigabytes: u64,
    },
    /// An idx file whose content does not hold together.
    #[error("{name} is not an idx file that can be used: {reason}. Get a fresh copy of it.")]
    Idx {
        /// The file.
        name: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// Labels of other pictures.
    #[error(
        "{pictures_name} holds {pictures} pictures, but {labels_name} {labels} labels: they do not belong together. \
         Get both files from one place."
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
    /// A file of labels, and none of pictures.
    #[error(
        "{labels} in {name} holds labels only. Choose it together with the file of its pictures, which is usually called \
         ...-images-idx3-ubyte, perhaps with .gz."
    )]
    IdxWithoutPictures {
        /// The source.
        name: String,
        /// The file.
        labels: String,
    },
    /// Sets of idx files that cannot be told apart by their names.
    #[error("{name} holds several sets of pictures ({files}). Choose one of these files, with its labels.")]
    IdxChoice {
        /// The source.
        name: String,
        /// The pictures' files.
        files: String,
    },
    /// The built-in pictures are not as this program expects them.
    #[error("The built-in dogs cannot be used ({reason}). Load the page again, or run the set-up again.")]
    BuiltIn {
        /// What was expected, and what was found.
        reason: String,
    },
}
