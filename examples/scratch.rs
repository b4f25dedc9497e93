use std::path::Path;
use whelp::data::*;
fn walk(root: &Path, prefix: &str, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{name}/"), files)
        } else {
            files.push((name, std::fs::read(entry.path()).unwrap()))
        }
    }
}
fn read(name: &str, files: Vec<(String, Vec<u8>)>) -> Result<Dataset, DataError> {
    let mut reading = Reading::new(name, files, Preparation::plain(32))?;
    while let Some(step) = reading.step()? {
        if let Step::Prepare(mut job) = step {
            if let Some(bytes) = job.picture.file().cloned() {
                job.picture.give(Ok(bytes));
            }
            if let Some(bytes) = job.annotation.file().cloned() {
                job.annotation.give(Ok(bytes));
            }
            reading.add(job.prepare());
        }
    }
    reading.finish()
}
fn main() {
    for path in std::env::args().skip(1) {
        let path = Path::new(&path);
        let mut files = Vec::new();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            walk(path, "", &mut files)
        } else {
            files.push((name.clone(), std::fs::read(path).unwrap()))
        }
        let before = std::time::Instant::now();
        match read(&name, files) {
            Err(error) => println!("{name}: ERROR {error}"),
            Ok(data) => {
                let s = data.summary();
                println!("{name}: {} pictures, classes {:?}, {:.1?}", s.count, s.classes, before.elapsed());
                s.notes.iter().for_each(|n| println!("    note: {n}"));
                s.skipped.iter().take(6).for_each(|f| println!("    skipped {}: {}", f.name, f.reason));
            }
        }
    }
}
