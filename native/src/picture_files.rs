//! Writes drawn pictures to a folder, a zip or one grid, whole or not at all: until the last picture is written everything
//! has a temporary name, and is removed if that never happens.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use whelp::config::Resolution;
use whelp::sample::Pictures;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::failure::Failure;
use crate::png;
use crate::run_folder::write_whole;

/// The most pictures in a grid: more cannot be looked at as one picture.
const GRID_MAX: usize = 4096;

/// Takes pictures in the order of their numbers. A grid keeps all of them in memory; a zip keeps its list of files, about 400
/// bytes for each picture.
#[derive(Debug)]
pub struct PictureFiles {
    out: PathBuf,
    kind: Kind,
    written: usize,
    /// Digits of the numbers in the names: with leading zeros the names have the order of the pictures.
    digits: usize,
}

#[derive(Debug)]
enum Kind {
    Folder { partial: Partial, is_new: bool },
    // The writer is dropped first: some systems do not remove open files.
    Zip { zip: Box<ZipWriter<BufWriter<File>>>, partial: Partial },
    Grid(Pictures),
}

/// An unfinished file or folder. It is removed when dropped, unless it was renamed before.
#[derive(Debug)]
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = if self.0.is_dir() { fs::remove_dir_all(&self.0) } else { fs::remove_file(&self.0) };
    }
}

impl Partial {
    /// Gives what is finished its name `out`. Where that fails, as somebody else has it by now, it stays where it is.
    fn become_(self, out: &Path, rename: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), Failure> {
        rename(&self.0).map_err(|error| {
            let whole = Failure::Input(format!(
                "{} cannot be written to: {error}. The pictures are in {}",
                out.display(),
                self.0.display()
            ));
            std::mem::forget(self);
            whole
        })
    }
}

impl PictureFiles {
    /// Starts writing `count` pictures to `out`, whose ending decides on the kind.
    ///
    /// # Errors
    /// [`Failure::Input`] if the ending is unknown, if a grid would have too many pictures, if it cannot be written to, or if a folder
    /// holds pictures of an earlier drawing that would stay among these.
    pub fn create(out: &Path, count: usize) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::file(out, "written to", &error);
        let ending = out.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        let is_file = matches!(ending.as_deref(), Some("png" | "zip"));
        let digits = count.saturating_sub(1).to_string().len().max(5);
        if is_file && out.is_dir() {
            let shown = out.display();
            return Err(Failure::Input(format!(
                "--out {shown} is a folder; name one without that ending, or another file"
            )));
        }
        if !is_file && out.exists() && !out.is_dir() {
            return Err(Failure::Input(format!("--out {} is a file; name a folder, a .zip or a .png", out.display())));
        }
        if let Some(other) = of_earlier_drawing(out, count, digits).filter(|_| !is_file) {
            return Err(Failure::Input(format!(
                "--out {0} holds {other} of an earlier drawing, which would stay among these {count} pictures: name another folder, or \
                 remove the pictures in {0}",
                out.display()
            )));
        }
        let kind = match ending.as_deref() {
            Some("png") if count > GRID_MAX => {
                return Err(Failure::Input(format!(
                    "a grid holds at most {GRID_MAX} pictures, not {count}; name a folder or a .zip as --out"
                )));
            }
            Some("png") => Kind::Grid(Pictures { resolution: Resolution::default(), channels: 0, pixels: Vec::new() }),
            Some("zip") => Kind::zip(out).map_err(failed)?,
            Some(other) if !out.is_dir() => {
                return Err(Failure::Input(format!(
                    "--out {} ends in .{other}; name a folder, a .zip or a .png",
                    out.display()
                )));
            }
            _ => Kind::folder(out).map_err(failed)?,
        };
        Ok(Self { out: out.to_owned(), kind, written: 0, digits })
    }

    /// Adds the next pictures.
    pub fn add(&mut self, pictures: &Pictures) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::file(&self.out, "written to", &error);
        let digits = self.digits;
        match &mut self.kind {
            Kind::Grid(all) => {
                all.pixels.extend_from_slice(&pictures.pixels);
                (all.resolution, all.channels) = (pictures.resolution, pictures.channels);
            }
            Kind::Folder { partial, .. } => {
                for (index, png) in (self.written..).zip(encode(pictures).map_err(failed)?) {
                    fs::write(partial.0.join(name(index, digits)), png).map_err(failed)?;
                }
            }
            Kind::Zip { zip, .. } => {
                // PNGs are compressed already.
                let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
                for (index, png) in (self.written..).zip(encode(pictures).map_err(failed)?) {
                    zip.start_file(name(index, digits), options).map_err(Failure::fault)?;
                    zip.write_all(&png).map_err(failed)?;
                }
            }
        }
        self.written += pictures.iter().len();
        Ok(())
    }

    /// Gives everything its final name.
    pub fn finish(self) -> Result<(), Failure> {
        let Self { out, kind, written, digits } = self;
        let failed = |error: io::Error| Failure::file(&out, "written to", &error);
        match kind {
            Kind::Grid(pictures) => {
                make_parent(&out).map_err(failed)?;
                png::encode(&pictures.grid()).and_then(|bytes| write_whole(&out, &bytes)).map_err(failed)
            }
            Kind::Folder { partial, is_new: true } => partial.become_(&out, |from| fs::rename(from, &out)),
            Kind::Folder { partial, is_new: false } => partial.become_(&out, |from| {
                let mut names = (0..written).map(|index| name(index, digits));
                names.try_for_each(|name| fs::rename(from.join(&name), out.join(&name)))
            }),
            Kind::Zip { zip, partial } => {
                let file =
                    zip.finish().map_err(Failure::fault)?.into_inner().map_err(|error| failed(error.into_error()))?;
                file.sync_all().map_err(failed)?;
                drop(file);
                partial.become_(&out, |from| fs::rename(from, &out))
            }
        }
    }
}

