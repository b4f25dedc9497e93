//! What of a run's files lies beyond the checkpoint that the run goes on from: another course of the same run, which no longer
//! counts. It is put into a folder of its own, `branches/NNN-after-step-S`, so that every file tells of one course only.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::run_folder::{BEST, step_of};
use crate::storage::replace_file;
use crate::tensorboard::{self, Record};

/// Puts aside what lies beyond `step`, or everything if there is no step to go on from. What a kill has left unfinished is mended.
/// Returns the step through which `events.jsonl` is known then.
///
/// # Errors
/// Those of the system. Nothing is lost then, and the same call can be made again.
pub fn set_aside(root: &Path, step: Option<u64>) -> io::Result<u64> {
    let mut branch = Branch { root, step, folder: None };
    let known_through = branch.take_events()?;
    branch.take_tensorboard()?;
    branch.take_numbered("samples", ".png")?;
    branch.take_numbered("checkpoints", ".safetensors")?;
    branch.take_best()?;
    Ok(known_through)
}

struct Branch<'a> {
    root: &'a Path,
    step: Option<u64>,
    /// Once there is something in it.
    folder: Option<PathBuf>,
}

impl Branch<'_> {
    fn is_beyond(&self, step: u64) -> bool {
        self.step.is_none_or(|last| step > last)
    }

    /// The folder `branches/…/name`.
    fn folder(&mut self, name: &str) -> io::Result<PathBuf> {
        let root = match &self.folder {
            Some(folder) => folder.clone(),
            None => {
                let branches = self.root.join("branches");
                fs::create_dir_all(&branches)?;
                let used = fs::read_dir(&branches)?.flatten().filter_map(|entry| {
                    entry.file_name().to_str().and_then(|name| name.split('-').next()?.parse::<u32>().ok())
                });
                let number = used.max().map_or(1, |last| last + 1);
                let origin = self.step.map_or_else(|| "from-the-start".to_owned(), |step| format!("after-step-{step}"));
                let folder = branches.join(format!("{number:03}-{origin}"));
                fs::create_dir(&folder)?;
                self.folder.insert(folder).clone()
            }
        };
        let folder = root.join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    fn take_events(&mut self) -> io::Result<u64> {
        let path = self.root.join("events.jsonl");
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            file => file?,
        };
        let Courses { kept, aside, known_through, length, lacks_newline } = Courses::of(&file, self.step)?;
        if !aside.is_empty() {
            let target = self.folder("")?.join("events.jsonl");
            replace_file(&target, |out| copy(&file, &aside, out))?;
            replace_file(&path, |out| {
                copy(&file, &kept, out)?;
                if lacks_newline { out.write_all(b"\n") } else { Ok(()) }
            })?;
            return Ok(known_through);
        }
        let end = kept.last().map_or(0, |range| range.end);
        let file = File::options().append(true).open(&path)?;
        if end < length {
            file.set_len(end)?;
        }
        if lacks_newline {
            (&file).write_all(b"\n")?;
        }
        Ok(known_through)
    }

    fn take_tensorboard(&mut self) -> io::Result<()> {
        for path in files(&self.root.join("tensorboard"))?.into_iter().filter(|path| tensorboard::is_event_file(path)) {
            let mut file = BufReader::new(File::open(&path)?);
            let (mut kept, mut aside, mut count, mut at) = (Vec::new(), Vec::new(), 0, 0);
            let mut shows_something = false;
            while let Some(Record { step, length, has_summary }) = tensorboard::next_record(&mut file)? {
                // The first record says what kind of file it is.
                let is_kept = !self.is_beyond(step) || count == 0;
                extend(if is_kept { &mut kept } else { &mut aside }, at..at + length);
                count += usize::from(is_kept);
                at += length;
                shows_something |= has_summary;
            }
            let file = file.into_inner();
            let is_all_beyond = count <= 1 && (self.step.is_none() || !aside.is_empty());
            if !shows_something {
                // Of a process that was killed when it had just begun.
                fs::remove_file(&path)?;
            } else if is_all_beyond {
                let target = self.folder("tensorboard")?.join(path.file_name().unwrap_or_default());
                fs::rename(&path, target)?;
            } else if !aside.is_empty() {
                let target = self.folder("tensorboard")?.join(path.file_name().unwrap_or_default());
                replace_file(&target, |out| copy(&file, &aside, out))?;
                replace_file(&path, |out| copy(&file, &kept, out))?;
            } else if at < file.metadata()?.len() {
                File::options().append(true).open(&path)?.set_len(at)?;
            }
        }
        Ok(())
    }

    /// Files whose name is `step_`, a number and `ending`.
    fn take_numbered(&mut self, name: &str, ending: &str) -> io::Result<()> {
        for path in files(&self.root.join(name))?.into_iter().rev() {
            if numbered(&path, ending).is_some_and(|step| self.is_beyond(step)) {
                let target = self.folder(name)?.join(path.file_name().unwrap_or_default());
                fs::rename(&path, target)?;
            }
        }
        Ok(())
    }

    /// The best checkpoint, whose name does not tell its step.
    fn take_best(&mut self) -> io::Result<()> {
        let path = self.root.join(BEST);
        // What can't be read is of no course.
        if path.exists() && self.is_beyond(step_of(&path).unwrap_or(u64::MAX)) {
            let target = self.folder("checkpoints")?.join(path.file_name().unwrap_or_default());
            fs::rename(&path, target)?;
        }
        Ok(())
    }
}

/// The step of a file whose name is `step_`, a number and `ending`.
pub fn numbered(path: &Path, ending: &str) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix("step_")?.strip_suffix(ending)?.parse().ok()
}

/// The files of a folder in the order of their names; none if there is no such folder.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    files.sort();
    Ok(files)
}

/// Which parts of `events.jsonl` belong to the course that ends at a step.
struct Courses {
    kept: Vec<Range<u64>>,
    aside: Vec<Range<u64>>,
    /// The last step of what is kept.
    known_through: u64,
    length: u64,
    /// The last line that is kept is whole but for its end.
    lacks_newline: bool,
}

/// What tells the step of an event.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    step: Option<u64>,
    progress: Option<At>,
}

#[derive(Deserialize)]
struct At {
    step: u64,
}

impl Courses {
    fn of(file: &File, last: Option<u64>) -> io::Result<Self> {
        let mut reader = BufReader::new(file);
        // Steps and places of the lines of the present course, and places of those of others.
        let mut course: Vec<(u64, Range<u64>)> = Vec::new();
        let mut aside: Vec<Range<u64>> = Vec::new();
        let (mut text, mut at, mut step, mut lacks_newline) = (Vec::new(), 0, 0, false);
        let leave = |course: &mut Vec<(u64, Range<u64>)>, aside: &mut Vec<Range<u64>>, last: Option<u64>| {
            let first = course.iter().position(|(step, _)| last.is_none_or(|last| *step > last));
            aside.extend(course.drain(first.unwrap_or(course.len())..).map(|(_, place)| place));
        };
        loop {
            text.clear();
            let length = reader.read_until(b'\n', &mut text)? as u64;
            if length == 0 {
                break;
            }
            let place = at..at + length;
            at = place.end;
            let is_ended = text.ends_with(b"\n");
            let Ok(line) = serde_json::from_slice::<Line<'_>>(&text) else {
                // The last line of a killed process is no event; elsewhere it is kept for whoever wants to know.
                if is_ended {
                    aside.push(place);
                }
                continue;
            };
            step = line.progress.map(|at| at.step).or(line.step).unwrap_or(step);
            if line.kind == "started" {
                // A run that went on from here left what was beyond.
                leave(&mut course, &mut aside, Some(step));
            }
            course.push((step, place));
            lacks_newline = !is_ended;
        }
        let was_last = course.last().map(|(_, place)| place.end);
        leave(&mut course, &mut aside, last);
        let is_last_kept = was_last.is_some() && course.last().map(|(_, place)| place.end) == was_last;
        let known_through = course.iter().map(|(step, _)| *step).max().unwrap_or_default();
        let mut kept = Vec::new();
        course.into_iter().for_each(|(_, place)| extend(&mut kept, place));
        aside.sort_by_key(|place| place.start);
        Ok(Self { kept, aside, known_through, length: at, lacks_newline: lacks_newline && is_last_kept })
    }
}