impl Kind {
    fn zip(out: &Path) -> io::Result<Self> {
        make_parent(out)?;
        let partial = Partial(beside(out));
        let file = File::create(&partial.0)?;
        Ok(Self::Zip { zip: Box::new(ZipWriter::new(BufWriter::new(file))), partial })
    }

    fn folder(out: &Path) -> io::Result<Self> {
        let is_new = !out.is_dir();
        make_parent(out)?;
        // Inside a folder that exists already, because beside it may be another disk.
        let partial = if is_new { beside(out) } else { beside(&out.join("pictures")) };
        // Left by a process that was killed and had our number: in a container they begin anew.
        if partial.is_dir() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir(&partial)?;
        Ok(Self::Folder { partial: Partial(partial), is_new })
    }
}

fn name(index: usize, digits: usize) -> String {
    format!("{index:0digits$}.png")
}

/// The name of a picture of another drawing in the folder `out` that `count` new ones, with so many digits, would not replace.
fn of_earlier_drawing(out: &Path, count: usize, digits: usize) -> Option<String> {
    let names = fs::read_dir(out).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.into_iter().find(|name| {
        let number = name
            .strip_suffix(".png")
            .filter(|number| number.len() >= 5 && number.bytes().all(|it| it.is_ascii_digit()));
        number
            .is_some_and(|number| number.len() != digits || number.parse::<usize>().is_ok_and(|number| number >= count))
    })
}

/// A temporary name for `path`. It contains the process number, so that no other process uses it.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

fn make_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or(Ok(()), fs::create_dir_all)
}