/// Adds a part that may begin where the last one ends.
fn extend(parts: &mut Vec<Range<u64>>, part: Range<u64>) {
    match parts.last_mut() {
        Some(last) if last.end == part.start => last.end = part.end,
        _ => parts.push(part),
    }
}

fn copy(mut file: &File, parts: &[Range<u64>], out: &mut dyn Write) -> io::Result<()> {
    for part in parts {
        file.seek(SeekFrom::Start(part.start))?;
        io::copy(&mut file.take(part.end - part.start), out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn tick(step: u64) -> String {
        format!(
            "{{\"type\":\"tick\",\"progress\":{{\"step\":{step}}},\"series\":{{\"steps\":[{step}],\"values\":{{}}}}}}\n"
        )
    }

    fn started(step: u64) -> String {
        format!("{{\"type\":\"started\",\"progress\":{{\"step\":{step}}}}}\n")
    }

    /// What is kept and what is put aside of these events when a run goes on from a step.
    fn after(events: &str, step: Option<u64>) -> (String, String, u64) {
        let place = TempDir::new().unwrap();
        fs::write(place.path().join("events.jsonl"), events).unwrap();
        let known_through = set_aside(place.path(), step).unwrap();
        let branches = place.path().join("branches");
        let aside = files(&branches)
            .unwrap()
            .first()
            .map_or_else(String::new, |branch| fs::read_to_string(branch.join("events.jsonl")).unwrap());
        (fs::read_to_string(place.path().join("events.jsonl")).unwrap(), aside, known_through)
    }

    #[test]
    fn a_last_line_that_ends_anywhere_is_mended_and_nothing_else_is_lost() {
        let before = started(0) + &tick(1) + &tick(2);
        let last = "{\"type\":\"values\",\"step\":2,\"nimg\":8,\"values\":{\"é\":1.5}}\n";
        for end in 0..=last.len() {
            let part = [before.as_bytes(), &last.as_bytes()[..end]].concat();
            let place = TempDir::new().unwrap();
            let path = place.path().join("events.jsonl");
            fs::write(&path, part).unwrap();
            assert_eq!(set_aside(place.path(), Some(2)).unwrap(), 2);
            // Whole but for its end, it counts.
            let expected = if end + 1 < last.len() { before.clone() } else { before.clone() + last };
            assert_eq!(fs::read_to_string(&path).unwrap(), expected, "{end}");
            assert!(!place.path().join("branches").exists());
        }
    }

    #[test]
    fn what_lies_beyond_the_step_is_another_course() {
        let warning = "{\"type\":\"warning\",\"message\":\"x\"}\n";
        let kept = started(0) + &tick(1) + &tick(2) + warning;
        let beyond = tick(3) + warning + &tick(4);
        assert_eq!(after(&(kept.clone() + &beyond), Some(2)), (kept.clone(), beyond.clone(), 2));
        assert_eq!(after(&(kept.clone() + &beyond), None), (String::new(), kept.clone() + &beyond, 0));
        assert_eq!(after(&kept, Some(2)), (kept.clone(), String::new(), 2));
        // A file of several courses, as older releases left it: the run went back to 2 and on to 5.
        let second = started(2) + &tick(3) + &tick(5);
        let file = kept.clone() + &beyond + &second;
        assert_eq!(after(&file, Some(5)), (kept.clone() + &second, beyond.clone(), 5));
        assert_eq!(after(&file, Some(3)), (kept + &started(2) + &tick(3), beyond + &tick(5), 3));
    }

    #[test]
    fn a_line_that_is_no_event_does_not_stay_among_those_that_are() {
        let torn = "{\"type\":\"tick\",\"progr{\"type\":\"started\"}\n";
        let (kept, aside, _) = after(&(tick(1) + torn + &tick(2)), Some(2));
        assert_eq!((kept, aside), (tick(1) + &tick(2), torn.to_owned()));
    }
}