/// Encodes each picture as a PNG, on all cores; in their order.
fn encode(pictures: &Pictures) -> io::Result<Vec<Vec<u8>>> {
    let (Resolution { width, height }, channels) = (pictures.resolution, pictures.channels);
    let all: Vec<&[u8]> = pictures.iter().collect();
    let share = all.len().div_ceil(thread::available_parallelism().map_or(1, NonZero::get)).max(1);
    thread::scope(|scope| {
        let one = |pixels: &&[u8]| png::encode_pixels(pixels, width, height, channels);
        let parts = all.chunks(share).map(|part| scope.spawn(move || part.iter().map(one).collect::<Vec<_>>()));
        // Start all of them before waiting for the first.
        let parts: Vec<_> = parts.collect();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// `count` grey pictures of 2 x 2 pixels, each of its own grey.
    fn pictures(first: usize, count: usize) -> Pictures {
        let pixels = (first..first + count).flat_map(|index| [index as u8; 4]).collect();
        Pictures { resolution: 2.into(), channels: 1, pixels }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_has_its_name_before_the_last_picture() {
        let place = TempDir::new().unwrap();
        for out in ["some/drawn", "drawn.zip", "grid.png"] {
            let out = place.path().join(out);
            let mut files = PictureFiles::create(&out, 99).unwrap();
            for (first, count) in [(0, 50), (50, 49)] {
                files.add(&pictures(first, count)).unwrap();
                assert!(!out.exists(), "{}", out.display());
            }
            files.finish().unwrap();
            assert!(out.exists(), "{}", out.display());
        }
        assert_eq!(names(place.path()), ["drawn.zip", "grid.png", "some"]);
        assert_eq!(names(&place.path().join("some")), ["drawn"]);
        assert_eq!(names(&place.path().join("some/drawn")).len(), 99);
        let last = image::open(place.path().join("some/drawn/00098.png")).unwrap().into_luma8();
        assert_eq!(last.as_raw(), &[98; 4]);
    }

    #[test]
    fn rectangles_are_written_as_they_are() {
        let place = TempDir::new().unwrap();
        let resolution = Resolution { width: 2, height: 3 };
        for out in ["drawn", "grid.png"] {
            let mut files = PictureFiles::create(&place.path().join(out), 1).unwrap();
            files.add(&Pictures { resolution, channels: 1, pixels: (1..=6).collect() }).unwrap();
            files.finish().unwrap();
        }
        for file in ["drawn/00000.png", "grid.png"] {
            let picture = image::open(place.path().join(file)).unwrap().into_luma8();
            assert_eq!((picture.dimensions(), picture.as_raw()), ((2, 3), &vec![1, 2, 3, 4, 5, 6]), "{file}");
        }
    }

    #[test]
    fn what_is_given_up_leaves_no_trace() {
        let place = TempDir::new().unwrap();
        for out in ["drawn", "drawn.zip", "grid.png"] {
            let mut files = PictureFiles::create(&place.path().join(out), 10).unwrap();
            files.add(&pictures(0, 5)).unwrap();
        }
        assert!(names(place.path()).is_empty(), "{:?}", names(place.path()));
    }

    #[test]
    fn what_can_t_be_written_in_the_end_is_refused_before_anything_is_drawn() {
        let place = TempDir::new().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::write(at("pictures"), b"no folder").unwrap();
        fs::create_dir(at("x.zip")).unwrap();
        fs::create_dir(at("x.png")).unwrap();
        for (out, why) in [("pictures", "is a file"), ("x.zip", "is a folder"), ("x.png", "is a folder")] {
            let Err(Failure::Input(message)) = PictureFiles::create(&at(out), 9) else { panic!("{out}") };
            assert!(message.contains(why), "{message}");
        }
        assert_eq!(names(place.path()), ["pictures", "x.png", "x.zip"]);
    }

    #[test]
    fn another_drawing_stays_apart_and_the_same_one_may_be_repeated() {
        let place = TempDir::new().unwrap();
        let out = place.path().join("drawn");
        let draw = |count: usize| {
            let mut files = PictureFiles::create(&out, count)?;
            files.add(&pictures(0, count.min(9)))?;
            files.finish()
        };
        for count in [3, 3, 5] {
            draw(count).unwrap();
        }
        for fewer in [2, 100_001] {
            let Err(Failure::Input(message)) = draw(fewer) else { panic!("{fewer}") };
            assert!(message.contains("of an earlier drawing, which would stay among these"), "{message}");
        }
        assert_eq!(names(&out).len(), 5);
    }

    #[test]
    fn finished_pictures_stay_where_their_name_was_taken_meanwhile() {
        let place = TempDir::new().unwrap();
        let out = place.path().join("drawn");
        // Left by a process of the same number that was killed.
        fs::create_dir(beside(&out)).unwrap();
        let mut files = PictureFiles::create(&out, 1).unwrap();
        files.add(&pictures(0, 1)).unwrap();
        fs::create_dir(&out).unwrap();
        fs::write(out.join("other.txt"), b"theirs").unwrap();
        let Err(Failure::Input(message)) = files.finish() else { panic!("it was replaced") };
        let kept = beside(&out);
        assert!(message.contains(&format!("The pictures are in {}", kept.display())), "{message}");
        assert_eq!((names(&kept), names(&out)), (vec!["00000.png".to_owned()], vec!["other.txt".to_owned()]));
    }

    #[test]
    fn a_folder_keeps_what_else_is_in_it_and_long_numbers_stay_in_order() {
        let place = TempDir::new().unwrap();
        fs::write(place.path().join("notes.txt"), b"mine").unwrap();
        let mut files = PictureFiles::create(place.path(), 100_001).unwrap();
        files.add(&pictures(0, 2)).unwrap();
        files.finish().unwrap();
        assert_eq!(names(place.path()), ["000000.png", "000001.png", "notes.txt"]);
    }
}
